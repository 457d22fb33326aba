"""The rectangle that an object fills, seen from above."""

import numpy as np
import pytest
from laid import GRID, laid

from occlabel.schemas.objects import summarise
from occlabel.stages.tracking.rectangles import upright_boxes


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
