"""From cells back to voxels, and to the scores of their classes (section 3.6).

Convolutions run over the cells, and their features are interpolated trilinearly to the voxels in question: the paper
interpolates first, which costs sixteen times as much, and a linear layer in each voxel commutes with it. So that voxels
of one cell can differ by more, each of its columns also has a linear layer of its own: a transposed convolution.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.completion.drocc.cells import Cells


def convolution(inputs: int, outputs: int) -> nn.Sequential:
    """Over volumes, with its normalisation."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm3d(outputs))


class Residual(nn.Module):
    """Two convolutions over a volume, added to it."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(convolution(width, width), nn.ReLU(inplace=True), convolution(width, width))

    def forward(self, volume: Tensor) -> Tensor:
        return functional.relu(volume + self.body(volume))


class Decoder(nn.Module):
    """Of cells with features of ``width``."""

    def __init__(self, width: int, classes: int, cells: Cells) -> None:
        super().__init__()
        self.cells, self.classes = cells, classes
        self.body = Residual(width)
        self.columns = nn.Linear(width, cells.fold**2 * width)
        self.classify = nn.Sequential(
            nn.ReLU(inplace=True), nn.Linear(width, 2 * width), nn.ReLU(inplace=True), nn.Linear(2 * width, classes)
        )

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """For ``scores``, of ``cells`` [cells, width]: the features as a volume [1, width, x, y, z], and those of each
        column of each cell [cells * fold * fold, width]."""
        volume = self.body(self.cells.volume(cells))
        return volume, self.columns(self.cells.rows(volume)).view(-1, cells.shape[1])

    def scores(self, decoded: tuple[Tensor, Tensor], voxels: Tensor) -> Tensor:
        """[n, classes] of ``voxels`` int64 [n], counted through the grid, before softmax."""
        volume, columns = decoded
        cell, column = self.cells.of_voxels(voxels)
        smooth = functional.grid_sample(
            volume.float(), self._places(voxels)[None, None, None], padding_mode="border", align_corners=False
        )[0, :, 0, 0].T
        own = columns[cell * self.cells.fold**2 + column]
        return self.classify(smooth + own).float()

    def _places(self, voxels: Tensor) -> Tensor:
        """[n, 3] of the middle of each voxel: z, y, x, -1 and 1 at the borders of the cells."""
        _, y, z = self.cells.grid.shape
        index = torch.stack([voxels % z, voxels // z % y, voxels // (z * y)], dim=-1)
        fold, (across, along, up) = self.cells.fold, self.cells.shape
        whole = torch.tensor([up, along * fold, across * fold], device=voxels.device)
        return (index + 0.5) / whole * 2 - 1
