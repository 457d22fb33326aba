"""The network of Depth Anything 3's metric model (Lin et al. 2025): DINOv2, and a DPT head (Ranftl et al. 2021) that
says depth and sky. Tensors are named as in its weight files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, relu

from occlabel.stages.priors.depth.dinov2 import Backbone, Sizes

_INNER = 32
"""Channels before the last convolution."""


class HeadSizes(NamedTuple):
    """Of the head."""

    channels: tuple[int, int, int, int]
    """Made of the tokens of each depth, from finest to coarsest."""
    features: int
    """While they are fused."""


class Said(NamedTuple):
    """What the network says of images, over every pixel of its input."""

    depth: Tensor
    """[b, h, w], positive: metres are the focal length in pixels of the input times this / 300."""
    sky: Tensor
    """[b, h, w], 0 or more: the more, the likelier."""


class Metric(nn.Module):
    """The model; ``layers`` are the four blocks of DINOv2 that the head reads."""

    def __init__(self, sizes: Sizes, layers: Sequence[int], head: HeadSizes) -> None:
        super().__init__()
        self.backbone = nn.ModuleDict({"pretrained": Backbone(sizes, epsilon=1e-5)})
        self.head = _Head(sizes.width, head)
        self.layers = tuple(layers)

    def forward(self, image: Tensor) -> Said:
        """``image`` [b, 3, h, w]: normalised, sides multiples of 14. The head works in full precision."""
        backbone = self.backbone["pretrained"]
        rows, columns = (side // Backbone.patch for side in image.shape[2:])
        tokens = backbone(image, self.layers)
        with torch.autocast(image.device.type, enabled=False):
            maps = [layer[:, 1:].float().transpose(1, 2).unflatten(2, (rows, columns)) for layer in tokens]
            said: Said = self.head(maps, (image.shape[2], image.shape[3]))
            return said


class _Head(nn.Module):
    def __init__(self, width: int, sizes: HeadSizes) -> None:
        super().__init__()
        channels, features = sizes
        self.projects = nn.ModuleList(nn.Conv2d(width, inner, 1) for inner in channels)
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(channels[0], channels[0], 4, 4),
                nn.ConvTranspose2d(channels[1], channels[1], 2, 2),
                nn.Identity(),
                nn.Conv2d(channels[3], channels[3], 3, 2, 1),
            ]
        )
        self.scratch = nn.ModuleDict(
            {
                f"layer{n}_rn": nn.Conv2d(inner, features, 3, padding=1, bias=False)
                for n, inner in enumerate(channels, 1)
            }
        )
        self.scratch.update({f"refinenet{n}": _Fusion(features, alone=n == 4) for n in range(1, 5)})
        self.scratch["output_conv1"] = nn.Conv2d(features, features // 2, 3, padding=1)
        for name in ("output_conv2", "sky_output_conv2"):
            self.scratch[name] = nn.Sequential(
                nn.Conv2d(features // 2, _INNER, 3, padding=1), nn.ReLU(), nn.Conv2d(_INNER, 1, 1)
            )

    def forward(self, maps: Sequence[Tensor], size: tuple[int, int]) -> Said:
        levels = [
            self.scratch[f"layer{n}_rn"](resize(project(one)))
            for n, (one, project, resize) in enumerate(zip(maps, self.projects, self.resize_layers, strict=True), 1)
        ]
        fused = self.scratch["refinenet4"](levels[3], None, levels[2].shape[2:])
        fused = self.scratch["refinenet3"](fused, levels[2], levels[1].shape[2:])
        fused = self.scratch["refinenet2"](fused, levels[1], levels[0].shape[2:])
        height, width = levels[0].shape[2:]
        fused = self.scratch["refinenet1"](fused, levels[0], (2 * height, 2 * width))
        wide = _resized(self.scratch["output_conv1"](fused), size)
        depth, sky = self.scratch["output_conv2"](wide), self.scratch["sky_output_conv2"](wide)
        return Said(depth[:, 0].exp(), relu(sky[:, 0]))


class _Fusion(nn.Module):
    def __init__(self, features: int, alone: bool) -> None:
        super().__init__()
        if not alone:
            self.resConfUnit1 = _Residual(features)
        self.resConfUnit2 = _Residual(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(self, coarse: Tensor, finer: Tensor | None, size: Sequence[int]) -> Tensor:
        if finer is not None:
            coarse = coarse + self.resConfUnit1(finer)
        result: Tensor = self.out_conv(_resized(self.resConfUnit2(coarse), size))
        return result


class _Residual(nn.Module):
    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(features, features, 3, padding=1) for _ in range(2))

    def forward(self, given: Tensor) -> Tensor:
        result: Tensor = given + self.conv2(relu(self.conv1(relu(given))))
        return result


def _resized(given: Tensor, size: Sequence[int]) -> Tensor:
    return interpolate(given, tuple(size), mode="bilinear", align_corners=True)
