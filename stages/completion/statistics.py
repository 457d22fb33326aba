"""Normalisation statistics of a network, made those of other logs (adaptive batch normalisation)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from occlabel.stages.completion.lmscnet import LMSCNet

_PRIOR = 64
"""So many frames the statistics of before count as much as: frames of one street are alike, and not like the next."""


@torch.no_grad()
def re_estimate(network: LMSCNet, volumes: Iterable[Tensor]) -> int:
    """Moves running means and variances of ``network`` to those of whole frames, ``volumes`` [channels, X, Y] each.

    Li et al. 2017; mixed with the old ones as Schneider et al. 2020 (eq. 1) do, so that a few frames of one street do
    not decide alone. No label is needed and no weight changes. Returns how many frames there were.
    """
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    before = [(layer.running_mean.clone(), layer.running_var.clone()) for layer in layers]  # type: ignore[union-attr]
    habits = [(layer.momentum, layer.num_batches_tracked) for layer in layers]
    for layer in layers:
        layer.num_batches_tracked = torch.zeros((), dtype=torch.int64)
        layer.reset_running_stats()
        layer.momentum = None  # the mean over all frames
    was_training, frames = network.training, 0
    network.train()
    for volume in volumes:
        network.columns(network.whole(volume[None]).contiguous(memory_format=torch.channels_last))
        frames += 1
    network.train(was_training)
    share = frames / (frames + _PRIOR)
    for layer, habit, (mean, variance) in zip(layers, habits, before, strict=True):
        assert layer.running_mean is not None and layer.running_var is not None
        layer.running_mean.copy_(torch.lerp(mean, layer.running_mean, share))
        layer.running_var.copy_(torch.lerp(variance, layer.running_var, share))
        layer.momentum, layer.num_batches_tracked = habit
    return frames
