"""Surfaces fill exactly the voxels that they cross, and the larger surface names a voxel."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.town.sensors.truth import voxelise
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Paint, box, join, quads, tube

ROAD, WALL = Paint("road", (0.3, 0.3, 0.3)), Paint("wall", (0.6, 0.6, 0.6))


def sheet(x0: float, x1: float, y0: float, y1: float, z: float, paint: Paint):
    return quads(np.array([[(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]], np.float64), paint)


def test_a_flat_sheet_fills_one_layer() -> None:
    kinds, objects = voxelise([sheet(2.0, 9.0, 1.0, 5.0, 3.5, ROAD)], np.eye(4), (12, 8, 6))
    expected = np.zeros((12, 8, 6), np.uint8)
    expected[2:9, 1:5, 3] = KIND_ID["road"]
    np.testing.assert_array_equal(kinds, expected)
    assert not objects.any()


def test_a_closed_box_is_hollow_and_tight() -> None:
    mesh = box((6.0, 4.0, 4.0), (5.0, 4.0, 0.5), WALL).of_object(700)
    kinds, objects = voxelise([mesh.shifted(0.4, 0.4, 0.2)], np.eye(4), (12, 9, 7))
    shell = np.zeros((12, 9, 7), np.bool_)
    shell[2:9, 2:7, 0:5] = True
    shell[3:8, 3:6, 1:4] = False
    np.testing.assert_array_equal(kinds > 0, shell)
    np.testing.assert_array_equal(objects, np.where(shell, 700, 0))


def test_a_thin_bar_leaves_no_gap() -> None:
    kinds, _ = voxelise([tube((1.5, 1.5, 0.1), (1.5, 1.5, 9.9), (0.02, 0.02), WALL)], np.eye(4), (3, 3, 10))
    assert (kinds[1, 1] == KIND_ID["wall"]).all()
    assert np.count_nonzero(kinds) == 10


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_larger_surface_wins_in_any_order(order: tuple[int, int]) -> None:
    parts = [sheet(0.0, 0.7, 0.0, 1.0, 0.5, ROAD), sheet(0.7, 1.0, 0.0, 1.0, 0.5, WALL)]
    kinds, _ = voxelise([join([parts[i] for i in order])], np.eye(4), (1, 1, 1))
    assert kinds[0, 0, 0] == KIND_ID["road"]
