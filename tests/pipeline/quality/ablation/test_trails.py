"""Where a trail can lie: what a mover has left or not yet reached, and not what touches it."""

from pathlib import Path

import numpy as np

from occlabel.pipeline.quality.ablation.trails import trails
from occlabel.pipeline.quality.ablation.vote import Counts
from occlabel.schemas.drive_log import DriveLog, Frame, Sweep, VoxelTruth
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES

SPACE = LabelSpace(
    Grid(origin=(0.0, -4.0, -1.0), voxel_size=1.0, shape=(8, 8, 4), frame="lidar"), TAXONOMIES["semantickitti"]
)
CAR, ROAD, TRUCK = 1, 9, 4


def passing_car() -> tuple[DriveLog, list[VoxelTruth]]:
    """A car of one voxel that drives over a road from x = 0 to x = 6 while the LiDAR stands still."""
    frames, truths = [], []
    for index in range(7):
        frames.append(Frame(f"{index:06d}", index / 10, np.eye(4), (), Sweep(Path("none"), np.eye(4), index / 10)))
        semantics = np.zeros(SPACE.grid.shape, np.uint8)
        semantics[:, :, 0] = ROAD
        semantics[index, 4, 1] = CAR
        truths.append(VoxelTruth(semantics, np.ones(semantics.shape, bool), SPACE))
    return DriveLog("a", "stamp", "text", tuple(frames)), truths


def test_trails_lie_where_the_car_was_or_will_be_and_not_beside_it() -> None:
    log, truths = passing_car()
    free = trails(log, truths, range(3, 4), SPACE, Hands())
    assert list(zip(*np.nonzero(free.left[3]), strict=True)) == [(0, 4, 1), (1, 4, 1), (5, 4, 1), (6, 4, 1)]
    beside = free.beside[3]
    assert beside[2, 4, 1] and beside[4, 5, 2] and not beside[1, 4, 1]
    assert not beside[3, 4, 1], "the car itself is not free"
    assert not beside[..., 0].any(), "the road is not free"


def test_what_is_not_scored_holds_no_trail() -> None:
    log, truths = passing_car()
    truths[3].scored[0] = False
    free = trails(log, truths, range(3, 4), SPACE, Hands())
    assert not free.left[3][0].any()


def test_ghosts_are_movable_labels_of_free_voxels() -> None:
    confusion = np.zeros((20, 20), np.int64)
    free = SPACE.taxonomy.free_id
    confusion[free, CAR], confusion[free, TRUCK], confusion[free, ROAD], confusion[ROAD, CAR] = 3, 2, 50, 7
    assert Counts(confusion).ghosts(SPACE.taxonomy) == 5
