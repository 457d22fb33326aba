"""The network: a 2D U-Net seen from above with height as channels, after LMSCNet (Roldao et al., 3DV 2020).

The body runs at 0.4 m whatever the grid: where voxels are 0.2 m the first convolution takes 2 x 2 columns at once and
the head gives them back, so both shipped grids cost the same. Fully convolutional along x and y: any crop will do.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from schemas.grid import Grid
from stages.completion.lidar_features import channels

NETWORK = "lmscnet-2"
"""Raised when the layers or the input volume change, so that older weights are refused instead of misread."""

_BODY_CELL = 0.4
_WIDTHS = (48, 96, 160, 224)
_COLUMN = 128
_VOXEL = 16
_STRIDE = 8
"""The body halves its input three times."""


def fold_of(grid: Grid) -> int:
    """How many voxels along x and y share one cell of the body."""
    return max(round(_BODY_CELL / grid.voxel_size), 1)


class LMSCNet(nn.Module):
    """Scores of every voxel of a grid from the input volume of ``lidar_features``."""

    def __init__(self, grid: Grid, classes: int, free_id: int) -> None:
        super().__init__()
        self.fold = fold_of(grid)
        self.heights = grid.shape[2]
        self.classes = classes
        self.free_id = free_id
        self.stem = _convolution(channels(grid), _WIDTHS[0], size=self.fold + 2, stride=self.fold)
        self.enter = _pair(_WIDTHS[0], _WIDTHS[0])
        self.down = nn.ModuleList(_pair(a, b) for a, b in pairwise(_WIDTHS))
        self.wide = _convolution(_WIDTHS[-1], _WIDTHS[-1], dilation=2)
        self.up = nn.ModuleList(_pair(a + b, a) for a, b in pairwise(_WIDTHS))
        self.column = _convolution(2 * _WIDTHS[0] + self.fold**2 * channels(grid), _COLUMN, size=1)
        self.unfold = nn.Linear(_COLUMN, self.fold**2 * self.heights * _VOXEL)
        self.voxel = nn.Linear(_VOXEL, classes)

    def columns(self, volume: Tensor) -> Tensor:
        """Features of the body's cells, [batch, features, X / fold, Y / fold], of volumes [batch, channels, X, Y].

        X and Y must be multiples of ``fold``; the body pads them to what it can halve three times.
        """
        x, y = volume.shape[2] // self.fold, volume.shape[3] // self.fold
        pad = (0, -y % _STRIDE * self.fold, 0, -x % _STRIDE * self.fold)
        volume = functional.pad(volume, pad) if any(pad) else volume
        stem = self.stem(volume)
        levels = [self.enter(stem)]
        for down in self.down:
            levels.append(down(functional.max_pool2d(levels[-1], 2)))
        result = levels.pop()
        result = result + self.wide(result)
        for up in reversed(self.up):
            coarse = functional.interpolate(result, scale_factor=2.0, mode="nearest")
            result = up(torch.cat([levels.pop(), coarse], dim=1))
        # The head sees the volume itself: the body's few channels cannot carry which voxels of a column are hit.
        own = functional.pixel_unshuffle(volume, self.fold).to(result.dtype)
        column: Tensor = self.column(torch.cat([result, stem, own], dim=1))
        return column[:, :, :x, :y]

    def scores(self, columns: Tensor) -> Tensor:
        """Class scores (logits) [n, fold * fold * heights, classes] of columns [n, features].

        The voxels of a column are in the order [x in fold, y in fold, z].
        """
        voxels = functional.relu(self.unfold(columns)).reshape(len(columns), -1, _VOXEL)
        return self.voxel(voxels)  # type: ignore[no-any-return]

    def hits(self, volume: Tensor) -> Tensor:
        """Which voxels hold a point, bool [columns, fold * fold * heights], in the order of ``scores``."""
        batch, _, x, y = volume.shape
        occupancy = volume[:, : self.heights].reshape(batch, -1, x // self.fold, self.fold, y // self.fold, self.fold)
        return occupancy.permute(0, 2, 4, 3, 5, 1).reshape(-1, self.fold**2 * self.heights) > 0

    def possible(self, columns: Tensor, hits: Tensor) -> Tensor:
        """The scores of columns, minus infinity for free where a point lies: what returned the ray is not empty."""
        scores = self.scores(columns)
        scores[..., self.free_id].masked_fill_(hits, -torch.inf)
        return scores

    def forward(self, volume: Tensor) -> Tensor:
        """Class scores [batch, X, Y, Z, classes] of input volumes [batch, channels, X, Y]; see ``possible``."""
        columns = self.columns(volume)
        batch, features, x, y = columns.shape
        scores = self.possible(columns.permute(0, 2, 3, 1).reshape(-1, features), self.hits(volume))
        scores = scores.reshape(batch, x, y, self.fold, self.fold, self.heights, self.classes)
        return scores.transpose(2, 3).reshape(batch, x * self.fold, y * self.fold, self.heights, self.classes)


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution, normalisation, rectifier; keeps X and Y, divided by the stride."""
    padding = (dilation * (size - 1) - (stride - 1)) // 2
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs), _convolution(outputs, outputs))
