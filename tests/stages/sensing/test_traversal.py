"""A ray marks the voxels that it passes, no others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from occlabel.stages.sensing.traversal import mark_seen

NOTHING = np.zeros((1, 1, 1), np.bool_)


def seen_along(start: tuple[float, float, float], end: tuple[float, float, float], solid=None, shape=(8, 6, 4)):
    seen = np.zeros(shape, np.bool_)
    mark_seen(seen, NOTHING if solid is None else solid, np.array(start), np.array([end]), solid is not None)
    return {tuple(cell) for cell in np.argwhere(seen).tolist()}


def test_along_an_axis() -> None:
    assert seen_along((0.5, 2.5, 1.5), (4.2, 2.5, 1.5)) == {(i, 2, 1) for i in range(5)}
    assert seen_along((4.2, 2.5, 1.5), (0.5, 2.5, 1.5)) == {(i, 2, 1) for i in range(5)}


def test_a_slanted_ray_steps_through_neighbours_only() -> None:
    cells = sorted(seen_along((0.1, 0.2, 0.3), (6.7, 4.9, 2.8)))
    assert cells[0] == (0, 0, 0) and cells[-1] == (6, 4, 2)
    assert len(cells) == 1 + 6 + 4 + 2, "one cell a crossed face"
    assert all(sum(abs(p - q) for p, q in zip(a, b, strict=True)) == 1 for a, b in pairwise(cells))


def test_against_dense_sampling() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        start, end = rng.uniform(-3, 9, (2, 3))
        points = start + np.linspace(0, 1, 20001)[:, None] * (end - start)
        cells = np.floor(points[((points >= 0) & (points < (8, 6, 4))).all(axis=1)]).astype(int)
        missing = {tuple(c) for c in cells.tolist()} - seen_along(tuple(start), tuple(end))
        assert not missing


def test_it_stops_in_the_first_solid_voxel() -> None:
    solid = np.zeros((8, 6, 4), np.bool_)
    solid[3, 2, 1] = solid[5, 2, 1] = True
    assert seen_along((0.5, 2.5, 1.5), (7.5, 2.5, 1.5), solid) == {(i, 2, 1) for i in range(4)}


def test_a_ray_that_misses_the_grid_marks_nothing() -> None:
    assert seen_along((-1.0, -1.0, 0.5), (9.0, -0.5, 0.5)) == set()
    assert seen_along((-5.0, 1.0, 1.0), (-1.0, 1.0, 1.0)) == set()
