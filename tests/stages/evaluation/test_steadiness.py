"""What stays from frame to frame: rigid scenes agree wholly, what flickers or changes shape does not."""

import numpy as np

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import summarise
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.steadiness import shape_agreement, static_agreement

GRID = Grid(origin=(-8.0, -8.0, -1.0), voxel_size=0.5, shape=(32, 32, 8), frame="lidar")
WALL, CAR = 13, 1
STATIC = np.zeros(256, bool)
STATIC[WALL] = True


def moved(metres: float, degrees: float = 0.0) -> np.ndarray:
    """From the grid now to that of before: the own car went ahead and turned."""
    a, result = np.deg2rad(degrees), np.eye(4)
    result[:2, :2] = [[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]
    result[0, 3] = metres
    return result


def seen(before_from_now: np.ndarray, box: tuple[slice, slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """A wall in the box before, and where it is now: each voxel by what lies at its centre."""
    before = np.zeros(GRID.shape, np.uint8)
    before[box] = WALL
    centres = GRID.centres().reshape(-1, 3)
    there, inside = GRID.cells(centres @ before_from_now[:3, :3].T + before_from_now[:3, 3])
    now = np.full(len(centres), UNKNOWN, np.uint8)
    now[inside] = before[tuple(there[inside].T)]
    return now.reshape(GRID.shape), before


def test_a_wall_that_stands_agrees_wherever_the_car_goes() -> None:
    for before_from_now in (moved(0), moved(1.3), moved(0.7, 9.0)):
        now, before = seen(before_from_now, (slice(10, 20), slice(6, 7), slice(1, 7)))
        counts = static_agreement(now, before, before_from_now, GRID, STATIC)
        assert counts[WALL, 0] > 30 and counts[WALL, 0] == counts[WALL, 1]
        assert counts.sum() == counts[WALL].sum(), "free voxels are none"


def test_what_became_another_class_or_leapt_does_not_agree() -> None:
    now, before = seen(moved(0), (slice(10, 20), slice(6, 7), slice(1, 7)))
    assert static_agreement(now, np.where(before == WALL, 15, before).astype(np.uint8), moved(0), GRID, STATIC)[
        WALL
    ].tolist() == [60, 0]
    assert static_agreement(now, np.roll(before, 3, axis=1), moved(0), GRID, STATIC)[WALL].tolist() == [60, 0]
    assert static_agreement(now, np.roll(before, 1, axis=1), moved(0), GRID, STATIC)[WALL].tolist() == [60, 60]


def test_what_the_frame_before_does_not_know_is_not_counted() -> None:
    now, before = seen(moved(0), (slice(10, 20), slice(6, 7), slice(1, 7)))
    before[10:15] = UNKNOWN
    assert static_agreement(now, before, moved(0), GRID, STATIC)[WALL].tolist() == [30, 30]


def car(x: int, length: int, y: int = 14) -> tuple[np.ndarray, np.ndarray]:
    semantics, instance = np.zeros(GRID.shape, np.uint8), np.zeros(GRID.shape, np.uint16)
    semantics[x : x + length, y : y + 4, 1:4], instance[x : x + length, y : y + 4, 1:4] = CAR, 5
    return semantics, instance


def agreement(now: tuple[np.ndarray, np.ndarray], before: tuple[np.ndarray, np.ndarray]) -> dict[int, float]:
    objects = tuple(summarise(instance, semantics, GRID) for semantics, instance in (now, before))
    return shape_agreement((objects[0], objects[1]), before[1], moved(0.8), GRID)


def test_an_object_that_drives_keeps_its_shape_and_one_that_grows_does_not() -> None:
    assert agreement(car(16, 8), car(6, 8)) == {5: 1.0}
    grown = agreement(car(8, 20), car(6, 8))[5]
    assert grown == 10 / 20, "of twenty voxels along it, the eight of before and one at either end"


def test_what_the_border_cuts_has_no_shape() -> None:
    assert agreement(car(24, 8), car(6, 8)) == {} and agreement(car(16, 8), car(0, 8)) == {}
