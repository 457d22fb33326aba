"""Stereo finds the depth that pictures were drawn with, and says when there is no pair of cameras."""

from __future__ import annotations

import numpy as np
import pytest
from contract import SPACES, ScriptedSensors, log_of, run, street
from stereo_car import APART, FOCAL, OFF, SIZE, car, pictures

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadLog
from occlabel.schemas.rig import Rig
from occlabel.stages.priors.depth.stereo import Stereo

SPACE = SPACES["occ3d"]


def test_a_wall_lies_where_it_was_drawn() -> None:
    for metres in (5.0, 12.0, 30.0):
        result = run(Stereo(), SPACE, car(), sensors=pictures(np.full(SIZE[::-1], metres)))
        depth = result[DEPTH.on("left").name][0].astype(float)
        drawn = depth[:, int(FOCAL * APART / metres + OFF) // 4 + 4 :]
        assert np.isfinite(drawn).mean() > 0.95
        disparity = FOCAL * APART / drawn[np.isfinite(drawn)]
        assert (np.abs(disparity - FOCAL * APART / metres) < 0.4).mean() > 0.98
        assert np.isnan(result[DEPTH.on("right").name]).all(), "no camera is to the right of it"


def test_which_is_the_right_camera_is_the_calibrations_affair() -> None:
    sensors = pictures(np.full(SIZE[::-1], 12.0))
    swapped = ScriptedSensors({}, {"b": sensors.images["left"], "a": sensors.images["right"]})
    log = car(names=("b", "a"))
    first, second = log.frames[0].cameras
    log = log_of([Frame("000000", 0.0, np.eye(4), (second, first))])
    result = run(Stereo(), SPACE, log, sensors=swapped)
    assert np.nanmedian(result[DEPTH.on("b").name].astype(float)) == pytest.approx(12.0, rel=0.02)


def test_cameras_that_are_no_pair_are_refused() -> None:
    sensors = pictures(np.full(SIZE[::-1], 12.0))
    with pytest.raises(BadLog, match="no two of the cameras left, right look the same way, side by side, with one K"):
        run(Stereo(), SPACE, car(right_turned=0.1), sensors=sensors)
    rig = car().rig
    assert Stereo().refuse(SPACE, rig) is None and Stereo().refuse(SPACE, None) is None
    assert "there is only left" in (Stereo().refuse(SPACE, Rig(cameras=rig.cameras[:1])) or "")
    lost = Rig(cameras=(rig.cameras[0], rig.cameras[1].model_copy(update={"extrinsics": False})))
    assert "there is right without a calibration" in (Stereo().refuse(SPACE, lost) or "")
    assert "no cameras" in (Stereo().refuse(SPACE, Rig()) or "")


def test_a_missing_image_leaves_its_frame_unknown() -> None:
    sensors = pictures(np.full(SIZE[::-1], 12.0))
    alone = ScriptedSensors({}, {"left": sensors.images["left"]})
    assert np.isnan(run(Stereo(), SPACE, car(), sensors=alone)[DEPTH.on("left").name]).all()
    log, sensors = street()
    with pytest.raises(BadLog):
        run(Stereo(), SPACE, log, sensors=sensors)
