"""The rectangle that an object fills, seen from above."""

import numpy as np
import pytest
from laid import GRID, laid

from occlabel.stages.tracking.rectangles import rectangle


def of(*args: float) -> tuple[float, float, float]:
    """Of an object that was laid there."""
    columns = np.unique(laid(*args).cells[:, :2], axis=0)
    return rectangle((columns + 0.5) * GRID.voxel_size + GRID.origin[:2], GRID.voxel_size)


def test_along_the_grid_it_is_exact() -> None:
    np.testing.assert_allclose(of(8.0, 1.0, 4.0, 1.6, 0.0), [4.0, 1.6, 0.0], atol=1e-9)
    np.testing.assert_allclose(of(8.0, 1.0, 4.0, 1.6, np.pi / 2), [4.0, 1.6, np.pi / 2], atol=1e-9)


@pytest.mark.parametrize("degrees", [-70, -35, -20, 15, 40, 60, 85])
def test_a_car_at_a_turn_comes_back_to_a_voxel_and_few_degrees(degrees: int) -> None:
    length, width, turn = of(9.1, -2.3, 4.4, 1.8, np.deg2rad(degrees))
    assert (length, width) == (pytest.approx(4.4, abs=0.2), pytest.approx(1.8, abs=0.2))
    assert np.rad2deg(turn) == pytest.approx(degrees, abs=4)


def test_of_one_voxel_it_is_a_square() -> None:
    assert rectangle(np.array([[2.1, 0.1]]), 0.2) == (pytest.approx(0.2), pytest.approx(0.2), 0.0)
