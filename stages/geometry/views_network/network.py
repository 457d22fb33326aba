"""Depth Anything 3's any-view models (Lin et al. 2025): what several images of one scene show, and from where. Tensors
are named as in its weight files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from occlabel.stages.geometry.views_network.backbone import ViewsBackbone
from occlabel.stages.geometry.views_network.head import DualHead, Seen
from occlabel.stages.learning.dinov2 import Sizes
from occlabel.stages.learning.dpt import HeadSizes


class Layers(NamedTuple):
    """Of the backbone."""

    read: tuple[int, ...]
    """Blocks whose tokens the head reads, four."""
    together_from: int
    """The block from which on views see each other."""


class AnyView(nn.Module):
    """``decodes``: it has the small network that says the camera of each view; without, rays alone say it."""

    def __init__(self, sizes: Sizes, layers: Layers, head: HeadSizes, decodes: bool) -> None:
        super().__init__()
        self.backbone = nn.ModuleDict({"pretrained": ViewsBackbone(sizes, layers.together_from)})
        self.head = DualHead(2 * sizes.width, head)
        self.cam_dec = _Decoder(2 * sizes.width) if decodes else None
        self.layers = layers.read

    def forward(self, images: Tensor) -> tuple[Seen, Tensor | None]:
        """``images`` [views, 3, h, w]: normalised, sides multiples of 14. The camera of each view [views, 9]: its place
        in the frame of the first view, its rotation as a quaternion (x, y, z, w), and the angles that it sees upright
        and across. Head and decoder work in full precision."""
        backbone: Any = self.backbone["pretrained"]
        height, width = images.shape[2:]
        tokens: Sequence[Tensor] = backbone(images, self.layers)
        with torch.autocast(images.device.type, enabled=False):
            shown = [backbone.shown(layer.float()) for layer in tokens]
            seen: Seen = self.head(shown, (height, width), (height // backbone.patch, width // backbone.patch))
            cameras = None if self.cam_dec is None else self.cam_dec(tokens[-1][:, 0].float())
        return seen, cameras


class _Decoder(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.fc_t, self.fc_qvec = nn.Linear(width, 3), nn.Linear(width, 4)
        self.fc_fov = nn.Sequential(nn.Linear(width, 2), nn.ReLU())

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.backbone(tokens)
        return torch.cat([self.fc_t(hidden), self.fc_qvec(hidden), self.fc_fov(hidden)], dim=-1)
