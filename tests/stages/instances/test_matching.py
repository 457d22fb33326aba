"""Costs and assignments against the released code, and the quick assignment of voxels against the exact one."""

from pathlib import Path

import numpy as np
import pytest
import torch

from occlabel.stages.instances.lattice import Lattice, nearest_points
from occlabel.stages.instances.matching import (
    assigned,
    assigned_voxels,
    focal_cost,
    focal_loss,
    object_costs,
    voxel_costs,
)


@pytest.mark.parametrize("name", ["typical", "no_gt", "more_gt_than_queries"])
def test_objects_are_matched_as_in_the_released_code(shared: Path, name: str) -> None:
    case = {key: torch.from_numpy(value) for key, value in np.load(_case(shared, f"objects_{name}")).items()}
    costs = object_costs(
        case["cls_logits"], case["pred_centres"], case["gt_labels"], case["gt_centres"],
        focal_weight=float(case["focal_weight"]), distance_weight=float(case["l2_weight"]),
        alpha=float(case["focal_alpha"]), gamma=float(case["focal_gamma"]),
    )  # fmt: skip
    torch.testing.assert_close(costs, case["cost"], rtol=1e-9, atol=1e-9)
    rows, columns = assigned(costs)
    of_query = torch.zeros(len(case["cls_logits"]), dtype=torch.int64)
    of_query[rows] = columns + 1
    assert of_query.tolist() == case["assigned_gt_plus1"].tolist()
    assert costs[rows, columns].sum().item() == pytest.approx(float(case["total_cost"]))


def test_voxels_are_matched_as_in_the_released_code(shared: Path) -> None:
    case = {key: torch.from_numpy(value) for key, value in np.load(_case(shared, "offsets")).items()}
    weights = float(case["focal_weight"]), float(case["l2_weight"])
    costs = voxel_costs(
        case["occ_logits"], case["pred_positions"], case["gt_voxel_centres"],
        focal_weight=weights[0], distance_weight=weights[1],
        alpha=float(case["focal_alpha"]), gamma=float(case["focal_gamma"]),
    )  # fmt: skip
    torch.testing.assert_close(costs, case["cost"], rtol=1e-9, atol=1e-9)
    points = assigned_voxels(case["occ_logits"], case["pred_positions"], case["gt_voxel_centres"], *weights)
    of_point = torch.zeros(len(case["occ_logits"]), dtype=torch.int64)
    of_point[points] = torch.arange(len(points)) + 1
    assert of_point.tolist() == case["assigned_gt_plus1"].tolist()


@pytest.mark.parametrize("seed", range(6))
def test_the_quick_assignment_is_the_exact_one_for_points_near_rest(seed: int) -> None:
    draw = np.random.default_rng(seed)
    lattice = Lattice(0.4, 4.0, 2.0)
    cells = np.argwhere(np.ones((7, 5, 3)))
    voxels = cells[draw.random(len(cells)) < 0.7]
    quick, way = nearest_points(voxels, lattice)
    places = torch.from_numpy(lattice.rest[quick] + np.clip(way, -0.1, 0.1))
    points = torch.from_numpy(lattice.rest).double() + torch.from_numpy(draw.uniform(-0.01, 0.01, (lattice.points, 3)))
    even = torch.zeros(lattice.points).double()
    exact = assigned_voxels(even, points, places, 0.125, 0.0125)
    assert exact.tolist() == quick.tolist()


def test_voxels_that_outnumber_the_points_are_left_over() -> None:
    points = torch.tensor([[0.0, 0, 0], [5, 0, 0]])
    found = assigned_voxels(torch.zeros(2), points, torch.tensor([[0.1, 0, 0], [9.0, 0, 0], [5, 0, 0.1]]), 0.1, 1.0)
    assert found.tolist() == [0, -1, 1]


def test_focal_loss_and_cost_are_those_of_one_logit() -> None:
    logit = torch.tensor([0.3])
    p = torch.sigmoid(logit)
    present, absent = -0.25 * (1 - p) ** 2 * p.log(), -0.75 * p**2 * (1 - p).log()
    torch.testing.assert_close(focal_loss(logit, torch.ones(1), alpha=0.25, gamma=2.0), present)
    torch.testing.assert_close(focal_loss(logit, torch.zeros(1), alpha=0.25, gamma=2.0), absent)
    torch.testing.assert_close(focal_cost(logit, alpha=0.25, gamma=2.0), present - absent)


def _case(shared: Path, name: str) -> Path:
    return shared / f"golden/offsetocc/case_match_{name}.npz"
