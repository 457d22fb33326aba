"""Trilinear voxelisation equals the released code's; counted from centres, a point in the middle of a voxel is its."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlabel.stages.completion.occany.splatting import Cells, splat, splat_classes

CASES = ["conf_at_one_and_below", "edge_points", "no_valid_semantics", "single_voxel_ties", "typical"]


@pytest.mark.parametrize("name", CASES)
def test_equals_the_released_code(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/occany_voxelize/case_{name}.npz")
    places = (case["points"] - case["voxel_origin"]) / case["voxel_size"]
    shape, count = tuple(case["grid_size"].tolist()), int(case["n_classes"]) + 1
    occupancy = splat(places, shape)
    np.testing.assert_allclose(occupancy, case["occupancy_f64"], atol=1e-12)
    np.testing.assert_allclose(_dense(places, case, np.ones(len(places), bool), count), _said(case, count), atol=1e-12)

    empty, other = int(case["empty_class"]), int(case["other_class"])
    meant = (case["semantics"] != empty) & (case["semantics"] != other)
    votes = _dense(places, case, meant, count)
    best, occupied = votes.argmax(axis=-1), occupancy > 0
    labels = np.where(occupied, other, empty)
    named = occupied & (best != empty) & (votes.sum(axis=-1) != 0)
    np.testing.assert_array_equal(np.where(named, best, labels), case["voxel_labels_semantic"])


def _dense(places: np.ndarray, case: dict[str, np.ndarray], kept: np.ndarray, count: int) -> np.ndarray:
    cells = Cells(places, tuple(case["grid_size"].tolist()))
    weights = case["confidence"][kept] - 1
    votes = splat_classes(places[kept], case["semantics"][kept].astype(np.uint8), weights, count, cells)
    return np.stack([cells.spread(votes[:, n], 0.0) for n in range(count)], axis=-1)


def _said(case: dict[str, np.ndarray], count: int) -> np.ndarray:
    result = np.zeros((*case["grid_size"].tolist(), count))
    result[tuple(case["sem_index"].astype(int).T)] = case["sem_value_f64"]
    return result


def test_a_place_is_shared_by_how_near_voxels_are_and_outside_is_nowhere() -> None:
    places = np.array([[1.25, 2.0, 3.0], [9.0, 9.0, 9.0], [-0.25, 0.0, 0.0]])
    found = splat(places, (4, 4, 4))
    assert found[1, 2, 3] == 0.75 and found[2, 2, 3] == 0.25 and found[0, 0, 0] == 0.75
    assert found.sum() == 1.75
    assert splat(np.repeat(places[:1], 9, axis=0), (4, 4, 4)).max() == 1.0


def test_of_each_corner_the_loudest_counts() -> None:
    places = np.array([[0.5, 0.0, 0.0], [0.5, 0.0, 0.0], [1.5, 0.0, 0.0]])
    cells = Cells(places, (4, 2, 2))
    votes = splat_classes(places, np.array([0, 0, 0], np.uint8), np.array([1.0, 3.0, 1.0]), 1, cells)
    assert cells.spread(votes[:, 0], 0.0)[:, 0, 0].tolist() == [1.5, 2.0, 0.5, 0.0]
