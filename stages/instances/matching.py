"""Who is compared with whom: objects with queries, voxels of an object with points of a query (OffsetOcc, 3.4).

Both are assignments of least cost between what is predicted and what is true, a focal cost plus a distance. Objects are
few and are assigned exactly. The voxels of an object are many: for a lorry the released code spends 1.5 s in the
Hungarian algorithm. Points begin at rest in the voxels of a lattice, so a voxel's own point is the one nearest to it,
and no two voxels have the same: ``lattice.nearest_points`` is that assignment, in one pass. With all points at rest and
as sure as each other it is the exact one (no voxel can do better, so neither can all); ``assigned_voxels`` is the exact
one for points anywhere.
"""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional

_EPS = 1e-12


def focal_cost(logits: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """What it costs to call each of ``logits`` present rather than absent (focal loss, Lin et al. 2017). Same shape."""
    p = logits.sigmoid()
    present = -alpha * (1 - p) ** gamma * (p + _EPS).log()
    absent = -(1 - alpha) * p**gamma * (1 - p + _EPS).log()
    return present - absent


def focal_loss(logits: Tensor, target: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """The focal loss of each of ``logits`` against ``target`` 0..1. Same shape."""
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    p = logits.sigmoid()
    wrong = p + target - 2 * p * target
    weight = alpha * target + (1 - alpha) * (1 - target)
    return weight * wrong**gamma * entropy


def object_costs(
    logits: Tensor, centres: Tensor, classes: Tensor, true_centres: Tensor,
    *, focal_weight: float, distance_weight: float, alpha: float = 0.25, gamma: float = 2.0,
) -> Tensor:  # fmt: skip
    """[Q, G]: focal cost of the true class plus L2 distance of the centres.

    logits [Q, C], centres [Q, 3] metres; classes int64 [G], true_centres [G, 3].
    """
    focal = focal_cost(logits, alpha=alpha, gamma=gamma)[:, classes]
    return focal_weight * focal + distance_weight * torch.cdist(centres, true_centres)


def voxel_costs(
    logits: Tensor, points: Tensor, voxels: Tensor,
    *, focal_weight: float, distance_weight: float, alpha: float = 0.75, gamma: float = 2.0,
) -> Tensor:  # fmt: skip
    """[K, V]: focal cost of each point (the same for all voxels) plus its L2 distance to each voxel's centre.

    logits [K]; points [K, 3] and voxels [V, 3] metres. Equation 3, with the focal cost of the released code.
    """
    focal = focal_cost(logits, alpha=alpha, gamma=gamma)
    return focal_weight * focal[:, None] + distance_weight * torch.cdist(points, voxels)


def assigned(costs: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns, int64 [min(n, m)] each, of the assignment of least total cost in ``costs`` [n, m]."""
    rows, columns = linear_sum_assignment(costs.detach().cpu().double().numpy())
    return torch.as_tensor(rows), torch.as_tensor(columns)


def assigned_voxels(logits: Tensor, points: Tensor, voxels: Tensor, focal: float, distance: float) -> Tensor:
    """The point [V] of each voxel by the exact assignment; where voxels outnumber points, -1 for those left over."""
    rows, columns = assigned(voxel_costs(logits, points, voxels, focal_weight=focal, distance_weight=distance))
    result = torch.full((len(voxels),), -1, dtype=torch.int64)
    result[columns] = rows
    return result
