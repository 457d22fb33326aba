"""Masks of objects against the released code, and who gets a voxel that two objects name."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.grid import Grid
from occlabel.stages.instances.masks import object_voxels, seeds_from_objects

GRID = Grid(origin=(-6.0, -4.8, -1.0), voxel_size=0.4, shape=(30, 24, 8), frame="ego")


@pytest.mark.parametrize("name", ["typical", "duplicates"])
def test_equals_the_released_code(shared: Path, name: str) -> None:
    case = dict(np.load(shared / f"golden/offsetocc/case_masks_{name}.npz"))
    assert (*GRID.origin, *np.round(GRID.upper, 9)) == tuple(case["pc_range"])
    owner, cells, logits = object_voxels(case["centres"], case["offsets"], case["occ_logits"], GRID)
    mask = np.full((len(case["centres"]), *GRID.shape), -np.inf, np.float32)
    mask[owner, cells[:, 0], cells[:, 1], cells[:, 2]] = logits
    np.testing.assert_array_equal(np.isfinite(mask), case["occupied_mask"])
    kept = case["kept_queries"]
    seeds = seeds_from_objects(case["centres"][kept], case["offsets"][kept], case["occ_logits"][kept], GRID)
    np.testing.assert_array_equal(seeds > 0, case["occupied_mask"][kept].any(axis=0))
    if "voxel_logits" in case:
        np.testing.assert_array_equal(mask, case["voxel_logits"])
        best = case["voxel_logits"][kept]
        np.testing.assert_array_equal(seeds, np.where(np.isfinite(best.max(axis=0)), best.argmax(axis=0) + 1, 0))


def test_the_surest_object_gets_a_voxel_and_the_first_of_equals() -> None:
    centres = np.zeros((3, 3), np.float32)
    offsets = np.array([[[0.2, 0.2, 0.2], [1, 1, 1]], [[0.2, 0.2, 0.2], [1, 1, 1]], [[0.2, 0.2, 0.2], [9, 0, 0]]])
    logits = np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 5.0]], np.float32)
    seeds = seeds_from_objects(centres, offsets.astype(np.float32), logits, GRID)
    assert seeds[15, 12, 3] == 2 and seeds[17, 14, 5] == 1 and np.count_nonzero(seeds) == 2


def test_no_objects_give_no_seeds() -> None:
    none = np.zeros((0, 3), np.float32), np.zeros((0, 5, 3), np.float32), np.zeros((0, 5), np.float32)
    assert not seeds_from_objects(*none, GRID).any()
