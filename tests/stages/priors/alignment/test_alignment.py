"""An estimate of unknown scale and shift becomes metres, by LiDAR or by the ground, and knows where it is off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from box_street import AHEAD, STREET, blind, drive, images, sweeps
from contract import SPACES, facts_of, run
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, RELATIVE_DEPTH, SEGMENT_CLASS
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.rig import Rig
from occlabel.stages.priors.alignment.ground import GroundAlignment
from occlabel.stages.priors.alignment.lidar import LidarAlignment

SPACE, FRONT = SPACES["occ3d"], DEPTH.on("front").name
LOG = drive(5)
SEEN = images(LOG, STREET, SPACE.taxonomy)
TRUE = SEEN[FRONT].astype(np.float64)


def told(scales: list[float], shift: float = 0.01, noise: float = 0.0) -> dict[str, NDArray[Any]]:
    """What a model says that has another scale for each frame, and a bias for what is far."""
    inverse = 1 / TRUE * (1 + np.random.default_rng(0).normal(0, noise, TRUE.shape))
    said = np.stack([(one - shift) / scale for one, scale in zip(inverse, scales, strict=True)])
    metres = np.where(said > 1e-3, 1 / np.maximum(said, 1e-3), np.nan)
    return SEEN | {FRONT: metres.astype(np.float16), RELATIVE_DEPTH.on("front").name: said.astype(np.float16)}


def by(
    stage: LidarAlignment | GroundAlignment, log: DriveLog, estimate: Any, sensors: Any = None
) -> dict[str, NDArray[Any]]:
    return dict(run(stage, SPACE, log, estimate, sensors=sensors))


def abs_rel(depth: np.ndarray) -> float:
    known = np.isfinite(depth) & np.isfinite(TRUE)
    return float(np.mean(np.abs(depth[known].astype(float) - TRUE[known]) / TRUE[known]))


@pytest.mark.parametrize("of", ["depth", "relative_depth"])
def test_lidar_finds_the_scale_and_the_shift_of_each_image(of: str) -> None:
    estimate = told([2.0, 1.3, 0.7, 1.9, 1.0], noise=0.02)
    stage = LidarAlignment.model_validate({"of": of, "steadied": 2})
    found = by(stage, LOG, estimate, sweeps(LOG, STREET))
    assert abs_rel(estimate[FRONT]) > 0.25
    assert abs_rel(found[FRONT]) < 0.025
    said = estimate[f"{of}/front"]
    assert (np.isfinite(found[FRONT]) <= np.isfinite(said)).all(), "what the model does not know stays so"


def test_a_frame_without_a_sweep_has_the_scale_of_the_frames_around() -> None:
    log = blind(LOG, 2)
    found = by(LidarAlignment(steadied=2), log, told([1.5] * 5), sweeps(LOG, STREET))
    assert abs_rel(found[FRONT]) < 0.01 and np.isfinite(found[FRONT][2]).any()
    alone = by(LidarAlignment(steadied=0), log, told([1.5] * 5), sweeps(LOG, STREET))
    assert np.isnan(alone[FRONT][2]).all(), "what nothing vouches for is no depth"


def test_the_ground_does_for_lidar_where_the_height_of_the_camera_is_known() -> None:
    estimate = told([2.0, 1.3, 0.7, 1.9, 1.0], noise=0.02)
    found = by(GroundAlignment(steadied=2), LOG, estimate)
    assert abs_rel(found[FRONT]) < 0.03
    assert np.nanmin(found[DEPTH_DEVIATION.on("front").name]) > 0.045, "the height itself may be off"
    higher = by(GroundAlignment(ground=-1.6), LOG, estimate)
    ratio = np.nanmedian(higher[FRONT].astype(float) / TRUE)
    assert ratio == pytest.approx(2.0, rel=0.02), "twice as high above the road, twice as far away"


def test_deviation_is_high_where_the_estimate_is_wrong_and_knows_its_size() -> None:
    estimate = told([1.5] * 5, noise=0.04)
    wrong = TRUE < 0
    wrong[:, 10:40, 40:70] = True
    torn = np.exp(np.random.default_rng(1).normal(0, 0.25, TRUE.shape)).astype(np.float16)
    estimate[FRONT] = np.where(wrong, estimate[FRONT] * torn, estimate[FRONT])
    found = by(LidarAlignment(), LOG, estimate, sweeps(LOG, STREET))
    off, error = found[DEPTH_DEVIATION.on("front").name].astype(float), np.abs(found[FRONT] - TRUE) / TRUE
    known, inside = np.isfinite(off) & np.isfinite(TRUE), np.zeros_like(wrong)
    inside[:, 16:34, 46:64] = True
    assert np.median(off[inside & known]) > 3 * np.median(off[~wrong & known])
    flat = known & ~wrong & (TRUE < 20)
    assert 0.5 < np.sqrt(np.mean(error[flat] ** 2)) / np.median(off[flat]) < 2


def test_a_thing_that_is_wrong_as_a_whole_is_put_right_where_points_fall_on_it() -> None:
    estimate = told([1.5] * 5, noise=0.02)
    car = SEEN[SEGMENT_CLASS.on("front").name] == SPACE.taxonomy.names.index("car")
    estimate[FRONT] = np.where(car, estimate[FRONT] * np.float16(1.06), estimate[FRONT])
    found = by(LidarAlignment(), LOG, estimate, sweeps(LOG, STREET))[FRONT]
    ratio = found.astype(float)[car] / TRUE[car]
    assert abs(np.median(ratio) - 1) < 0.02


def test_an_edge_is_less_sure_than_a_plane() -> None:
    found = by(LidarAlignment(), LOG, told([1.5] * 5), sweeps(LOG, STREET))
    off = found[DEPTH_DEVIATION.on("front").name][0].astype(float)
    classes, car = SEEN[SEGMENT_CLASS.on("front").name][0], SPACE.taxonomy.names.index("car")
    beside = (classes[:, :-1] == car) != (classes[:, 1:] == car)
    assert np.nanmedian(off[:, :-1][beside]) > 3 * np.nanmedian(
        off[classes == SPACE.taxonomy.names.index("driveable_surface")]
    )


def test_what_cannot_work_is_said() -> None:
    bare = Rig(cameras=tuple(camera.model_copy(update={"extrinsics": False}) for camera in LOG.rig.cameras))
    assert "no camera is calibrated (front)" in (LidarAlignment().refuse(SPACE, bare) or "")
    assert "front without a calibration" in (
        LidarAlignment().doubts(SPACE, facts_of(LOG).model_copy(update={"rig": bare})) or ""
    )
    said = GroundAlignment(classes=("street",)).refuse(SPACE, None) or ""
    assert "occ3d has none of the classes street; set classes to some of others, barrier" in said
    assert GroundAlignment().refuse(SPACE, LOG.rig) is None and AHEAD[2, 3] == 1.6
