"""Fitting the trained network's word to held-out frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.samples import WholeFrames
from occlabel.stages.learning.fitting import Sample, best_biases, best_temperature, picked, strides_of


def calibrate(network: LMSCNet, frames: WholeFrames, biased: bool = True) -> float:
    """Fits the network's word to held-out frames: when it names which class, then how sure it may be.

    If ``biased``, adds to the network's biases what makes the mean IoU highest and costs neither the earlier nor the
    later half of the frames anything: training weighs classes, and free voxels above all, as it needs for learning and
    not as they occur. Returns the temperature.
    """
    sample, number = _sampled(network, frames)
    if not biased:
        return best_temperature(sample)
    halves = 2 * number < len(frames) if len(frames) > 1 else None
    biases = best_biases(sample, network.free_id, halves)
    with torch.no_grad():
        network.classify.bias.add_(biases)
    return best_temperature(replace(sample, scores=sample.scores + biases))


def temperature_at_hits(network: LMSCNet, frames: WholeFrames) -> float:
    """The temperature by occupied voxels of held-out frames alone: free space that rays passed is easily right. 1 where
    none is known."""
    sample, _ = _sampled(network, frames)
    hits = sample.targets != network.free_id
    some = replace(sample, scores=sample.scores[hits], targets=sample.targets[hits])
    return best_temperature(some)


@torch.no_grad()
def _sampled(network: LMSCNet, frames: WholeFrames) -> tuple[Sample, Tensor]:
    """Also which of the frames each voxel is of [n]."""
    counts = sum(np.bincount(frames.truth(n).ravel(), minlength=256) for n in range(len(frames)))
    strides = strides_of(np.asarray(counts)[: network.classes])
    scores, targets, numbers = [], [], []
    for number in range(len(frames)):
        sample = frames[number]
        truth = sample["truth"].flatten().long()
        which = picked(truth, strides, number)
        scores.append(network(sample["volume"][None]).flatten(0, 3)[which])
        targets.append(truth[which])
        numbers.append(torch.full_like(which, number))
    return Sample(torch.cat(scores), torch.cat(targets), strides), torch.cat(numbers)
