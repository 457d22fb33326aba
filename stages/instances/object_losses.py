"""What the Object Module is trained for (OffsetOcc, section 3.4, equations 2 to 6).

Objects are matched with queries by class and centre; the points of a matched query with the voxels of its object, as
seen from the object's *true* centre: an error of the centre does not teach the shape anything (decoupling).

The paper sums equation 4 over K points, most of which no object fills. We divide by the voxels of each object, so that
a lorry weighs no more than a pedestrian and the weights mean the same at 0.2 m and 0.4 m. The map of centres from which
the queries start has a loss of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from occlabel.stages.instances.matching import assigned, assigned_voxels, focal_loss, object_costs
from occlabel.stages.instances.object_module import Found, ObjectModule, Objects
from occlabel.stages.instances.options import Assignment
from occlabel.stages.instances.proposals import centre_loss, centre_targets

CLASS, DISTANCE, OCCUPANCY, OFFSET = 0.5, 0.02, 0.125, 0.0125
"""The weights lambda 1 to 4 of the paper."""

_THINNED = 8
"""Beyond the objects at hand, one column of the lattice in so many is learned from and stands for all."""


@dataclass(frozen=True, slots=True)
class Truth:
    """The objects of some scenes, padded to the same number G."""

    classes: Tensor
    """int64 [n, G]: place among the thing classes, -1 for none."""
    centres: Tensor
    """[n, G, 3] metres: the mean of the object's voxels."""
    phase: Tensor
    """[n, G, 3] metres: from the point that rests nearest to a voxel to the voxel; the same for all of an object."""
    filled: Tensor
    """bool [n, G, K]: points that rest nearest to a voxel of the object."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Queries and the objects they were matched with, over all scenes."""

    scene: Tensor
    query: Tensor
    object: Tensor


def losses(
    module: ObjectModule, objects: Objects, truth: Truth, low: Tensor, high: Tensor,
    *, decoupled: bool = True, assignment: Assignment = "nearest", draw: Callable[[int], Tensor] = torch.rand,
) -> dict[str, Tensor]:  # fmt: skip
    """The losses by name; their sum is to be made small.

    ``draw`` gives n random numbers in [0, 1): which far columns of the lattice are learned from.
    """
    count = (truth.classes >= 0).sum().clamp(min=1)
    total: dict[str, Tensor] = {"class": truth.centres.new_zeros(()), "distance": truth.centres.new_zeros(())}
    for layer in objects.layers:
        matched = match(layer, truth)
        for name, loss in _detection(layer, truth, matched).items():
            total[name] = total[name] + loss / count
    last = objects.layers[-1]
    shapes = objects.shapes[matched.scene, matched.query]
    centres = last.centres[matched.scene, matched.query] - truth.centres[matched.scene, matched.object]
    shift = torch.zeros_like(centres) if decoupled else centres
    phase = truth.phase[matched.scene, matched.object]
    filled = truth.filled[matched.scene, matched.object]
    total |= _occupancy(module, shapes, shift, phase, filled, assignment, draw)
    shape = (objects.centre_logits.shape[1], objects.centre_logits.shape[2])
    target = centre_targets(truth.centres, truth.classes >= 0, low, high, shape)
    return total | {"map": centre_loss(objects.centre_logits.float(), target)}


def match(found: Found, truth: Truth) -> Matched:
    """Queries to objects, scene by scene, at the least cost by equation 2."""
    scenes, queries, objects = [], [], []
    for scene in range(len(truth.classes)):
        real = torch.nonzero(truth.classes[scene] >= 0)[:, 0]
        costs = object_costs(
            found.classes[scene].detach().float(), found.centres[scene].detach().float(),
            truth.classes[scene, real], truth.centres[scene, real], focal_weight=CLASS, distance_weight=DISTANCE,
        )  # fmt: skip
        rows, columns = assigned(costs)
        queries.append(rows.to(real.device))
        objects.append(real[columns.to(real.device)])
        scenes.append(torch.full_like(objects[-1], scene))
    return Matched(torch.cat(scenes), torch.cat(queries), torch.cat(objects))


