"""A wall before a LiDAR: what lies before it is passed, what lies behind it nobody knows."""

import contract
import numpy as np
from contract import BLIND, SPACES

from occlabel.schemas.arrays import HIT, PASSED
from occlabel.schemas.grid import Grid
from occlabel.stages.evidence.rays import Rays, observed
from occlabel.stages.sensing.scan import Scan

GRID = Grid(origin=(0.0, -2.0, -1.0), voxel_size=0.5, shape=(20, 8, 4), frame="lidar")


def seen(points: list[list[float]]) -> np.ndarray:
    return observed(Scan(np.array([[*point, 0.5] for point in points], np.float32), np.zeros(3)), GRID)


def test_before_the_wall_behind_it_and_in_it() -> None:
    wall = [[6.25, y, z] for y in np.arange(-1.9, 2, 0.1) for z in np.arange(-0.9, 1, 0.1)]
    found = seen(wall)
    assert (found[12] == HIT).all(), "the wall is one voxel thick at 6 m"
    assert (found[13:] == 0).all()
    assert (found[6:12, 2:6, 1:3] == PASSED).all()
    assert set(np.unique(found)) == {0, PASSED, HIT}


def test_a_voxel_that_is_hit_stays_so_however_many_rays_graze_it() -> None:
    beyond = [[9.25, y, 0.1] for y in np.linspace(-0.2, 0.2, 50)]
    found = seen([[4.25, 0.05, 0.1], *beyond])
    assert found[8, 4, 2] == HIT
    assert found[9, 4, 2] == PASSED


def test_the_own_car_and_points_that_are_none_say_nothing() -> None:
    assert not seen([[1.0, 1.0, -0.5], [0.0, 0.0, 0.0], [float("nan"), 5.0, 0.0], [float("inf"), 0.0, 0.0]]).any()


def test_a_frame_without_a_scan_has_observed_nothing() -> None:
    log, sensors = contract.street()
    found = contract.run(Rays(), SPACES["occ3d"], log, sensors=sensors)["observed"]
    assert not found[BLIND].any()
    assert all((frame == HIT).any() and (frame == PASSED).any() for frame in np.delete(found, BLIND, axis=0))
