"""Depth and segments of a few frames become the voxels that are there, and nothing that is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from box_street import AHEAD, STREET, Thing, drive, images
from contract import SPACES, facts_of, log_of, run

from occlabel.schemas.arrays import CONFIDENCE, DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS, SEMANTICS
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.depth_lifting.stage import DepthLifting

TAXONOMY = SPACES["semantickitti"].taxonomy
SPACE = LabelSpace(Grid(origin=(-6, -12.9, -0.5), voxel_size=0.2, shape=(180, 129, 32), frame="ego"), TAXONOMY)
"""The road lies in the middle of voxels 2 up, the walls of the street in the middle of theirs."""
CAR, ROAD, BUILDING, FREE = (TAXONOMY.names.index(name) for name in ("car", "road", "building", "free"))
FRONT = DEPTH.on("front").name


def lifted(log: DriveLog, seen: Arrays, **options: Any) -> tuple[np.ndarray, np.ndarray]:
    found = run(DepthLifting(**{"radius": 3, "stride": 1, **options}), SPACE, log, seen)
    return found[SEMANTICS.name], found[CONFIDENCE.name]


def truth(things: tuple[Thing, ...], shift: float, time: float) -> np.ndarray:
    """Class of the voxel centres, of a car that stands ``shift`` metres along the street; the road is one voxel."""
    centres = SPACE.grid.centres() + np.array([shift, 0, 0])
    result = np.where(np.abs(centres[..., 2]) < 0.1, ROAD, FREE)
    for thing in things:
        low, high = (np.array(corner) + np.array([thing.speed * time, 0, 0]) for corner in (thing.low, thing.high))
        result[((centres > low) & (centres < high)).all(axis=-1)] = TAXONOMY.names.index(thing.name)
    return result


def near_truth(labels: np.ndarray, true: np.ndarray) -> float:
    """Share of the occupied labels that lie within one voxel of their class."""
    from scipy.ndimage import binary_dilation

    right = total = 0
    for one in (CAR, ROAD, BUILDING):
        mine = labels == one
        right += int((mine & binary_dilation(true == one, np.ones((3, 3, 3)))).sum())
        total += int(mine.sum())
    return right / total


def test_what_is_labelled_is_there() -> None:
    log = drive(7)
    labels, _ = lifted(log, images(log, STREET, TAXONOMY))
    true = truth(STREET, 3.0, 3)
    assert near_truth(labels[3], true) > 0.99
    free = labels[3] == FREE
    assert free.mean() > 0.15 and (true[free] == FREE).mean() > 0.985
    road = labels[3][70:150, 59:70, 2]
    assert (road == ROAD).mean() > 0.97, "it has no holes"
    behind = labels[3][:, :18]
    assert (behind == UNKNOWN).all(), "nobody looked behind the wall"


def test_ground_is_completed_under_the_way_of_the_car_where_no_camera_looks() -> None:
    log = drive(9, step=2.0)
    seen = images(log, STREET, TAXONOMY)
    labels, confidence = lifted(log, seen, radius=2, stride=1)
    under = np.s_[4, 20:60, 61:68, 2]
    assert (labels[under] == ROAD).mean() > 0.95, "from two metres behind the ego frame's origin on"
    assert (labels[4, 20:60, 61:68, 3:9] == FREE).all(), "the car has driven there"
    assert (confidence[under] > 0).all()
    alone, _ = lifted(log, seen, radius=0)
    assert (alone[under] == UNKNOWN).all(), "one frame shows no way"


def test_what_drives_is_where_its_own_frame_sees_it_and_leaves_no_trail() -> None:
    log, things = drive(7, step=0.0), (*STREET[:2], Thing("car", (10, -2, 0), (14, 0, 1.5), speed=1.5))
    labels, _ = lifted(log, images(log, things, TAXONOMY))
    x, y, z = SPACE.grid.centres()[labels[3] == CAR].T
    assert len(x) > 50 and x.min() > 14.2 and x.max() < 18.8, "it has come 4.5 m by now, and is only there"
    assert y.min() > -2.3 and y.max() < 0.3 and z.max() < 1.8
    assert (labels[3][82:100, 56:64, 4:8] == FREE).all(), "from where it has come"
    assert (labels[3][104:117, 56:64, 4:8] != FREE).all(), "other frames saw through where its inside is now"


def test_frames_around_outvote_a_wall_that_one_frame_has_made_up() -> None:
    log = drive(7, step=0.5)
    seen = images(log, STREET, TAXONOMY)
    seen[FRONT][3, :, 40:120] = 4.0
    made_up = np.s_[3, 56:60, 59:71, 7:12]
    alone, around = ((lifted(log, seen, radius=radius)[0][made_up]) for radius in (0, 3))
    solid = [int(((found != FREE) & (found != UNKNOWN)).sum()) for found in (alone, around)]
    assert solid[0] > 40 and solid[1] < 0.3 * solid[0]


def test_the_class_is_that_of_most_votes_weighed_by_their_score() -> None:
    log = drive(7)
    seen = images(log, STREET, TAXONOMY)
    classes, score = SEGMENT_CLASS.on("front").name, "segment_score/front"
    wrong = seen[classes][2:4] == BUILDING
    seen[classes][2:4][wrong] = TAXONOMY.names.index("fence")
    seen[score][2:4][wrong] = 20
    labels, _ = lifted(log, seen)
    assert (labels[3] == BUILDING).sum() > 20 * (labels[3] == TAXONOMY.names.index("fence")).sum()
    alone, _ = lifted(log, seen, radius=0)
    assert (alone[3] == BUILDING).sum() == 0


def test_deviation_makes_what_is_far_off_count_less() -> None:
    log = drive(5)
    seen = images(log, STREET, TAXONOMY)
    off = np.full(seen[FRONT].shape, 0.01, np.float16)
    seen[FRONT][1] *= np.float16(0.7)
    off[1] = 0.4
    seen[DEPTH_DEVIATION.on("front").name] = off
    true = truth(STREET, 2.0, 2)
    said = lifted(log, seen, radius=2, deviation=True)[0][2]
    assert near_truth(said, true) > 0.9
    assert DepthLifting(deviation=True).without("depth_deviation") == DepthLifting()


def test_frames_of_which_nothing_is_known_stay_unknown_and_those_without_a_pose_stand_alone() -> None:
    log = drive(5)
    seen = images(log, STREET, TAXONOMY)
    alone = lifted(log, seen, radius=0)[0][1]
    seen[FRONT][2] = np.nan
    lost = log_of([replace(f, world_from_ego=None) if row == 1 else f for row, f in enumerate(log.frames)])
    labels, confidence = lifted(lost, seen)
    assert (labels[2] == UNKNOWN).all() and (confidence[2] == 0).all()
    np.testing.assert_array_equal(labels[1], alone)


def test_cameras_that_show_nothing_are_said() -> None:
    facts = facts_of(drive(1))
    bare = Rig(cameras=tuple(camera.model_copy(update={"extrinsics": False}) for camera in facts.rig.cameras))
    assert "no camera is calibrated (front)" in (DepthLifting().refuse(SPACE, bare) or "")
    assert "no cameras" in (DepthLifting().refuse(SPACE, Rig()) or "")
    assert DepthLifting().doubts(SPACE, facts) is None and AHEAD[0, 3] == 1.5


def test_more_images_than_can_be_counted_are_refused() -> None:
    six = Rig(cameras=tuple(RigCamera(name=str(n)) for n in range(6)))
    assert DepthLifting(radius=340).refuse(SPACE, six) is None
    assert DepthLifting(radius=1000).refuse(SPACE, Rig(cameras=six.cameras[:2])) is None
    said = DepthLifting(radius=341).refuse(SPACE, six)
    assert said == (
        "4098 images could overflow the 16 bits of a voxel; of 6 cameras completion.radius can be 340 at most"
    )


@pytest.mark.parametrize("radius", [0, 2])
def test_the_window_reaches_as_far_as_it_says(radius: int) -> None:
    assert DepthLifting(radius=radius, stride=3).halo == 3 * radius
