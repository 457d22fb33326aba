"""Deformable cross-attention of voxels to images: the module DCA of equations 4 to 6, 9 and 12, in plain torch.

A cell is seen by the cameras in whose image its middle lies. Each of its reference points, which are spread in it, has
a place in the image; from there each head looks as far away as the cell says. What several cameras show is averaged.
What no camera sees keeps its features. The paper leaves the place of the points, the width, the layers and what stands
around the attention open: here it is one layer, before it a normalisation and the place of the cell, after it a network
for each cell, both added to what was there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.completion.drocc.projection import moved
from occlabel.stages.learning.deformable import DeformablePoints

_REACH = 2.0
"""Features of the image that the outermost points lie away at the start."""
_NEAREST = 0.3
"""[m] before a camera, within which nothing is seen."""


class Sight(NamedTuple):
    """The cells that one camera sees."""

    cells: Tensor
    """int64 [P]."""
    places: Tensor
    """[P, points, 2]: where their reference points lie, across and down, -1 and 1 at the borders of the image."""


def sights(camera_from_grid: Tensor, intrinsics: Tensor, size: tuple[int, int], references: Tensor) -> list[Sight]:
    """What each camera sees, by ``camera_from_grid`` [N, 4, 4], K ``intrinsics`` [N, 3, 3] and the ``size`` (rows,
    columns) of its image; ``references`` [cells, points, 3] are those of the cells [m], the first their middle."""
    rows, columns = size
    result = []
    for transform, k in zip(camera_from_grid, intrinsics, strict=True):
        x, y, z = moved(references[None], transform[None])[0].unbind(dim=-1)  # [cells, points]
        deep = z.clamp(min=_NEAREST)
        across = ((k[0, 0] * x / deep + k[0, 2]) + 0.5) / columns * 2 - 1
        down = ((k[1, 1] * y / deep + k[1, 2]) + 0.5) / rows * 2 - 1
        inside = (z[:, 0] > _NEAREST) & (across[:, 0].abs() < 1) & (down[:, 0].abs() < 1)
        found = torch.nonzero(inside)[:, 0]
        result.append(Sight(found, torch.stack([across[found], down[found]], dim=-1)))
    return result


@dataclass(frozen=True, slots=True)
class Look:
    """What attention reads, and from where."""

    features: Tensor
    """[N, channels, h, w] of the images of all cameras."""
    sights: Sequence[Sight]
    """Of each camera."""
    places: Tensor
    """[cells, width]: what is known of where a cell lies."""

    def within(self, chosen: Tensor) -> Look:
        """The same of ``chosen`` cells alone, bool [cells]."""
        kept = [Sight(one.cells[some], one.places[some]) for one in self.sights for some in (chosen[one.cells],)]
        return replace(self, sights=kept)

    def seen(self) -> Tensor:
        """Cells that any camera sees, bool [cells]."""
        result = torch.zeros(len(self.places), dtype=torch.bool, device=self.places.device)
        for one in self.sights:
            result[one.cells] = True
        return result


class ImageAttention(DeformablePoints):
    """Queries of ``width`` read from features of ``channels``; each head has one point beside each reference."""

    def __init__(self, width: int, channels: int, heads: int, points: int) -> None:
        super().__init__(width, heads, points, axes=2)
        # Of an image there are far fewer features than points that read them.
        self.values = nn.Conv2d(channels, width, 1)
        self.output = nn.Linear(width, width)
        self.start(_REACH)

    def forward(self, queries: Tensor, features: Tensor, sights: Sequence[Sight]) -> Tensor:
        """[Q, width] of ``queries`` [Q, width]; ``cells`` of the sights count through them. Zero for what none sees."""
        values = self.values(features).float().unflatten(1, (self.heads, -1))  # [N, heads, width / heads, h, w]
        height, width = features.shape[-2:]
        # One feature away is so much of the image.
        away = self.away(queries).float() * torch.tensor([2 / width, 2 / height], device=queries.device)
        shares = self.shares(queries).float()
        result = values.new_zeros(len(queries), self.heads * values.shape[2])
        times = values.new_zeros(len(queries))
        for image, (cells, places) in zip(values, sights, strict=True):
            if not len(cells):
                continue
            at = (places[:, None].float() + away[cells]).transpose(0, 1)  # [heads, P, points, 2]
            sampled = functional.grid_sample(image, at, align_corners=False)  # [heads, width / heads, P, points]
            read = (sampled * shares[cells].transpose(0, 1)[:, None]).sum(dim=-1)  # [heads, width / heads, P]
            result = result.index_add(0, cells, read.flatten(0, 1).T)
            times = times.index_add(0, cells, torch.ones_like(cells, dtype=times.dtype))
        mean = result / times.clamp(min=1)[:, None]
        return torch.where((times > 0)[:, None], self.output(mean).float(), 0)


class CrossAttention(nn.Module):
    """DCA(cells, images), see the module."""

    def __init__(self, width: int, channels: int, heads: int, points: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = ImageAttention(width, channels, heads, points)
        self.after = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.ReLU(inplace=True), nn.Linear(2 * width, width)
        )

    def forward(self, cells: Tensor, look: Look) -> Tensor:
        """[cells, width] of ``cells`` [cells, width], changed where the sights of ``look`` see them."""
        rows = torch.nonzero(look.seen())[:, 0]
        number = torch.full((len(cells),), -1, device=cells.device)
        number[rows] = torch.arange(len(rows), device=cells.device)
        own = [Sight(number[one.cells], one.places) for one in look.sights]
        told = cells[rows]
        told = told + self.attention(self.before(told) + look.places[rows], look.features, own)
        told = told + self.after(told).float()
        return cells.index_copy(0, rows, told)
