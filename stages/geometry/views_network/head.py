"""The head of Depth Anything 3's any-view models: two chains of fusions over the same maps, one that says depth and one
that says rays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from occlabel.stages.learning.dpt import HeadSizes, adapters, fused, fusions, projections, resized, resizings

_INNER = 32
"""Channels before the last convolution."""
LAST = "3"
"""Of four levels of the rays, the finest: the others serve training alone."""
_SHARE, _LONGEST = 0.1, 100.0
"""How much of a map its places are, and the base of their frequencies."""


class Seen(NamedTuple):
    """What the head says of views."""

    depth: Tensor
    """[views, h, w] along z, positive, over every pixel of the input."""
    confidence: Tensor
    """[views, h, w], more than 1: what an error of depth was weighed with in training."""
    rays: Tensor
    """[views, 8 h / 14, 8 w / 14, 6]: direction, as long as it has to be for its z in the camera to be 1, and origin,
    both in the frame of the first view."""
    ray_confidence: Tensor
    """[views, 8 h / 14, 8 w / 14], more than 1."""


class DualHead(nn.Module):
    """``width`` numbers a token."""

    def __init__(self, width: int, sizes: HeadSizes) -> None:
        super().__init__()
        features = sizes.features
        self.norm = nn.LayerNorm(width)
        self.projects = projections(width, sizes.channels)
        self.resize_layers = resizings(sizes.channels)
        self.scratch = nn.ModuleDict({**adapters(sizes), **fusions(features), **fusions(features, "_aux")})
        half = features // 2
        self.scratch["output_conv1"] = nn.Conv2d(features, half, 3, padding=1)
        self.scratch["output_conv2"] = nn.Sequential(
            nn.Conv2d(half, _INNER, 3, padding=1), nn.ReLU(), nn.Conv2d(_INNER, 2, 1)
        )
        narrow = [nn.Conv2d(*turns, 3, padding=1) for turns in [(features, half), (half, features)] * 2]
        self.scratch["output_conv1_aux"] = nn.ModuleDict(
            {LAST: nn.Sequential(*narrow, nn.Conv2d(features, half, 3, padding=1))}
        )
        said = [nn.Conv2d(half, _INNER, 3, padding=1), nn.Identity(), _Channels(_INNER), nn.Identity(), nn.ReLU()]
        self.scratch["output_conv2_aux"] = nn.ModuleDict({LAST: nn.Sequential(*said, nn.Conv2d(_INNER, 7, 1))})

    def forward(self, tokens: Sequence[Tensor], size: tuple[int, int], grid: tuple[int, int]) -> Seen:
        """Of four depths [views, patches, width], of views of ``size`` (height, width) with ``grid`` rows and columns
        of patches. View by view, for what is made of each at full size."""
        each = [self._view([one[n : n + 1] for one in tokens], size, grid) for n in range(len(tokens[0]))]
        return Seen(*(torch.cat(parts) for parts in zip(*each, strict=True)))

    def _view(self, tokens: Sequence[Tensor], size: tuple[int, int], grid: tuple[int, int]) -> Seen:
        levels = []
        for n, (one, project, resize) in enumerate(zip(tokens, self.projects, self.resize_layers, strict=True), 1):
            cells = project(self.norm(one).transpose(1, 2).unflatten(2, grid))
            levels.append(self.scratch[f"layer{n}_rn"](resize(_placed(cells, size))))
        wide = resized(self.scratch["output_conv1"](fused(self.scratch, levels)), size)
        depth = self.scratch["output_conv2"](_placed(wide, size))
        necks: Any = self.scratch["output_conv1_aux"]
        ends: Any = self.scratch["output_conv2_aux"]
        rays = ends[LAST](_placed(necks[LAST](fused(self.scratch, levels, "_aux")), size))
        return Seen(depth[:, 0].exp(), 1 + depth[:, 1].exp(), rays[:, :6].permute(0, 2, 3, 1), 1 + rays[:, 6].exp())


class _Channels(nn.LayerNorm):
    """Normalises the channels of each cell [b, c, h, w]."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _placed(cells: Tensor, size: tuple[int, int]) -> Tensor:
    """Adds to a map [b, c, h, w] where in the image, of ``size``, its cells lie: sines and cosines of u and v, which
    reach from -1 to 1 along the diagonal."""
    height, width = size
    diagonal = (height**2 + width**2) ** 0.5
    rows, columns = cells.shape[2:]
    u = _between(width / diagonal, columns, cells)[None].expand(rows, -1)
    v = _between(height / diagonal, rows, cells)[:, None].expand(-1, columns)
    quarter = cells.shape[1] // 4
    exponents = torch.arange(quarter, device=cells.device, dtype=torch.float32) / quarter
    frequencies = (1 / _LONGEST**exponents)[:, None, None]
    waves = [wave(place[None] * frequencies) for place in (u, v) for wave in (torch.sin, torch.cos)]
    return cells + _SHARE * torch.cat(waves)


def _between(span: float, cells: int, like: Tensor) -> Tensor:
    """The middles of ``cells`` from -span to span."""
    last = span * (cells - 1) / cells
    return torch.linspace(-last, last, cells, device=like.device, dtype=torch.float32)
