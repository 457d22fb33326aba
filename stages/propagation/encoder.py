"""What a frame looks like from above: its labels, and where it lies, as features on ever coarser grids of columns.

Two encoders of one blueprint (OccFiner, section III-B): an embedding with LayerNorm, then four blocks of a halving and
two 3 x 3 convolutions, 80 channels in the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.learning.bag import weighted_bag
from occlabel.stages.propagation.coordinates import COORDINATES

EMBEDDED = 32
WIDTHS = (56, 72, 80, 80)
"""Channels of the four blocks. The paper gives those of the output; narrower first blocks meet its parameter count."""
SCALE = 2 ** len(WIDTHS)
"""Columns along x and y in one cell of the coarsest features."""


class LabelEncoder(nn.Module):
    """Labels of a column, lowest to highest, to one vector; then the pyramid.

    The embedding is a Linear layer on the one-hot labels of all heights, each scaled with the onboard confidence: a sum
    of one row of a table per voxel.
    """

    def __init__(self, heights: int, classes: int) -> None:
        super().__init__()
        self.kinds = classes + 1
        """The classes, and UNKNOWN."""
        self.table = nn.Embedding(heights * self.kinds, EMBEDDED)
        nn.init.normal_(self.table.weight, std=heights**-0.5)
        self.norm = nn.LayerNorm(EMBEDDED)
        self.blocks = pyramid()
        self.register_buffer("offsets", torch.arange(heights) * self.kinds, persistent=False)

    def forward(self, labels: Tensor, confidence: Tensor) -> list[Tensor]:
        """Features [n, width, X / 2 ** k, Y / 2 ** k] after each block.

        ``labels`` int64 [n, X, Y, Z], UNKNOWN as the last kind; ``confidence`` float [n, X, Y, Z] 0..1.
        """
        offsets: Tensor = self.get_buffer("offsets")
        rows, weights = (labels + offsets).flatten(0, 2), confidence.flatten(0, 2)
        embedded = weighted_bag(rows, self.table.weight, weights)
        features = self.norm(embedded).unflatten(0, labels.shape[:3]).permute(0, 3, 1, 2).contiguous()
        levels = []
        for block in self.blocks:
            features = block(functional.max_pool2d(features, 2))
            levels.append(features)
        return levels


class PlaceEncoder(nn.Module):
    """Relative coordinates, or time, to features on the coarsest grid.

    Both are straight lines over the grid, of which a halving keeps every second point: they are sampled on the coarsest
    grid from the start, and the blocks do not halve.
    """

    def __init__(self, inputs: int = COORDINATES) -> None:
        super().__init__()
        self.embed = nn.Linear(inputs, EMBEDDED)
        self.norm = nn.LayerNorm(EMBEDDED)
        self.blocks = pyramid()

    def forward(self, values: Tensor) -> Tensor:
        """Features [n, width, x, y] of ``values`` [n, inputs, x, y]."""
        features = self.norm(self.embed(values.permute(0, 2, 3, 1))).permute(0, 3, 1, 2).contiguous()
        for block in self.blocks:
            features = block(features)
        return features


def pyramid(widths: Sequence[int] = WIDTHS) -> nn.ModuleList:
    """One block a width: two convolutions with a rectifier each."""
    return nn.ModuleList(
        nn.Sequential(*convolution(inputs, outputs), *convolution(outputs, outputs))
        for inputs, outputs in pairwise((EMBEDDED, *widths))
    )


def convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
