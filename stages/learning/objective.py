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
    """Cross entropy with mild class weights, and Lovász-softmax; their sum is to be made small.

    Labels that nobody checked are learned by cross entropy alone, and all classes count the same: what lifts rare
    classes lifts what is wrongly called so.
    """

    def __init__(self, counts: Tensor, free_id: int) -> None:
        """``counts`` [classes]: voxels of each class in the logs, by their truth."""
        super().__init__()
        stands_for = torch.ones(len(counts))
        stands_for[free_id] = THINNING
        self.register_buffer("stands_for", stands_for, persistent=False)
        for name, weights in (("weights", class_weights(counts)), ("even", torch.ones(len(counts)))):
            weights[free_id] *= _FREE_WEIGHT
            self.register_buffer(name, weights * stands_for, persistent=False)

    def forward(
        self, scores: Tensor, target: Tensor, trust: Tensor | None = None, believed: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Both losses by name, of ``scores`` [n, classes] against ``target`` [n]; of which each counts as much as its
        ``trust`` [n], more than 0, says. ``believed`` bool [n]: what nobody checked; by default, nothing."""
        weights = self.get_buffer("weights")
        if believed is None or not bool(believed.any()):
            return {
                "entropy": weighted_cross_entropy(scores, target, weights, trust),
                "lovasz": self._lovasz(scores, target, trust),
            }
        mass = torch.where(believed, self.get_buffer("even")[target.long()], weights[target.long()])
        losses = {"entropy": weighted_cross_entropy(scores, target, trust=mass if trust is None else mass * trust)}
        if not bool(believed.all()):
            known = ~believed
            losses["lovasz"] = self._lovasz(scores[known], target[known], None if trust is None else trust[known])
        return losses

    def _lovasz(self, scores: Tensor, target: Tensor, trust: Tensor | None) -> Tensor:
        some = slice(None, None, _LOVASZ_STRIDE)
        trusted = None if trust is None else trust[some]
        return lovasz_softmax(scores[some].softmax(dim=1), target[some], self.get_buffer("stands_for"), trusted)
