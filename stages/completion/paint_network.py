"""What images add to the network's word: how likely each class is where something is, and nothing about where that is.

A branch beside the network's body reads the paint of the columns around, and what the body makes of them. The body
itself is not changed, so that without images it is the LiDAR network, to the last bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.completion.paint_features import paint_channels

_PAINT = 48
_WIDTH = 64
_DILATIONS = (1, 2, 4)
"""Of the convolutions of 3 x 3 cells, one after the other."""
_REACH = sum(_DILATIONS) + 1
"""Cells of the body that paint is heard of: as far as the convolutions see."""
_LOUD = 4.0
"""Scores that a weight of 1 adds: they are logarithms of odds, and differ by more than weights do."""


class Paint(nn.Module):
    """Scores that paint adds to those of each class, one set for the voxels of a column; see ``lidar_volume``."""

    def __init__(self, classes: int, features: int, fold: int) -> None:
        super().__init__()
        channels, told = 2 * paint_channels(classes), fold**2 * classes
        self.direct = nn.Conv2d(channels, told, fold + 2, fold, padding=1, bias=False)
        self.read = nn.Conv2d(channels, _PAINT, fold + 2, fold, padding=1)
        self.first = nn.Conv2d(features + _PAINT, _WIDTH, 3, padding=1)
        self.around = nn.ModuleList(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=d, dilation=d) for d in _DILATIONS)
        self.last = nn.Conv2d(_WIDTH, told, 1, bias=False)
        nn.init.zeros_(self.direct.weight)
        nn.init.zeros_(self.last.weight)
        self._fold = fold

    def forward(self, columns: Tensor, paint: Tensor) -> Tensor:
        """[batch, fold * fold * classes, x, y] in the order [x in fold, y in fold, class], from the features of columns
        that the body has made, [batch, features, x, y], and their ``paint`` [batch, channels, x * fold, y * fold].
        Where no column within ``_REACH`` cells is painted 0."""
        heard = self._heard(paint)
        if not self.training and not bool(heard.any()):
            return columns.new_zeros(len(columns), self.last.out_channels, *columns.shape[2:])
        near = functional.relu(self.read(paint))
        near = functional.relu(self.first(torch.cat([columns, near], dim=1)))
        for layer in self.around:
            near = near + functional.relu(layer(near))
        return torch.where(heard, _LOUD * (self.direct(paint) + self.last(near)), 0)

    def _heard(self, paint: Tensor) -> Tensor:
        """Which cells [batch, 1, x, y] have paint within reach."""
        there = paint.amax(dim=1, keepdim=True)
        there = functional.max_pool2d(there, self._fold)
        for _ in range(_REACH):
            there = functional.max_pool2d(there, 3, stride=1, padding=1)
        return there > 0


def renamed(scores: Tensor, told: Tensor, free_id: int) -> Tensor:
    """Class scores (logits) [..., classes] and what is ``told`` of the classes [..., classes], added: of what it would
    be if something is there. How likely that is stays what it was, and so does everything where nothing is told."""
    occupied = torch.arange(scores.shape[-1], device=scores.device) != free_id
    added = scores + told * occupied
    before, after = (
        part.masked_fill(~occupied, -torch.inf).logsumexp(dim=-1, keepdim=True) for part in (scores, added)
    )
    return added - (after - before) * occupied
