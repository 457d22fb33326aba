"""What a network of semantic occupancy is trained for, on samples in which free space is thinned."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from occlabel.stages.learning.losses import class_weights, lovasz_softmax, weighted_cross_entropy

THINNING = 4
"""Of so many free voxels, nine in ten of all, one is learned from and stands for all: most of them are easy."""

_LOVASZ_STRIDE = 3
"""One learned voxel in so many enters the Lovász loss, whose sort per class would else cost as much as a network."""

_FREE_WEIGHT = 0.5
"""Of nine voxels in ten that are free most are easily so; a hit that is missed hurts more than one imagined."""


class Objective(nn.Module):
    """Cross entropy with mild class weights, and Lovász-softmax; their sum is to be made small."""

    def __init__(self, counts: Tensor, free_id: int, believed: bool = False) -> None:
        """``counts`` [classes]: voxels of each class in the logs. Lessons that are only ``believed`` are learned by
        cross entropy alone, and all classes count the same: what lifts rare classes lifts what is wrongly called so."""
        super().__init__()
        self.believed = believed
        weights, stands_for = class_weights(torch.ones_like(counts) if believed else counts), torch.ones(len(counts))
        weights[free_id] *= _FREE_WEIGHT
        stands_for[free_id] = THINNING
        self.register_buffer("weights", weights * stands_for, persistent=False)
        self.register_buffer("stands_for", stands_for, persistent=False)

    def forward(self, scores: Tensor, target: Tensor, trust: Tensor | None = None) -> dict[str, Tensor]:
        """Both losses by name, of ``scores`` [n, classes] against ``target`` [n]; of which each counts as much as its
        ``trust`` [n], more than 0, says."""
        weights, stands_for = self.get_buffer("weights"), self.get_buffer("stands_for")
        entropy = weighted_cross_entropy(scores, target, weights, trust)
        if self.believed:
            return {"entropy": entropy}
        some = slice(None, None, _LOVASZ_STRIDE)
        trusted = None if trust is None else trust[some]
        lovasz = lovasz_softmax(scores[some].softmax(dim=1), target[some], stands_for, trusted)
        return {"entropy": entropy, "lovasz": lovasz}
