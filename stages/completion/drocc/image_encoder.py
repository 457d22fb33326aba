"""The image encoder: a residual network, slim by default; features at a sixteenth of the image."""

from __future__ import annotations

import torch.nn.functional as functional
from torch import Tensor, nn

from occlabel.stages.completion.drocc.parts import Encoder
from occlabel.stages.learning.resnet import ResNet

SHRINK = 16
"""Pixels of the image along each axis for one feature."""
_NECK = 2
"""Times the channels of the stem: those of the features."""


def layer(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """A convolution and its normalisation."""
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs))


class ImageEncoder(nn.Module):
    """Images [n, 3, h, w], both sides multiples of 16, to features [n, ``channels``, h / 16, w / 16]."""

    def __init__(self, kind: Encoder, stem: int) -> None:
        super().__init__()
        self.channels = _NECK * stem
        self.body = ResNet(kind, 3, stem)
        self.across = nn.Conv2d(self.body.widths[-2], self.channels, 1)
        self.down = nn.Conv2d(self.body.widths[-1], self.channels, 1)
        self.smooth = nn.Sequential(layer(self.channels, self.channels, 3), nn.ReLU(inplace=True))

    def forward(self, images: Tensor) -> Tensor:
        *_, fine, coarsest = self.body(images)
        sixteenth = self.across(fine)
        coarse = functional.interpolate(self.down(coarsest), sixteenth.shape[-2:], mode="bilinear")
        return self.smooth(sixteenth + coarse)
