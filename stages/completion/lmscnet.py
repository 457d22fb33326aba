"""The network: a 2D U-Net seen from above with height as channels, after LMSCNet (Roldao et al., 3DV 2020).

The body runs at 0.4 m whatever the grid: where voxels are 0.2 m the first convolution takes 2 x 2 columns at once and
the head gives them back, so both shipped grids cost the same. The head adds to the body's word on a voxel a 3D
convolution of the hits and crossings around it: what a voxel is comes from far, where its surface lies from next door.
Fully convolutional along x and y: any crop will do.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.schemas.grid import Grid
from occlabel.stages.completion.lidar_features import channels, view_channels
from occlabel.stages.completion.paint_network import Paint, renamed

_BODY_CELL = 0.4
_WIDTHS = (48, 96, 160, 224)
_COLUMN = 128
_VOXEL = 16
_HIDDEN = 32
_WITNESSES = 4
"""Hits and crossings of the own sweep, and of all."""
_STRIDE = 8
"""The body halves its input three times."""


def fold_of(grid: Grid) -> int:
    """How many voxels along x and y share one cell of the body."""
    return max(round(_BODY_CELL / grid.voxel_size), 1)


class LMSCNet(nn.Module):
    """Scores of every voxel of a grid from the input volume of ``lidar_features``."""

    def __init__(self, grid: Grid, classes: int, free_id: int, painted: bool = False) -> None:
        """``painted``: it also reads what images say of the points, where they do (``paint_network.py``)."""
        super().__init__()
        self.fold = fold_of(grid)
        self.heights = grid.shape[2]
        self.classes = classes
        self.free_id = free_id
        self._view = view_channels(grid)
        self.stem = _convolution(channels(grid), _WIDTHS[0], size=self.fold + 2, stride=self.fold)
        self.enter = _pair(_WIDTHS[0], _WIDTHS[0])
        self.down = nn.ModuleList(_pair(a, b) for a, b in pairwise(_WIDTHS))
        self.wide = _convolution(_WIDTHS[-1], _WIDTHS[-1], dilation=2)
        self.up = nn.ModuleList(_pair(a + b, a) for a, b in pairwise(_WIDTHS))
        self.column = _convolution(2 * _WIDTHS[0], _COLUMN, size=1)
        self.unfold = nn.Linear(_COLUMN, self.fold**2 * self.heights * _VOXEL)
        self.local = nn.Conv3d(_WITNESSES, _VOXEL, 3, padding=(0, 0, 1))
        self.mix = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(_VOXEL, _HIDDEN), nn.ReLU(inplace=True))
        self.classify = nn.Linear(_HIDDEN, classes)
        self.paint = Paint(classes, _COLUMN, self.fold) if painted else None

    @property
    def painted_classes(self) -> int:
        """Of the paint in its input volumes, as ``lidar_volume`` has it."""
        return 0 if self.paint is None else self.classes

    def whole(self, volume: Tensor) -> Tensor:
        """Volumes [batch, channels, X, Y] with nothing in what their last cells of the body lack."""
        lacking = (0, -volume.shape[3] % self.fold, 0, -volume.shape[2] % self.fold)
        return functional.pad(volume, lacking) if any(lacking) else volume

    def columns(self, volume: Tensor) -> Tensor:
        """Features of the body's cells, [batch, features, X / fold, Y / fold], of volumes [batch, channels, X, Y]; of a
        network with paint, what that tells of them follows.

        X and Y must be multiples of ``fold`` (see ``whole``); the body pads them to what it can halve three times.
        """
        x, y = volume.shape[2] // self.fold, volume.shape[3] // self.fold
        volume, paint = volume[:, : 2 * self._view], volume[:, 2 * self._view :]
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
        column: Tensor = self.column(torch.cat([result, stem], dim=1))
        column = column[:, :, :x, :y]
        return column if self.paint is None else torch.cat([column, self.paint(column, paint)], dim=1)

    def voxels(self, volume: Tensor) -> Tensor:
        """Hits and crossings [batch, X + 2, Y + 2, 4 Z] of both views; outside of them nothing is hit or crossed."""
        own, every = (volume[:, first : first + 2 * self.heights] for first in (0, self._view))
        return functional.pad(torch.cat([own, every], dim=1).permute(0, 2, 3, 1), (0, 0, 1, 1, 1, 1))

    def surroundings(self, voxels: Tensor, cells: Tensor) -> Tensor:
        """What of ``voxels`` lies in and next to the columns of ``cells``, [n, fold + 2, fold + 2, 4 Z].

        ``cells`` int64 [n] count through [batch, X / fold, Y / fold].
        """
        rows, columns = voxels.shape[1:3]
        x, y = (rows - 2) // self.fold, (columns - 2) // self.fold
        frame, place = cells // (x * y), cells % (x * y)
        corner = (frame * rows + place // y * self.fold) * columns + place % y * self.fold
        around = torch.arange(self.fold + 2, device=cells.device)
        around = (around[:, None] * columns + around).flatten()
        picked = voxels.flatten(0, 2).index_select(0, (corner[:, None] + around).flatten())
        return picked.reshape(len(cells), self.fold + 2, self.fold + 2, _WITNESSES * self.heights)

    def features(self, columns: Tensor, surroundings: Tensor) -> Tensor:
        """Features of voxels [n, fold * fold * Z, _VOXEL] of columns [n, features] and their ``surroundings`` [n, ...].

        The voxels of a column are in the order [x in fold, y in fold, z].
        """
        near = self.local(surroundings.unflatten(-1, (_WITNESSES, self.heights)).permute(0, 3, 1, 2, 4))
        near = near.permute(0, 2, 3, 4, 1).flatten(1)
        return (self.unfold(columns[:, :_COLUMN]) + near).unflatten(1, (-1, _VOXEL))  # type: ignore[no-any-return]

    def scores(self, columns: Tensor, surroundings: Tensor) -> Tensor:
        """Class scores (logits) [n, fold * fold * Z, classes], minus infinity for free where a point lies.

        What returned a ray is not empty. Arguments and order as in ``features``.
        """
        scores: Tensor = self.classify(self.mix(self.features(columns, surroundings)))
        if self.paint is not None and bool(columns[:, _COLUMN:].any()):
            told = columns[:, _COLUMN:].unflatten(1, (-1, 1, self.classes))
            scores = renamed(scores.unflatten(1, (-1, self.heights)), told, self.free_id).flatten(1, 2)
        scores[..., self.free_id].masked_fill_(self.hits(surroundings), -torch.inf)
        return scores

    def some_scores(self, columns: Tensor, surroundings: Tensor, voxels: Tensor) -> Tensor:
        """Class scores float32 [m, classes] of some ``voxels`` int64 [m], which count through ``features``; that of
        free is as if no point lay in them."""
        features = self.features(columns, surroundings).flatten(0, 1).index_select(0, voxels)
        scores: Tensor = self.classify(self.mix(features)).float()
        if self.paint is None:
            return scores
        told = columns[:, _COLUMN:].float().reshape(-1, self.classes).index_select(0, voxels // self.heights)
        return renamed(scores, told, self.free_id)

    def hits(self, surroundings: Tensor) -> Tensor:
        """Which voxels of columns [n, fold * fold * Z] hold a point of the own sweep, of their ``surroundings``."""
        return surroundings[:, 1:-1, 1:-1, : self.heights].flatten(1) > 0

    def forward(self, volume: Tensor) -> Tensor:
        """Class scores [batch, X, Y, Z, classes] of input volumes [batch, channels, X, Y]; see ``scores``."""
        rows, across = volume.shape[2:]
        volume = self.whole(volume)
        columns = self.columns(volume).permute(0, 2, 3, 1)
        batch, x, y, _ = columns.shape
        every = torch.arange(batch * x * y, device=volume.device)
        scores = self.scores(columns.flatten(0, 2), self.surroundings(self.voxels(volume), every))
        scores = scores.reshape(batch, x, y, self.fold, self.fold, self.heights, self.classes)
        scores = scores.transpose(2, 3).reshape(batch, x * self.fold, y * self.fold, self.heights, self.classes)
        return scores[:, :rows, :across]


def _convolution(inputs: int, outputs: int, size: int = 3, stride: int = 1, dilation: int = 1) -> nn.Sequential:
    """Convolution, normalisation, rectifier; keeps X and Y, divided by the stride."""
    padding = (dilation * (size - 1) - (stride - 1)) // 2
    convolution = nn.Conv2d(inputs, outputs, size, stride, padding, dilation, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(_convolution(inputs, outputs), _convolution(outputs, outputs))
