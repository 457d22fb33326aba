"""Points take the labels of their voxels; numbers of objects hold through a log."""

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.export.points import Numbering, point_labels

GRID = Grid(origin=(-2.0, -2.0, 0.0), voxel_size=0.5, shape=(8, 8, 4), frame="lidar")


def test_points_take_the_labels_of_their_voxels() -> None:
    draw = np.random.default_rng(0)
    semantics = draw.integers(0, 20, GRID.shape).astype(np.uint8)
    instance = draw.integers(0, 2**32, GRID.shape).astype(np.uint32)
    centres = GRID.centres().reshape(-1, 3) + draw.uniform(-0.24, 0.24, (GRID.voxels, 3))
    points = np.concatenate([[[2.1, 0, 1], [0, 0, -0.1]], centres])
    classes, ids = point_labels(semantics, instance, points, GRID)
    np.testing.assert_array_equal(classes, [UNKNOWN, UNKNOWN, *semantics.ravel()])
    np.testing.assert_array_equal(ids, [0, 0, *instance.ravel()])
    assert ids.dtype == np.uint32


def test_numbers_hold_through_a_log_and_begin_at_1() -> None:
    numbering = Numbering("00", 65_535)
    first = numbering.numbers(np.array([4_000_000_000, 0, 70_000, 70_000], np.uint32))
    assert first.tolist() == [2, 0, 1, 1] and first.dtype == np.uint16
    assert numbering.numbers(np.array([3, 4_000_000_000])).tolist() == [3, 2]
    assert numbering.numbers(np.zeros(0, np.uint32)).tolist() == []


def test_more_than_fit_are_refused() -> None:
    numbering = Numbering("00", 65_535)
    ids = np.arange(100_000, 165_535, dtype=np.uint32)
    assert numbering.numbers(ids).max() == 65_535
    with pytest.raises(BadPredictions, match="log 00 has more than 65,535 objects"):
        numbering.numbers(np.array([7], np.uint32))
