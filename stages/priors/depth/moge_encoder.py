"""MoGe-2's encoder: features of an image by DINOv2."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from occlabel.stages.learning.dinov2 import Backbone, Sizes


class Encoder(nn.Module):
    """Features of an image at one cell a patch, from several depths, and one vector of the whole."""

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, sizes: Sizes, layers: Sequence[int], features: int) -> None:
        super().__init__()
        self.backbone = Backbone(sizes)
        self.layers = tuple(layers)
        self.output_projections = nn.ModuleList(nn.Conv2d(sizes.width, features, 1) for _ in layers)
        self.register_buffer("image_mean", torch.tensor((0.485, 0.456, 0.406)).view(1, 3, 1, 1))
        self.register_buffer("image_std", torch.tensor((0.229, 0.224, 0.225)).view(1, 3, 1, 1))

    def forward(self, image: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor]:
        """``image`` [b, 3, h, w], 0..1, as features [b, features, rows, columns] and the class token [b, width]."""
        patch = self.backbone.patch
        size = (patch * rows, patch * columns)
        resized = interpolate(image, size, mode="bilinear", align_corners=False, antialias=True)
        tokens = self.backbone((resized - self.image_mean) / self.image_std, self.layers)
        maps = [layer[:, 1:].transpose(1, 2).unflatten(2, (rows, columns)) for layer in tokens]
        projected = [project(part) for project, part in zip(self.output_projections, maps, strict=True)]
        return torch.stack(projected, dim=1).sum(dim=1), tokens[-1][:, 0]
