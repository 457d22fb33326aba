"""Images of a car that moves say how far away things are, where they stand still and the poses are known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from box_street import AHEAD, STREET, K, drive, images, photographs
from contract import SPACES, inputs_of, log_of, run

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import inverse
from occlabel.schemas.stage import Clip
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.priors.alignment.motion import MotionAlignment
from occlabel.stages.priors.alignment.triangulation import triangulated
from occlabel.stages.priors.depth.lidar import LidarDepth

SPACE, FRONT = SPACES["occ3d"], DEPTH.on("front").name
LOG = drive(5)
TRUE = images(LOG, STREET, SPACE.taxonomy)[FRONT].astype(np.float64)
THERE_FROM_HERE = inverse(LOG.frames[1].world_from_ego @ AHEAD) @ AHEAD  # type: ignore[operator]


def test_what_two_images_show_is_as_far_away_as_it_is() -> None:
    taken = photographs(LOG, STREET).images
    found = triangulated(taken["front/000000"], taken["front/000001"], K, THERE_FROM_HERE)
    u, v = np.rint(found.pixels.T / 4).astype(int)
    inside = (v < TRUE.shape[1]) & (u < TRUE.shape[2])
    ratio = found.depth[inside] / TRUE[0, v[inside], u[inside]]
    assert len(ratio) > 300
    assert np.nanmedian(ratio) == pytest.approx(1, abs=0.01) and np.nanmean(np.abs(ratio - 1) < 0.1) > 0.75


def test_an_estimate_is_made_metric_by_the_motion_of_the_car() -> None:
    said = {FRONT: (TRUE * np.array([2.0, 1.5, 0.6, 1.8, 1.1])[:, None, None]).astype(np.float16)}
    found = run(MotionAlignment(steadied=1), SPACE, LOG, said, sensors=photographs(LOG, STREET))[FRONT].astype(float)
    known = np.isfinite(found) & np.isfinite(TRUE) & (TRUE < 40)
    assert known.mean() > 0.4
    assert np.mean(np.abs(found[known] / TRUE[known] - 1)) < 0.03


def test_a_car_that_stands_or_is_lost_says_nothing_by_itself() -> None:
    sensors = photographs(LOG, STREET)
    said = {FRONT: (TRUE * 2).astype(np.float16)}
    stands = log_of([replace(frame, world_from_ego=np.eye(4)) for frame in LOG.frames])
    assert np.isnan(run(MotionAlignment(), SPACE, stands, said, sensors=sensors)[FRONT]).all()
    lost = log_of([replace(f, world_from_ego=None) if row == 4 else f for row, f in enumerate(LOG.frames)])
    found = run(MotionAlignment(steadied=2), SPACE, lost, said, sensors=sensors)[FRONT].astype(float)
    assert np.nanmedian(found[4] / TRUE[4]) == pytest.approx(1, abs=0.03), "by the frames before it"


@pytest.mark.parametrize(("log", "apart"), [("00", 1), ("02", 1), ("04", 2)])
def test_real_images_have_the_scale_of_the_lidar(log: str, apart: int, shared: Path) -> None:
    """Median over an image of what is triangulated by what the sweep measures beside it."""
    reader = open_logs(shared / "data/kitti")
    drive_ = next(one for one in reader.logs() if one.id == log).part(0, 5)
    camera = drive_.rig.names[0]
    stage, whole = MotionAlignment(apart=apart), Clip(log, 0, 5)
    shape = run(LidarDepth(), SPACE, drive_, sensors=reader)  # type: ignore[arg-type]
    measured = shape[DEPTH.on(camera).name][2].astype(float)
    known = stage.known(inputs_of(stage, drive_, whole, shape, reader), 2, SPACE)[camera]  # type: ignore[arg-type]
    both = np.isfinite(known) & np.isfinite(measured)
    assert both.sum() > 50
    assert np.median(known[both] / measured[both]) == pytest.approx(1, abs=0.03)
