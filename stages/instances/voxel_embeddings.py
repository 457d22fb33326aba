"""Voxel embeddings of a semantic volume: what the object module reads.

OffsetOcc lifts camera images to them. Offboard there is something better, labels that have been refined; embeddings
from images go to the same place, ``ObjectModule.forward``.

Labels of a cell of 2 x 2 x 2 voxels are embedded, each by its place in the cell, and summed. Seen from above, the cells
of a column side by side, a pyramid of convolutions over three scales tells what belongs to what; its features are
lifted to all heights again and stand beside the embeddings of the labels themselves.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.learning.bag import weighted_bag

FOLD = 2
"""Voxels along each axis in a cell: the paper's embeddings are of half the resolution, too."""
SCALE = 8
"""Voxels along x and y in a cell of the coarsest scale; grids are padded to a multiple."""

_EMBEDDED = 16
_LIFTED = 24
CHANNELS = _EMBEDDED + _LIFTED
_WIDTHS = (64, 96, 128)


class VoxelEncoder(nn.Module):
    """For grids of ``heights`` voxels and so many classes."""

    def __init__(self, heights: int, classes: int) -> None:
        super().__init__()
        self.kinds = classes + 1
        """The classes, and UNKNOWN."""
        self.layers = -(-heights // FOLD)
        self.table = nn.Embedding(FOLD**3 * self.kinds, _EMBEDDED)
        self.register_buffer("corners", torch.arange(FOLD**3) * self.kinds, persistent=False)
        self.stem = nn.Sequential(*_convolution(self.layers * _EMBEDDED, _WIDTHS[0], 1))
        self.blocks = nn.ModuleList(
            nn.Sequential(*_convolution(inputs, outputs), *_convolution(outputs, outputs))
            for inputs, outputs in zip((_WIDTHS[0], *_WIDTHS[:-1]), _WIDTHS, strict=True)
        )
        self.narrow = nn.ModuleList(nn.Conv2d(c, f, 1) for c, f in zip(_WIDTHS[1:], _WIDTHS, strict=False))
        self.joined = nn.ModuleList(nn.Sequential(*_convolution(width, width)) for width in _WIDTHS[:-1])
        self.lift = nn.Conv2d(_WIDTHS[0], self.layers * _LIFTED, 1)

    def forward(self, labels: Tensor) -> Tensor:
        """Embeddings [n, CHANNELS, X / FOLD, Y / FOLD, layers] of ``labels`` int64 [n, X, Y, Z].

        UNKNOWN is the last kind. X and Y are multiples of SCALE, Z of FOLD.
        """
        cells = _cells(labels)
        bags = (cells + self.get_buffer("corners")).flatten(0, 3)
        even = torch.full(bags.shape, 1 / bags.shape[1], device=bags.device)
        embedded = weighted_bag(bags, self.table.weight, even).unflatten(0, cells.shape[:4])  # [n, x, y, z, c]
        seen = self.stem(embedded.flatten(3).permute(0, 3, 1, 2).contiguous())
        levels: list[Tensor] = []
        for block in self.blocks:
            seen = block(seen if not levels else functional.max_pool2d(seen, 2))
            levels.append(seen)
        for narrow, joined, level in zip(
            reversed(self.narrow), reversed(self.joined), reversed(levels[:-1]), strict=True
        ):
            wide = functional.interpolate(narrow(seen), scale_factor=2.0, mode="nearest")
            seen = joined(level + wide)
        lifted = self.lift(seen).unflatten(1, (_LIFTED, self.layers)).permute(0, 1, 3, 4, 2)
        return torch.cat([embedded.permute(0, 4, 1, 2, 3), lifted], dim=1)


def _cells(labels: Tensor) -> Tensor:
    """[n, X / FOLD, Y / FOLD, Z / FOLD, FOLD ** 3]: the labels of each cell."""
    n, x, y, z = labels.shape
    split = labels.view(n, x // FOLD, FOLD, y // FOLD, FOLD, z // FOLD, FOLD)
    return split.permute(0, 1, 3, 5, 2, 4, 6).flatten(4).contiguous()


def _convolution(inputs: int, outputs: int, size: int = 3) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(inputs, outputs, size, padding=size // 2, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )  # fmt: skip
