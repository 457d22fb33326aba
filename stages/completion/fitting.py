"""Fitting a trained network's word to held-out frames: when it names which class, and how sure it may be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from schemas.taxonomy import UNKNOWN
from stages.completion.lmscnet import LMSCNet
from stages.completion.samples import WholeFrames
from stages.learning.losses import weighted_cross_entropy

_ENOUGH, _SPARSEST = 40_000, 100
"""Biases are fitted to about so many voxels of each class, or to one in so many of a frequent one."""

_WORTH = 0.0005
"""Of mean IoU, for a change of a class's bias."""


def calibrate(network: LMSCNet, frames: WholeFrames) -> float:
    """Fits the network's word to held-out frames: when it names which class, then how sure it may be.

    Adds to the network's biases what makes the mean IoU highest: training weighs classes, and free voxels above all, as
    it needs for learning and not as they occur. Returns the temperature with the least cross entropy (Guo et al. 2017).
    """
    sample = _sampled(network, frames)
    biases = best_biases(sample, network.free_id)
    with torch.no_grad():
        network.classify.bias.add_(biases)
    scores, targets = sample.scores + biases, sample.targets
    possible = torch.isfinite(scores.gather(1, targets[:, None]))[:, 0]
    scores, targets = scores[possible][::8].double(), targets[possible][::8]
    temperatures = np.exp(np.linspace(np.log(0.25), np.log(4), 65))
    weights = sample.stands_for.double()
    losses = [float(weighted_cross_entropy(scores / t, targets, weights)) for t in temperatures]
    return float(temperatures[int(np.argmin(losses))])


@dataclass(frozen=True, slots=True)
class Sample:
    """Some scored voxels of held-out frames; of rare classes, all."""

    scores: Tensor
    """[n, classes]."""
    targets: Tensor
    """[n] int64."""
    stands_for: Tensor
    """[classes]: how many voxels of the frames one of the sample stands for, by its true class."""


def best_biases(sample: Sample, free_id: int) -> Tensor:
    """What to add to the scores of each class [classes] for the highest mean IoU, one class after the other.

    A bias must earn its keep, or a class of few voxels would be fitted to the noise of the frames at hand.
    """
    classes = sample.scores.shape[1]
    biases = torch.zeros(classes)
    best = _miou(sample.scores, sample, free_id)
    for steps in ((4.0, 2.0, 1.0, 0.5, 0.25), (1.0, 0.5, 0.25), (0.5, 0.25)):
        for class_id in (free_id, *(c for c in range(classes) if c != free_id)):
            for step in (sign * step for step in steps for sign in (1, -1)):
                tried = biases.clone()
                tried[class_id] += step
                found = _miou(sample.scores + tried, sample, free_id)
                if found > best + _WORTH:
                    biases, best = tried, found
    return biases


@torch.no_grad()
def _sampled(network: LMSCNet, frames: WholeFrames) -> Sample:
    counts = sum(np.bincount(frames.truth(n).ravel(), minlength=256) for n in range(len(frames)))
    strides = torch.from_numpy(np.clip(np.asarray(counts) // _ENOUGH, 1, _SPARSEST))
    scores, targets = [], []
    for number in range(len(frames)):
        sample = frames[number]
        truth = sample["truth"].flatten().long()
        every = torch.arange(len(truth)) + 17 * number
        picked = torch.nonzero((truth != UNKNOWN) & (every % strides[truth] == 0))[:, 0]
        scores.append(network(sample["volume"][None]).flatten(0, 3)[picked])
        targets.append(truth[picked])
    return Sample(torch.cat(scores), torch.cat(targets), strides[: network.classes])


def _miou(scores: Tensor, sample: Sample, free_id: int) -> float:
    classes = scores.shape[1]
    confusion = torch.bincount(sample.targets * classes + scores.argmax(dim=1), minlength=classes**2)
    return scores_of(confusion.reshape(classes, classes) * sample.stands_for[:, None], free_id)[1]


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
