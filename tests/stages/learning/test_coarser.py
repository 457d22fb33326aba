"""Truth on larger voxels: nothing that stands vanishes, and what nobody saw stays unknown."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.schemas.drive_log import VoxelTruth
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.learning.coarser import coarser

OCC3D = TAXONOMIES["occ3d"]
FREE = OCC3D.free_id
FINE = Grid(origin=(-1.6, -1.6, -1.0), voxel_size=0.4, shape=(8, 8, 4), frame="ego")
COARSE = Grid(origin=(-1.6, -1.6, -1.0), voxel_size=0.8, shape=(4, 4, 2), frame="ego")


def truth(semantics: np.ndarray, scored: np.ndarray | None = None) -> VoxelTruth:
    everywhere = np.ones(semantics.shape, bool) if scored is None else scored
    return VoxelTruth(semantics.astype(np.uint8), everywhere, LabelSpace(FINE, OCC3D), "a remark")


def test_a_voxel_is_what_most_of_its_occupied_parts_are() -> None:
    semantics = np.full(FINE.shape, FREE)
    semantics[0, 0, 0] = 4  # one of eight: a pole does not vanish
    semantics[2:4, 0, 0], semantics[2, 1, 1] = 11, 5
    semantics[4, 0, 0], semantics[5, 0, 0] = 9, 3  # as many: the smaller id
    found = coarser(truth(semantics), COARSE)
    assert found is not None and found.space.grid == COARSE and found.remark == "a remark"
    expected = np.full(COARSE.shape, FREE)
    expected[0, 0, 0], expected[1, 0, 0], expected[2, 0, 0] = 4, 11, 3
    np.testing.assert_array_equal(found.semantics, expected)
    assert found.scored.all()


def test_a_voxel_is_scored_where_half_of_its_parts_are_and_the_others_say_nothing() -> None:
    semantics, scored = np.full(FINE.shape, FREE), np.ones(FINE.shape, bool)
    semantics[0, 0, 0], scored[0, 0, 0] = 4, False  # free, of what is scored
    scored[2:4, 0:2, 0], semantics[2, 0, 1] = False, 7  # half
    scored[4:6, 0:2, 0], scored[4, 0, 1], semantics[5, 1, 1] = False, False, 7  # less
    semantics[6, 0, 0] = UNKNOWN
    found = coarser(truth(semantics, scored), COARSE)
    assert found is not None
    assert found.semantics[:, 0, 0].tolist() == [FREE, 7, UNKNOWN, FREE]
    assert found.scored[:, 0, 0].tolist() == [True, True, False, True]


def test_a_part_of_the_truth_will_do() -> None:
    semantics = np.random.default_rng(0).integers(0, FREE + 1, FINE.shape)
    inner = Grid(origin=(-0.8, 0.0, -1.0), voxel_size=0.8, shape=(2, 2, 2), frame="ego")
    whole, part = coarser(truth(semantics), COARSE), coarser(truth(semantics), inner)
    assert whole is not None and part is not None
    np.testing.assert_array_equal(part.semantics, whole.semantics[1:3, 2:4])


@pytest.mark.parametrize(
    "grid",
    [
        FINE,
        COARSE.model_copy(update={"frame": "lidar"}),
        COARSE.model_copy(update={"voxel_size": 0.6}),
        COARSE.model_copy(update={"origin": (-1.4, -1.6, -1.0)}),
        COARSE.model_copy(update={"origin": (-2.4, -1.6, -1.0)}),
        COARSE.model_copy(update={"shape": (5, 4, 2)}),
    ],
)
def test_voxels_that_are_not_made_of_whole_ones_are_another_matter(grid: Grid) -> None:
    assert coarser(truth(np.full(FINE.shape, FREE)), grid) is None
