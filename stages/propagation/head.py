"""The segmentation head: propagated features back to every voxel of a frame.

The paper says only that there is one. Ours climbs the pyramid with the frame's own features beside (LMSCNet's U-Net),
which brings what surrounds a block of 2 x 2 columns, and adds to it a 3D convolution of labels around each voxel: those
of the frame itself, and those that the other frames of the window have at the same place of the world. The features
from the transformer are 16 columns wide; equation 1 says to a voxel where in the other frames it lies, and so the head
looks there. What it says is added to the onboard word: a network that learned nothing changes nothing. Space that is
free in all frames, and all around, is not in question: it stays free, and costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.learning.bag import weighted_bag
from occlabel.stages.propagation.encoder import WIDTHS

BLOCK = 2
"""Columns along x and y that share the features of the finest level."""
_COLUMN = 64
VOXEL = 8
"""Features of a voxel."""
LABEL = 4
"""Numbers that stand for a label, of the frame itself and again of the others."""
_HIDDEN = 16
_TRUST = 4.0
"""Score of the onboard label before anything is learned."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Labels of n frames at the same places: patches of x by y columns and one column more on every side."""

    kinds: Tensor
    """int32 [patches, x + 2, y + 2, Z, n]; the last kind is UNKNOWN, and outside of a frame's grid. The frame itself
    comes first."""
    confidence: Tensor
    """float 0..1, of the same shape; 0 where the kind is UNKNOWN."""


class Head(nn.Module):
    """``columns`` once a frame, then ``scores`` of any of them."""

    def __init__(self, heights: int, classes: int, free_id: int, unlabelled: bool = False) -> None:
        """``unlabelled``: see ``Parts``."""
        super().__init__()
        self.heights = heights
        self.free_id = free_id
        self.unlabelled = unlabelled
        outputs = (_COLUMN, 72, 80)
        self.climb = nn.ModuleList(
            nn.Sequential(nn.Conv2d(fine + coarse, out, 1), nn.ReLU(inplace=True))
            for fine, coarse, out in zip(WIDTHS[:3], (*outputs[1:], WIDTHS[3]), outputs, strict=True)
        )
        self.unfold = nn.Linear(_COLUMN, BLOCK**2 * heights * VOXEL)
        self.own = nn.Embedding(classes + 1, LABEL)
        self.others = nn.Embedding(classes + 1, LABEL)
        self.local = nn.Linear(27 * 2 * LABEL, VOXEL)
        self.mix = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(VOXEL, _HIDDEN), nn.ReLU(inplace=True))
        self.classify = nn.Linear(_HIDDEN, classes)
        self.onboard = nn.Embedding(classes + 1, classes)
        with torch.no_grad():
            self.onboard.weight.copy_(_TRUST * torch.eye(classes + 1, classes))
            self.classify.weight.mul_(0.1)
            self.classify.bias.zero_()

    def columns(self, levels: list[Tensor], propagated: Tensor) -> Tensor:
        """Features [n, X / BLOCK, Y / BLOCK, _COLUMN] of frames: their pyramid, and what the transformer made of it."""
        result = propagated
        for climb, level in zip(reversed(self.climb), reversed(levels[:3]), strict=True):
            coarse = functional.interpolate(result, scale_factor=2.0, mode="nearest")
            result = climb(torch.cat([level, coarse], dim=1))
        return result.permute(0, 2, 3, 1)

    def scores(self, columns: Tensor, around: Surroundings) -> tuple[Tensor, Tensor]:
        """Class scores (logits) [n, classes] of the voxels in question, and which of [patches, x, y, Z] those are.

        ``columns`` [patches, x / BLOCK, y / BLOCK, _COLUMN] belong to the patches that ``around`` surrounds. In
        question is every voxel with a label, and with ``unlabelled`` every one, next to which any of the frames sees
        anything.
        """
        chosen = self._in_question(around).flatten().nonzero()[:, 0]
        block = self.unfold(columns).unflatten(-1, (BLOCK, BLOCK, self.heights, VOXEL))
        features = block.transpose(2, 3).flatten(3, 4).flatten(1, 2).flatten(0, 3).index_select(0, chosen)
        features = features + self.local(self._neighbours(self._embedded(around), chosen))
        kinds, confidence = (part[:, 1:-1, 1:-1, :, 0].flatten()[chosen] for part in (around.kinds, around.confidence))
        scores: Tensor = self.classify(self.mix(features))
        return scores + self.onboard(kinds) * confidence[:, None], chosen

    def _neighbours(self, embedded: Tensor, chosen: Tensor) -> Tensor:
        """Embedded labels [n, 27 * 2 * LABEL] of the ``chosen`` voxels and of those next to them.

        A 3D convolution, where it is asked for: three voxels in four are not in question.
        """
        embedded = functional.pad(embedded, (0, 0, 1, 1))  # nothing below and above the grid
        _, x, y, z, _ = embedded.shape
        steps = torch.arange(3, device=chosen.device)
        offsets = ((steps[:, None, None] * y + steps[:, None]) * z + steps).flatten()
        column, height = chosen // (z - 2), chosen % (z - 2)
        patch, column = column // ((x - 2) * (y - 2)), column % ((x - 2) * (y - 2))
        first = ((patch * x + column // (y - 2)) * y + column % (y - 2)) * z + height
        rows = (first[:, None] + offsets).flatten()
        return embedded.flatten(0, 3).index_select(0, rows).reshape(len(chosen), 27 * embedded.shape[-1])

    def _in_question(self, around: Surroundings) -> Tensor:
        """Bool [patches, x, y, Z]."""
        unknown = self.onboard.num_embeddings - 1
        something = ((around.kinds != self.free_id) & (around.kinds != unknown)).any(dim=-1)
        wide: Tensor = functional.pad(something, (1, 1))
        wide = wide[..., :-2] | wide[..., 1:-1] | wide[..., 2:]
        wide = wide[:, :, :-2] | wide[:, :, 1:-1] | wide[:, :, 2:]
        wide = wide[:, :-2] | wide[:, 1:-1] | wide[:, 2:]
        if self.unlabelled:
            return wide
        known: Tensor = around.kinds[:, 1:-1, 1:-1, :, 0] != unknown
        return wide & known

    def _embedded(self, around: Surroundings) -> Tensor:
        """[patches, x + 2, y + 2, Z, 2 * LABEL]: the frame's own label, and the sum over the others."""
        kinds, confidence = around.kinds, around.confidence
        own = self.own(kinds[..., 0]) * confidence[..., :1]
        if kinds.shape[-1] == 1:
            return torch.cat([own, torch.zeros_like(own)], dim=-1)
        others = weighted_bag(kinds[..., 1:].flatten(0, 3), self.others.weight, confidence[..., 1:].flatten(0, 3))
        return torch.cat([own, others.unflatten(0, kinds.shape[:4]).to(own.dtype)], dim=-1)
