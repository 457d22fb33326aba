"""Boxes of objects that a test has laid into the grid itself."""

import numpy as np
import pytest

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects, summarise
from occlabel.stages.export.object_list import View, boxes_in_images, mean_of, upright_boxes

GRID = Grid(origin=(0.0, -10.0, -1.0), voxel_size=0.2, shape=(100, 100, 20), frame="ego")


def laid(x: float, y: float, length: float, width: float, turn: float) -> Objects:
    """An object of every voxel whose centre lies in an upright box from 0 to 1.6 m."""
    centres = GRID.centres()
    c, s = np.cos(turn), np.sin(turn)
    dx, dy = centres[..., 0] - x, centres[..., 1] - y
    inside = (np.abs(dx * c + dy * s) <= length / 2) & (np.abs(dy * c - dx * s) <= width / 2)
    inside &= (centres[..., 2] > 0) & (centres[..., 2] < 1.6)
    return summarise(inside.astype(np.uint16), np.ones(GRID.shape, np.uint8), GRID)


def test_along_the_grid_a_box_is_exact() -> None:
    (box,) = upright_boxes(laid(8.0, 1.0, 4.0, 1.6, 0.0), GRID)
    np.testing.assert_allclose(box, [8.0, 1.0, 0.8, 4.0, 1.6, 1.6, 0.0], atol=1e-9)
    (box,) = upright_boxes(laid(8.0, 1.0, 4.0, 1.6, np.pi / 2), GRID)
    np.testing.assert_allclose(box, [8.0, 1.0, 0.8, 4.0, 1.6, 1.6, np.pi / 2], atol=1e-9)


@pytest.mark.parametrize("degrees", [-70, -35, -20, 15, 40, 60, 85])
def test_a_car_at_a_turn_comes_back_to_a_voxel_and_few_degrees(degrees: int) -> None:
    (box,) = upright_boxes(laid(9.1, -2.3, 4.4, 1.8, np.deg2rad(degrees)), GRID)
    np.testing.assert_allclose(box[:6], [9.1, -2.3, 0.8, 4.4, 1.8, 1.6], atol=0.2)
    assert np.rad2deg(box[6]) == pytest.approx(degrees, abs=4)


def test_one_voxel_and_none() -> None:
    instance = np.zeros(GRID.shape, np.uint16)
    assert upright_boxes(summarise(instance, instance.astype(np.uint8), GRID), GRID).shape == (0, 7)
    instance[10, 50, 5] = 7
    alone = summarise(instance, np.ones(GRID.shape, np.uint8), GRID)
    np.testing.assert_allclose(upright_boxes(alone, GRID), [[2.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.0]], atol=1e-9)
    values = np.zeros(GRID.shape, np.uint8)
    values[10, 50, 5] = 200
    assert mean_of(values, alone).tolist() == [200.0]


def test_boxes_in_an_image_are_of_what_is_inside_of_it() -> None:
    camera_from_grid = np.array([[0.0, -1, 0, 0], [0, 0, -1, 0], [1, 0, 0, 0], [0, 0, 0, 1]])  # looks along x
    intrinsics = np.array([[100.0, 0, 200], [0, 100, 100], [0, 0, 1]])
    ahead, behind = (View(name, intrinsics, camera_from_grid, (400, 200)) for name in ("ahead", "behind"))
    turned = np.diag([-1.0, 1, -1, 1])
    views = [ahead, View(behind.name, intrinsics, turned @ camera_from_grid, (400, 200))]
    boxes = boxes_in_images(laid(8.0, 0.0, 4.0, 2.0, 0.0), GRID, views)
    # Its near face is at x = 6: y from 1 to -1 and z from 0 to 1.6 there.
    np.testing.assert_allclose(boxes[0, 0], [200 - 100 / 6, 100 - 160 / 6, 200 / 6, 160 / 6], atol=1e-9)
    assert np.isnan(boxes[1, 0]).all()
    near = boxes_in_images(laid(1.0, 0.0, 4.0, 2.0, 0.0), GRID, views)[0, 0]
    np.testing.assert_allclose(near, [0, 0, 400, 100], err_msg="what reaches to the lens fills the image above it")
