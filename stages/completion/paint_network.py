"""What images add to the network's word: a branch beside its body, silent where no image says anything.

The features that the body makes of a column of voxels are added to by a few convolutions of them and of the paint of
the columns around. The body itself is not changed, so that without images it is the LiDAR network, to the last bit.
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


class Paint(nn.Module):
    """Adds to features of columns what their paint tells; see ``lidar_volume`` for the paint."""

    def __init__(self, classes: int, features: int, fold: int) -> None:
        super().__init__()
        self.read = nn.Conv2d(2 * paint_channels(classes), _PAINT, fold + 2, fold, padding=1)
        self.first = nn.Conv2d(features + _PAINT, _WIDTH, 3, padding=1)
        self.around = nn.ModuleList(nn.Conv2d(_WIDTH, _WIDTH, 3, padding=d, dilation=d) for d in _DILATIONS)
        self.last = nn.Conv2d(_WIDTH, features, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]
        self._fold = fold

    def forward(self, columns: Tensor, paint: Tensor) -> Tensor:
        """Features [batch, features, x, y] of the body's cells, from those that the body has made, ``columns``, and the
        ``paint`` [batch, channels, x * fold, y * fold]. Where no column within ``_REACH`` cells is painted they stay
        as they are."""
        heard = self._heard(paint)
        if not self.training and not bool(heard.any()):
            return columns
        told = functional.relu(self.read(paint))
        told = functional.relu(self.first(torch.cat([columns, told], dim=1)))
        for layer in self.around:
            told = told + functional.relu(layer(told))
        return columns + torch.where(heard, self.last(told), 0)

    def _heard(self, paint: Tensor) -> Tensor:
        """Which cells [batch, 1, x, y] have paint within reach."""
        there = paint.amax(dim=1, keepdim=True)
        there = functional.max_pool2d(there, self._fold)
        for _ in range(_REACH):
            there = functional.max_pool2d(there, 3, stride=1, padding=1)
        return there > 0