def _detection(found: Found, truth: Truth, matched: Matched) -> dict[str, Tensor]:
    """Equation 2, summed: queries without an object are to be of no class."""
    target = torch.zeros_like(found.classes, dtype=torch.float32)
    target[matched.scene, matched.query, truth.classes[matched.scene, matched.object]] = 1
    sure = focal_loss(found.classes.float(), target, alpha=0.25, gamma=2.0).sum()
    away = found.centres[matched.scene, matched.query] - truth.centres[matched.scene, matched.object]
    return {"class": CLASS * sure, "distance": DISTANCE * _length(away).sum()}


def _occupancy(
    module: ObjectModule, shapes: Tensor, shift: Tensor, phase: Tensor, filled: Tensor,
    assignment: Assignment, draw: Callable[[int], Tensor],
) -> dict[str, Tensor]:  # fmt: skip
    """Equation 5 of matched queries with ``shapes`` [m, 4, RANK], per object and voxel."""
    layers = module.lattice.layers
    columns, weight = _columns(filled.unflatten(1, (-1, layers)).any(dim=2), draw)
    exact = assignment == "exact"
    offsets, logits = module.points(shapes, None if exact else columns)
    offsets, logits = offsets.float() + shift[:, None], logits.float()
    if exact:
        return _exact(module, offsets, logits, phase, filled)
    target = filled.unflatten(1, (-1, layers))[:, columns].flatten(1).float()
    voxels = target.sum(dim=1).clamp(min=1)
    focal = focal_loss(logits, target, alpha=0.75, gamma=2.0) * weight.repeat_interleave(layers)
    rest: Tensor = module.get_buffer("rest")
    rest = rest.view(-1, layers, 3)[columns].flatten(0, 1)
    row, point = torch.nonzero(target, as_tuple=True)
    away = _length(offsets[row, point] - rest[point] - phase[row])
    objects = max(len(shapes), 1)
    return {
        "occupancy": OCCUPANCY * (focal.sum(dim=1) / voxels).sum() / objects,
        "offset": OFFSET * (away / voxels[row]).sum() / objects,
    }


def _exact(module: ObjectModule, offsets: Tensor, logits: Tensor, phase: Tensor, filled: Tensor) -> dict[str, Tensor]:
    """The same with the exact assignment, which considers all points."""
    rest: Tensor = module.get_buffer("rest")
    occupancy, offset = logits.new_zeros(()), logits.new_zeros(())
    for points, scores, moved, mask in zip(offsets, logits, phase, filled, strict=True):
        voxels = rest[mask] + moved
        point = assigned_voxels(scores.detach(), points.detach(), voxels, OCCUPANCY, OFFSET).to(scores.device)
        target = torch.zeros_like(scores)
        target[point] = 1
        count = max(len(voxels), 1)
        occupancy = occupancy + focal_loss(scores, target, alpha=0.75, gamma=2.0).sum() / count
        offset = offset + _length(points[point] - voxels).sum() / count
    objects = max(len(filled), 1)
    return {"occupancy": OCCUPANCY * occupancy / objects, "offset": OFFSET * offset / objects}


def _columns(filled: Tensor, draw: Callable[[int], Tensor]) -> tuple[Tensor, Tensor]:
    """Columns to learn from and how many each stands for: those that any object fills, and some of the others.

    filled: bool [m, columns]. Most of the lattice is there for the largest objects, and easily said to be empty.
    """
    used = filled.any(dim=0)
    drawn = draw(len(used)).to(used.device) < 1 / _THINNED
    columns = torch.nonzero(used | drawn)[:, 0]
    return columns, torch.where(used[columns], 1.0, float(_THINNED))


def _length(vectors: Tensor) -> Tensor:
    """L2 norm of [..., 3], with a gradient at zero."""
    return (vectors.float().square().sum(dim=-1) + 1e-12).sqrt()
