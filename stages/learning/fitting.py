"""Fitting scores to held-out frames: when a network names which class, and how sure it may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.learning.losses import weighted_cross_entropy

_ENOUGH, _SPARSEST = 40_000, 100
"""Biases are fitted to about so many voxels of each class, or to one in so many of a frequent one."""

_WORTH = 0.0005
"""Of mean IoU, for a change of a class's bias."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Some scored voxels of held-out frames; of rare classes, all."""

    scores: Tensor
    """[n, classes]."""
    targets: Tensor
    """[n] int64."""
    stands_for: Tensor
    """[classes]: how many voxels of the frames one of the sample stands for, by its true class."""


def best_biases(sample: Sample, free_id: int, halves: Tensor | None = None, limit: float = np.inf) -> Tensor:
    """What to add to the scores of each class [classes], at most ``limit``, for the highest mean IoU, class by class.

    A bias must earn its keep, or a class of few voxels would be fitted to the noise of the frames at hand, and a class
    that the truth lacks gets none: what is said of it there can only be wrong, and elsewhere it would be silenced. With
    ``halves`` (bool [n]: which half of the frames a voxel is of) both hold of each half too.
    """
    classes = sample.scores.shape[1]
    parts = [torch.ones(len(sample.targets), dtype=torch.bool), *(() if halves is None else (halves, ~halves))]
    allowed = torch.stack([torch.bincount(sample.targets[part], minlength=classes) > 0 for part in parts]).all(0)
    biases = torch.zeros(classes)
    best = _mious(sample.scores, sample, free_id, parts)
    for steps in ((4.0, 2.0, 1.0, 0.5, 0.25), (1.0, 0.5, 0.25), (0.5, 0.25)):
        for class_id in (free_id, *(c for c in range(classes) if c != free_id)):
            for step in (sign * step for step in steps for sign in (1, -1)):
                tried = biases.clone()
                tried[class_id] += step
                if not allowed[class_id] or abs(tried[class_id]) > limit:
                    continue
                found = _mious(sample.scores + tried, sample, free_id, parts)
                if found[0] > best[0] + _WORTH and all(new >= old for new, old in zip(found, best, strict=True)):
                    biases, best = tried, found
    return biases


def strides_of(counts: NDArray[np.int64]) -> Tensor:
    """Of how many voxels of each class [classes] one is taken into a ``Sample``, by their ``counts`` [classes]."""
    return torch.from_numpy(np.clip(counts // _ENOUGH, 1, _SPARSEST))


def picked(truth: Tensor, strides: Tensor, number: int) -> Tensor:
    """Which voxels of a frame's ``truth`` [n] enter the sample; ``number`` counts the frames."""
    every = torch.arange(len(truth)) + 17 * number
    known = truth != UNKNOWN
    return torch.nonzero(known & (every % strides[torch.where(known, truth, 0)] == 0))[:, 0]


def best_temperature(sample: Sample) -> float:
    """By which scores must be divided for the least cross entropy (Guo et al. 2017); 1 where nothing is scored."""
    targets = sample.targets
    possible = torch.isfinite(sample.scores.gather(1, targets[:, None]))[:, 0]
    scores, targets = sample.scores[possible][::8].double(), targets[possible][::8]
    if not len(targets):
        return 1.0
    temperatures = np.exp(np.linspace(np.log(0.25), np.log(4), 65))
    weights = sample.stands_for.double()
    losses = [float(weighted_cross_entropy(scores / t, targets, weights)) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


def _mious(scores: Tensor, sample: Sample, free_id: int, parts: list[Tensor]) -> list[float]:
    """Mean IoU over each of the ``parts`` (bool [n]) of the sample."""
    classes = scores.shape[1]
    pairs = sample.targets * classes + scores.argmax(dim=1)
    counts = (torch.bincount(pairs[part], minlength=classes**2).reshape(classes, classes) for part in parts)
    return [scores_of(confusion * sample.stands_for[:, None], free_id)[1] for confusion in counts]


def scores_of(confusion: Tensor, free_id: int) -> tuple[float, float]:
    """IoU of occupied against free, and mean IoU over the occupied classes that the truth holds; 0 without any.

    ``confusion`` [truth, predicted] in voxels.
    """
    hits = confusion.diag().double()
    union = confusion.sum(0) + confusion.sum(1) - hits
    occupied = torch.arange(len(confusion)) != free_id
    present = occupied & (confusion.sum(1) > 0)
    either = confusion.sum() - confusion[free_id, free_id]
    both = confusion[occupied][:, occupied].sum()
    miou = (hits[present] / union[present]).mean() if bool(present.any()) else torch.tensor(0.0)
    return float(both / either.clamp(min=1)), float(miou)
