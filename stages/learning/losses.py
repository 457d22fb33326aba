"""Losses of semantic occupancy. ``target`` holds class ids, 255 where the truth is silent and nothing is learned."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from occlabel.schemas.taxonomy import UNKNOWN

_FEWEST = 1000
"""Counts below it weigh like it: 1 / ln(count) grows without bound towards a count of one."""

_LEAST = 1e-30
"""Shares below it are as bad as it: the logarithm of 0 has no gradient."""


def class_weights(counts: Tensor) -> Tensor:
    """Weight per class, 1 / ln(count + 0.001) scaled to a mean of 1 over the classes that occur (MonoScene's weights).

    ``counts`` [classes] voxels of each class. Mild on purpose: a class a thousand times rarer weighs about twice as
    much. A class without voxels weighs 0.
    """
    counts = counts.double()
    weights = torch.where(counts > 0, 1 / torch.log(counts.clamp(min=_FEWEST) + 0.001), 0.0)
    present = (counts > 0).sum().clamp(min=1)
    return (weights * present / weights.sum().clamp(min=1e-12)).float()


def weighted_cross_entropy(
    logits: Tensor, target: Tensor, weights: Tensor | None = None, trust: Tensor | None = None
) -> Tensor:
    """Cross entropy of ``logits`` [n, classes] against ``target`` [n], averaged by weight; 0 if none is scored.

    ``weights`` [classes] weigh by class, ``trust`` [n] by voxel.
    """
    if not bool((target != UNKNOWN).any()):
        return logits.sum() * 0
    if trust is None:
        return functional.cross_entropy(logits, target.long(), weight=weights, ignore_index=UNKNOWN)
    mass = torch.where(target == UNKNOWN, 0, trust)
    if weights is not None:
        mass = mass * weights[torch.where(target == UNKNOWN, 0, target).long()]
    losses = functional.cross_entropy(logits, target.long(), ignore_index=UNKNOWN, reduction="none")
    return (losses * mass).sum() / mass.sum().clamp(min=1e-12)


def lovasz_softmax(
    probabilities: Tensor, target: Tensor, stands_for: Tensor | None = None, trust: Tensor | None = None
) -> Tensor:
    """The Lovász extension of the Jaccard loss, mean over the classes in ``target`` (Berman et al. 2018, eq. 9).

    ``probabilities`` [n, classes], ``target`` [n]. 0 when nothing is scored. Where the voxels are a sample that was
    thinned by class, ``stands_for`` [classes] says how many voxels of each class one of the sample stands for, and
    ``trust`` [n] how much of it counts, more than 0.
    """
    scored = target != UNKNOWN
    probabilities, target = probabilities[scored], target[scored]
    mass = None if stands_for is None else stands_for[target.long()]
    if trust is not None:
        mass = trust[scored] if mass is None else mass * trust[scored]
    losses = []
    for class_id in torch.unique(target).tolist():
        truth = target == class_id
        p = probabilities[:, class_id]
        losses.append(_lovasz_of_class(torch.where(truth, 1 - p, p), truth, mass))
    return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def _lovasz_of_class(errors: Tensor, truth: Tensor, mass: Tensor | None) -> Tensor:
    """The extension of one class: errors [n] in descending order, each weighed by what it adds to the Jaccard loss."""
    errors, order = torch.sort(errors, descending=True)
    mass = torch.ones_like(truth, dtype=torch.float64) if mass is None else mass.double()
    inside = torch.where(truth, mass, 0)[order]
    outside = torch.where(truth, 0, mass)[order]
    return torch.dot(errors, _jaccard_increments(inside, outside).to(errors.dtype))


def _jaccard_increments(inside: Tensor, outside: Tensor) -> Tensor:
    """What voxel k, wrong as well as all before it, adds to the Jaccard loss. [n], sums to 1.

    ``inside`` [n] what it weighs when it is of the class, else 0; ``outside`` [n] the other way round.
    """
    size = inside.sum()
    intersection = size - inside.cumsum(0)
    union = size + outside.cumsum(0)
    return torch.diff(1 - intersection / union, prepend=inside.new_zeros(1))


def semantic_affinity(probabilities: Tensor, target: Tensor, stands_for: Tensor | None = None) -> Tensor:
    """Minus the logarithms of precision, recall and specificity, summed, mean over the classes in ``target``, free
    space among them (MonoScene, section 3.3: scene-class affinity). Arguments as ``lovasz_softmax``."""
    scored = target != UNKNOWN
    probabilities, target = probabilities[scored], target[scored]
    mass = _mass(target, stands_for)
    each = ((probabilities[:, one], target == one) for one in torch.unique(target).tolist())
    losses = [_affinity(likely, 1 - likely, truth, mass) for likely, truth in each]
    return torch.stack(losses).mean() if losses else probabilities.sum() * 0


def geometric_affinity(probabilities: Tensor, target: Tensor, free_id: int, stands_for: Tensor | None = None) -> Tensor:
    """The same of occupied against free alone; of truth that is all free, or all occupied, what there is of it."""
    scored = target != UNKNOWN
    probabilities, target = probabilities[scored], target[scored]
    if not len(target):
        return probabilities.sum() * 0
    free = probabilities[:, free_id]
    return _affinity(1 - free, free, target != free_id, _mass(target, stands_for))


def _mass(target: Tensor, stands_for: Tensor | None) -> Tensor:
    return torch.ones(len(target), device=target.device) if stands_for is None else stands_for[target.long()]


def _affinity(likely: Tensor, unlikely: Tensor, truth: Tensor, mass: Tensor) -> Tensor:
    """Of one class that each voxel [n] has as ``likely`` as that, does not have as ``unlikely``, and by ``truth`` has
    or not."""
    right, wrong = torch.where(truth, mass, 0), torch.where(truth, 0, mass)
    shares = []
    if bool(truth.any()):
        hit = (likely * right).sum()
        shares += [hit / (likely * mass).sum().clamp(min=_LEAST), hit / right.sum()]
    if not bool(truth.all()):
        shares.append((unlikely * wrong).sum() / wrong.sum())
    return torch.stack([-share.clamp(min=_LEAST).log() for share in shares]).sum()
