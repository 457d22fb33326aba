"""Relative coordinates are equation 1, and what is looked up by them is what lies there."""

import numpy as np

from occlabel.schemas.geometry import transform_points, yaw_rotation
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.stages.propagation.coordinates import index_from_index, look_up, relative_coordinates


def moved(x: float, y: float, yaw: float = 0.0) -> np.ndarray:
    result = yaw_rotation(yaw)
    result[:2, 3] = x, y
    return result


def test_coordinates_of_the_pivot_itself_span_its_grid() -> None:
    grid = Grid(origin=(0.0, -6.4, -1.0), voxel_size=0.4, shape=(32, 32, 8), frame="lidar")
    found = relative_coordinates(np.eye(4), grid, (2, 4))
    assert found.shape == (6, 2, 4)
    np.testing.assert_allclose(found[0], [[-0.5] * 4, [0.5] * 4])
    np.testing.assert_allclose(found[1], [[-0.75, -0.25, 0.25, 0.75]] * 2)
    np.testing.assert_allclose(found[5] - found[2], 7 * 0.4 / 6.4, rtol=1e-6)


def test_coordinates_are_the_rigid_transform_of_the_columns(space: LabelSpace) -> None:
    grid, pivot_from_frame = space.grid, moved(3.0, -1.0, 0.3)
    found = relative_coordinates(pivot_from_frame, grid, grid.shape[:2])
    lowest, highest = grid.centres()[:, :, 0], grid.centres()[:, :, -1]
    middle, half = np.array(grid.origin) + np.array(grid.shape) * 0.2, 40 * 0.2
    for rows, places in ((slice(0, 3), lowest), (slice(3, 6), highest)):
        expected = (transform_points(pivot_from_frame, places.reshape(-1, 3)) - middle) / half
        np.testing.assert_allclose(found[rows].reshape(3, -1).T, expected, atol=1e-6)


def test_what_is_looked_up_lies_at_the_same_place_of_the_world(space: LabelSpace) -> None:
    grid = space.grid
    volume = np.random.default_rng(0).integers(0, 20, grid.shape).astype(np.uint8)
    world_from_source, world_from_target = moved(2.0, 0.4, 0.2), moved(1.0, 0.0, 0.15)
    source_from_target = np.linalg.inv(world_from_source) @ world_from_target
    found, sure = np.empty((1, *grid.shape, 1), np.int32), np.empty((1, *grid.shape, 1), np.float32)
    maps = index_from_index(source_from_target, grid)[None]
    look_up(volume[None], volume[None], np.array([0]), maps, np.array([[0, 0]]), 18, found, sure)
    cells, inside = grid.cells(transform_points(source_from_target, grid.centres().reshape(-1, 3)))
    expected = np.full(grid.voxels, 18, np.uint8)
    expected[inside] = np.minimum(volume[tuple(cells[inside].T)], 18)  # of 18 classes, what is above is none
    np.testing.assert_array_equal(found.ravel(), expected)
    np.testing.assert_allclose(sure.ravel(), np.where(expected < 18, expected, 0) / 255)
    assert 0.3 < inside.mean() < 1
