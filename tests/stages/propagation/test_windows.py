"""Which frames are refined together and which they are shown besides."""

import numpy as np
import pytest

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import GRIDS
from occlabel.stages.propagation.windows import Reach, Window, windows

GRID = GRIDS["semantickitti"]


def drive(steps: list[float]) -> list[Matrix | None]:
    """Poses of a car that drives the ``steps`` [m] one after the other."""
    poses: list[Matrix | None] = []
    for x in np.cumsum([0.0, *steps]):
        pose = np.eye(4)
        pose[0, 3] = x
        poses.append(pose)
    return poses


def all_windows(poses: list[Matrix | None], reach: Reach | None = None) -> list[Window]:
    return windows(0, slice(0, len(poses)), poses, GRID, reach or Reach())


def test_each_frame_is_refined_once() -> None:
    poses = drive([0.9] * 41)
    poses[7] = None
    refined = [row for window in all_windows(poses) for row in window.local]
    assert sorted(refined) == list(range(42))
    assert Window((7,), ()) in all_windows(poses), "a frame without a pose is refined alone"


def test_references_lie_eight_metres_behind_and_ahead() -> None:
    found = all_windows(drive([1.0] * 39))
    assert found[5] == Window((20, 21, 22, 23), (12, 31))
    assert found[5].pivot == 22
    assert found[0] == Window((0, 1, 2, 3), (11, 19)), "both ahead at the start, the second twice as far"
    assert found[-1] == Window((36, 37, 38, 39), (20, 28)), "both behind at the end"


def test_a_standing_car_does_not_fill_the_window_with_copies() -> None:
    standing = all_windows(drive([0.0] * 60))
    assert all(window.reference == () for window in standing)
    stop = drive([1.0] * 20 + [0.0] * 8 + [1.0] * 20)
    in_the_stop = next(window for window in all_windows(stop) if window.local == (24, 25, 26, 27))
    assert in_the_stop.reference == (12, 36), "eight metres away, however long that took"


def test_references_see_the_same_place() -> None:
    turning = drive([4.0] * 7)
    for row in range(4, 8):
        pose = turning[row]
        assert pose is not None
        pose[1, 3] = 60.0  # carried to another street
    assert all_windows(turning, Reach(distance=4.0))[0] == Window((0, 1, 2, 3), ())


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_logs_shorter_than_a_window(count: int) -> None:
    found = all_windows(drive([5.0] * (count - 1)))
    assert sorted(row for window in found for row in window.local) == list(range(count))
    assert all(set(window.reference).isdisjoint(window.local) for window in found)


def test_where_a_clip_starts_and_ends_changes_nothing() -> None:
    steps = np.random.default_rng(0).uniform(0, 1.5, 99).tolist()
    poses, reach = drive(steps), Reach()
    whole = {window.local: window for window in all_windows(poses)}
    for start, stop in ((0, 16), (16, 32), (37, 53), (85, 100)):
        first, last = max(start - reach.halo, 0), min(stop + reach.halo, 100)
        part = windows(first, slice(start - first, stop - first), poses[first:last], GRID, reach)
        for window in part:
            moved = Window(*(tuple(row + first for row in rows) for rows in (window.local, window.reference)))
            assert moved == whole[moved.local]
        assert {row + first for window in part for row in window.local} >= set(range(start, stop))
