"""The network of Depth Anything 3's metric model (Lin et al. 2025): DINOv2, and a DPT head (Ranftl et al. 2021) that
says depth and sky. Tensors are named as in its weight files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from occlabel.stages.learning.dinov2 import Backbone, Sizes
from occlabel.stages.learning.dpt import HeadSizes, adapters, fused, fusions, projections, resized, resizings

_INNER = 32
"""Channels before the last convolution."""


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
        features = sizes.features
        self.projects = projections(width, sizes.channels)
        self.resize_layers = resizings(sizes.channels)
        self.scratch = nn.ModuleDict({**adapters(sizes), **fusions(features)})
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
        wide = resized(self.scratch["output_conv1"](fused(self.scratch, levels)), size)
        depth, sky = self.scratch["output_conv2"](wide), self.scratch["sky_output_conv2"](wide)
        return Said(depth[:, 0].exp(), relu(sky[:, 0]))
