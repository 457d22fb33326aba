"""Voxels around a sweep: those that other frames' points lie in alone, by the class of most of them."""

import numpy as np

from occlabel.schemas.grid import Grid
from occlabel.stages.evaluation.surroundings import surroundings

GRID = Grid(origin=(0, 0, 0), voxel_size=1.0, shape=(4, 4, 2), frame="lidar")


def at(*cells: tuple[float, float, float]) -> np.ndarray:
    return np.array(cells, np.float64).reshape(-1, 3) + 0.5


def classes(*ids: int) -> np.ndarray:
    return np.array(ids, np.uint8)


def test_a_voxel_has_the_class_of_most_of_its_points_over_all_frames() -> None:
    first = at((1, 1, 0), (1, 1, 0), (2, 3, 1)), classes(7, 9, 3)
    second = at((1, 1, 0), (0, 0, 0), (9, 1, 0)), classes(9, 250, 4)
    cells, found, hit = surroundings(at((3, 3, 0)), [first, second], GRID)
    assert dict(zip(map(tuple, cells.tolist()), found.tolist(), strict=True)) == {
        (1, 1, 0): 9, (2, 3, 1): 3, (0, 0, 0): 250,
    }  # fmt: skip
    assert hit == 0, "the point outside of the grid is nobody's"


def test_of_equally_many_the_lowest_counts_in_whatever_order() -> None:
    frames = [(at((1, 1, 0)), classes(8)), (at((1, 1, 0)), classes(2))]
    for order in (frames, frames[::-1]):
        assert surroundings(at(), order, GRID)[1].tolist() == [2]


def test_what_the_own_sweep_hit_is_counted_and_left_out() -> None:
    others = [(at((1, 1, 0), (2, 2, 1)), classes(5, 6))]
    cells, found, hit = surroundings(at((1, 1, 0), (0, 3, 0)), others, GRID)
    assert cells.tolist() == [[2, 2, 1]] and found.tolist() == [6] and hit == 1


def test_without_other_frames_there_is_nothing() -> None:
    cells, found, hit = surroundings(at((1, 1, 0)), [], GRID)
    assert cells.shape == (0, 3) and found.shape == (0,) and hit == 0


def test_random_points_against_a_dictionary() -> None:
    rng = np.random.default_rng(3)
    own, others = (
        rng.uniform(-1, 5, (5, 3)),
        [(rng.uniform(-1, 5, (200, 3)), rng.integers(0, 9, 200)) for _ in range(4)],
    )
    counts: dict[tuple[int, ...], np.ndarray] = {}
    for points, ids in others:
        for point, id_ in zip(points, ids, strict=True):
            cell = tuple(np.floor(point).astype(int).tolist())
            if all(0 <= i < n for i, n in zip(cell, GRID.shape, strict=True)):
                counts.setdefault(cell, np.zeros(9, int))[id_] += 1
    taken = {tuple(np.floor(point).astype(int).tolist()) for point in own}
    want = {cell: int(count.argmax()) for cell, count in counts.items() if cell not in taken}
    cells, found, hit = surroundings(own, [(p, i.astype(np.uint8)) for p, i in others], GRID)
    assert dict(zip(map(tuple, cells.tolist()), found.tolist(), strict=True)) == want
    assert hit == len(counts) - len(want)
