"""An encoder and the decoder of Monodepth2 (Godard et al. 2019) in the form of table 7: features of every pixel."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.learning.resnet import Kind, ResNet


class PixelFeatures(nn.Module):
    """[n, ``inputs``, h, w], both sides multiples of 32, to [n, ``outputs``, h, w]."""

    def __init__(self, kind: Kind, inputs: int, stem: int, outputs: int) -> None:
        super().__init__()
        self.encoder = ResNet(kind, inputs, stem)
        # 256 to 16 channels for the stem of 64 that the paper has.
        widths = [4 * stem, 2 * stem, stem, stem // 2, stem // 4]
        before = [self.encoder.widths[-1], *widths[:-1]]
        beside = [*self.encoder.widths[-2::-1], 0]
        self.narrow = nn.ModuleList(_layer(*pair) for pair in zip(before, widths, strict=True))
        self.fuse = nn.ModuleList(_layer(own + other, own) for own, other in zip(widths, beside, strict=True))
        self.last = nn.Conv2d(widths[-1], outputs, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        *levels, found = self.encoder(images)
        for narrow, fuse in zip(self.narrow, self.fuse, strict=True):
            found = functional.interpolate(narrow(found), scale_factor=2, mode="nearest")
            if levels:
                found = torch.cat([found, levels.pop()], dim=1)
            found = fuse(found)
        result: Tensor = self.last(found)
        return result


def _layer(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1, padding_mode="reflect"), nn.ELU())
