"""What images show of objects that a test has laid into the grid itself."""

import numpy as np
from laid import GRID, laid

from occlabel.schemas.objects import summarise
from occlabel.stages.export.object_list import View, boxes_in_images, mean_of


def test_the_mean_over_one_voxel_is_its_own() -> None:
    instance, values = np.zeros((2, *GRID.shape), np.uint16)
    instance[10, 50, 5], values[10, 50, 5] = 7, 200
    alone = summarise(instance, np.ones(GRID.shape, np.uint8), GRID)
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
