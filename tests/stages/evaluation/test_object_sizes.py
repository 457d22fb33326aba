"""Sizes of objects from their voxels."""

import numpy as np

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import summarise
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation.object_sizes import LARGEST, sizes

GRID = Grid(origin=(-10.0, -10.0, -1.0), voxel_size=0.2, shape=(100, 100, 16), frame="lidar")


def test_a_box_has_its_size_whichever_way_it_points() -> None:
    x, y, z = np.moveaxis(GRID.centres(), -1, 0)
    for degrees in (0, 30, 77):
        a = np.deg2rad(degrees)
        along, across = np.cos(a) * x + np.sin(a) * y, -np.sin(a) * x + np.cos(a) * y
        car = (abs(along) < 2.2) & (abs(across) < 0.9) & (z > -0.6) & (z < 0.9)
        found = sizes(summarise(car.astype(np.uint16), car.astype(np.uint8), GRID), GRID)[0]
        assert np.abs(found - [4.4, 1.8, 1.6]).max() <= 2 * GRID.voxel_size, degrees


def test_each_object_has_its_own_size_and_none_has_none() -> None:
    instance = np.zeros(GRID.shape, np.uint16)
    instance[10:20, 10:15, 2:4], instance[50:52, 50:90, 2:12] = 3, 8
    found = sizes(summarise(instance, np.ones(GRID.shape, np.uint8), GRID), GRID)
    assert np.allclose(found, [[2.0, 1.0, 0.4], [8.0, 0.4, 2.0]])
    nothing = np.zeros(GRID.shape, np.uint16)
    assert sizes(summarise(nothing, nothing.astype(np.uint8), GRID), GRID).shape == (0, 3)


def test_every_thing_of_the_benchmarks_has_a_largest_size() -> None:
    for taxonomy in TAXONOMIES.values():
        assert {entry.name for entry in taxonomy.classes if entry.thing} <= set(LARGEST)
