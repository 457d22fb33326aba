"""Summaries of objects against a loop that anybody can read."""

import numpy as np

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import summarise

GRID = Grid(origin=(-4.0, -3.0, -1.0), voxel_size=0.5, shape=(12, 10, 6), frame="ego")


def test_equals_a_loop_over_the_objects() -> None:
    draw = np.random.default_rng(3)
    instance = (draw.integers(0, 9, GRID.shape) * (draw.random(GRID.shape) < 0.3)).astype(np.uint32)
    instance[instance == 4] = 4_000_000_000
    semantics = draw.integers(0, 4, GRID.shape).astype(np.uint8)
    objects = summarise(instance, semantics, GRID)
    centres = GRID.centres()
    assert objects.ids.tolist() == [1, 2, 3, 5, 6, 7, 8, 4_000_000_000] and len(objects) == 8
    for n, id_ in enumerate(objects.ids):
        mask = instance == id_
        assert objects.voxels[n] == mask.sum()
        assert objects.classes[n] == np.bincount(semantics[mask]).argmax()
        np.testing.assert_allclose(objects.centroids[n], centres[mask].mean(axis=0), atol=1e-12)
        np.testing.assert_allclose(objects.lower[n], centres[mask].min(axis=0) - 0.25, atol=1e-12)
        np.testing.assert_allclose(objects.upper[n], centres[mask].max(axis=0) + 0.25, atol=1e-12)
        np.testing.assert_array_equal(objects.cells[objects.starts[n] : objects.starts[n + 1]], np.argwhere(mask))
    np.testing.assert_array_equal(objects.extent, objects.upper - objects.lower)


def test_one_voxel_has_the_size_of_a_voxel() -> None:
    instance = np.zeros(GRID.shape, np.uint16)
    instance[2, 3, 4] = 7
    objects = summarise(instance, np.full(GRID.shape, 5, np.uint8), GRID)
    np.testing.assert_allclose(objects.centroids, [[-2.75, -1.25, 1.25]])
    np.testing.assert_allclose(objects.extent, [[0.5, 0.5, 0.5]])
    assert (objects.classes[0], objects.voxels[0]) == (5, 1)


def test_an_empty_scene_has_no_objects() -> None:
    objects = summarise(np.zeros(GRID.shape, np.uint32), np.zeros(GRID.shape, np.uint8), GRID)
    assert len(objects) == 0 and objects.centroids.shape == objects.extent.shape == (0, 3)
    assert objects.starts.tolist() == [0] and objects.cells.shape == (0, 3)
