"""MoGe-2 (Wang et al. 2025) for inference: from an image to a map of points, a mask and how large a metre is.

Tensors have the names of the official weight files, sizes are what their ``model_config`` says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, normalize

from occlabel.stages.learning.dinov2 import Sizes
from occlabel.stages.priors.depth.moge_encoder import Encoder

LEVELS = 5
"""Resolutions of the decoder: the patches', and four times twice as fine."""
_PLAIN = {"res_block_in_norm": "none", "res_block_hidden_norm": "none", "activation": "relu"}
"""What the blocks of all released weights are."""


class PointMap(NamedTuple):
    """What the network says of images, [b, h, w, ...] each; up to a shift along z, in units of its own."""

    points: Tensor
    """[b, h, w, 3]: x right, y down, z ahead."""
    mask: Tensor
    """[b, h, w]: how likely the pixel shows something at a finite distance."""
    scale: Tensor
    """[b] metres in a unit."""
    normals: Tensor | None
    """[b, h, w, 3] of length 1, where the weights have them."""


class MogeNetwork(nn.Module):
    """Raises KeyError, TypeError or ValueError for a ``config`` that is not MoGe-2's."""

    def __init__(self, config: dict[str, Any], sizes: Sizes) -> None:
        super().__init__()
        encoder = config["encoder"]
        self.encoder = Encoder(sizes, encoder["intermediate_layers"], encoder["dim_out"])
        self.neck = _Pyramid(config["neck"])
        heads_of = {name: _Pyramid(config[name]) if config.get(name) else None for name in _HEADS}
        self.points_head, self.mask_head, self.normal_head = (heads_of[name] for name in _HEADS)
        if self.points_head is None or self.mask_head is None or not config.get("scale_head"):
            raise ValueError("it has no points_head, mask_head or scale_head, so it estimates no metric depth")
        self.scale_head = _perceptron(config["scale_head"]["dims"])
        if config["remap_output"] != "exp":
            raise ValueError(f"remap_output is {config['remap_output']!r}, and that of the released weights is 'exp'")
        least, most = config["num_tokens_range"]
        self.tokens = (int(least), int(most))

    def forward(self, image: Tensor, tokens: int) -> PointMap:
        """``image`` [b, 3, h, w], 0..1, seen by about so many patches."""
        height, width = image.shape[2:]
        rows, columns = grid_of(tokens, width / height)
        features, whole = self.encoder(image, rows, columns)
        levels = [_view_plane(rows << n, columns << n, width / height, features) for n in range(LEVELS)]
        levels = self.neck([torch.cat([features, levels[0]], dim=1), *levels[1:]])

        def said(head: nn.Module) -> Tensor:
            finest: Tensor = head(levels)[-1]
            return interpolate(finest.float(), (height, width), mode="bilinear", align_corners=False)

        assert self.points_head is not None and self.mask_head is not None  # see __init__
        points = said(self.points_head).permute(0, 2, 3, 1)
        ahead = points[..., 2:].exp()
        points = torch.cat([points[..., :2] * ahead, ahead], dim=-1)
        normals = None if self.normal_head is None else normalize(said(self.normal_head).permute(0, 2, 3, 1), dim=-1)
        scale = self.scale_head(whole).float().squeeze(1).exp()
        return PointMap(points, said(self.mask_head).squeeze(1).sigmoid(), scale, normals)


_HEADS = ("points_head", "mask_head", "normal_head")


def grid_of(tokens: int, aspect: float) -> tuple[int, int]:
    """Rows and columns of about so many patches over an image whose width is ``aspect`` times its height."""
    return max(1, round(math.sqrt(tokens / aspect))), max(1, round(math.sqrt(tokens * aspect)))


def view_plane(height: int, width: int, aspect: float) -> Tensor:
    """[2, height, width]: x and y of the cells' centres on a plane whose diagonal is 2 and whose sides are as those of
    an image of this aspect."""
    diagonal = math.sqrt(1 + aspect**2)
    across, down = aspect / diagonal * (width - 1) / width, 1 / diagonal * (height - 1) / height
    x, y = torch.linspace(-across, across, width), torch.linspace(-down, down, height)
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))


def _view_plane(height: int, width: int, aspect: float, like: Tensor) -> Tensor:
    plane = view_plane(height, width, aspect).to(like.device, like.dtype)
    return plane.expand(len(like), -1, -1, -1)


class _Pyramid(nn.Module):
    """Convolutions from the coarsest level to the finest: each level's own input is added to what comes from below."""

    def __init__(self, config: dict[str, Any]) -> None:
        super().__init__()
        inner: list[int] = list(config["dim_res_blocks"])
        taken, given = _each(config["dim_in"]), _each(config["dim_out"])
        counts, ways = _each(config["num_res_blocks"]), _each(config["resamplers"], LEVELS - 1)
        told = {"activation": "relu"} | {name: config[name] for name in _PLAIN if name in config}
        if told != _PLAIN or config.get("dim_times_res_block_hidden", 1) != 1:
            raise ValueError(f"its blocks have {told}, and those of the released weights {_PLAIN}")
        self.input_blocks = nn.ModuleList(
            nn.Identity() if size is None else nn.Conv2d(size, own, 1) for size, own in zip(taken, inner, strict=True)
        )
        self.resamplers = nn.ModuleList(
            _finer(own, finer, way) for own, finer, way in zip(inner[:-1], inner[1:], ways, strict=True)
        )
        self.res_blocks = nn.ModuleList(
            nn.Sequential(*(_Residual(own) for _ in range(count))) for own, count in zip(inner, counts, strict=True)
        )
        self.output_blocks = nn.ModuleList(
            nn.Identity() if size is None else nn.Conv2d(own, size, 1) for own, size in zip(inner, given, strict=True)
        )

    def forward(self, levels: Sequence[Tensor]) -> list[Tensor]:
        result: list[Tensor] = []
        below: Tensor | None = None
        for index, level in enumerate(levels):
            own = self.input_blocks[index](level)
            state = self.res_blocks[index](own if below is None else below + own)
            result.append(self.output_blocks[index](state))
            if index < len(self.resamplers):
                below = self.resamplers[index](state)
        return result


class _Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        # The places of norms are kept, as tensors are named by them.
        self.layers = nn.Sequential(
            nn.Identity(), nn.ReLU(), _smooth(width, width), nn.Identity(), nn.ReLU(), _smooth(width, width)
        )

    def forward(self, state: Tensor) -> Tensor:
        result: Tensor = state + self.layers(state)
        return result


def _finer(width: int, finer: int, way: str) -> nn.Module:
    """Twice the resolution."""
    match way:
        case "conv_transpose":
            return nn.Sequential(nn.ConvTranspose2d(width, finer, 2, 2), _smooth(finer, finer))
        case "bilinear":
            return nn.Sequential(
                nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False), _smooth(width, finer)
            )
    raise ValueError(f"a resampler {way!r} is not one of the released weights")


def _smooth(width: int, given: int) -> nn.Conv2d:
    return nn.Conv2d(width, given, 3, padding=1, padding_mode="replicate")


def _perceptron(dims: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for taken, given in pairwise(dims[:-1]):
        layers += [nn.Linear(taken, given), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(dims[-2], dims[-1]))


def _each(value: Any, count: int = LEVELS) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value] * count
