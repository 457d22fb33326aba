"""The trunk of glance: an encoder of depthwise blocks down to a sixteenth of the image, a decoder with skips up to a
quarter. Whatever has to know what an image shows can begin with what it has learned.

Blocks are inverted residuals (Sandler et al. 2018, MobileNetV2), some of them dilated; what the whole image shows is
added once. Nothing in it knows the size of the image, so that any size works.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

COARSEST = 16
"""Rows and columns of an input are a multiple of this."""
FINEST = 4
"""Pixels of the input per row and column of the finest features."""
CHANNELS = 4
"""Red, green, blue; and how far each row lies below the principal point."""
FEATURES, COARSE = 64, 128
"""Channels of the finest and of the coarsest features."""
ROWS = 100.0
"""Rows below the principal point by which the fourth channel is 1."""


class Levels(NamedTuple):
    """Features of inputs [n, CHANNELS, h, w]."""

    finest: Tensor
    """[n, FEATURES, h / 4, w / 4]: what glance reads depth and labels from, each by one layer."""
    coarsest: Tensor
    """[n, COARSE, h / 16, w / 16]."""


def _layer(
    inputs: int, outputs: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> list[nn.Module]:
    padding = dilation * (kernel // 2)
    convolution = nn.Conv2d(inputs, outputs, kernel, stride, padding, dilation, groups, bias=False)
    return [convolution, nn.BatchNorm2d(outputs)]


class Block(nn.Module):
    """An inverted residual: widened, filtered channel by channel, narrowed."""

    def __init__(self, inputs: int, outputs: int, widening: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        wide = inputs * widening
        self.residual = stride == 1 and inputs == outputs
        self.body = nn.Sequential(
            *_layer(inputs, wide, 1), nn.ReLU(inplace=True),
            *_layer(wide, wide, 3, stride, dilation, wide), nn.ReLU(inplace=True),
            *_layer(wide, outputs, 1),
        )  # fmt: skip

    def forward(self, features: Tensor) -> Tensor:
        said: Tensor = self.body(features)
        return features + said if self.residual else said


class Trunk(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_layer(CHANNELS, 24, 3, stride=2), nn.ReLU(inplace=True))
        self.quarter = nn.Sequential(Block(24, 40, 3, stride=2), Block(40, 40, 3))
        self.eighth = nn.Sequential(Block(40, 64, 3, stride=2), Block(64, 64, 3), Block(64, 64, 3))
        dilations = (1, 2, 1, 4, 1, 8, 1, 2)
        self.sixteenth = nn.Sequential(
            Block(64, COARSE, 4, stride=2), *(Block(COARSE, COARSE, 4, dilation=dilation) for dilation in dilations)
        )
        self.whole = nn.Linear(COARSE, COARSE)
        self.down = nn.ModuleList([nn.Conv2d(COARSE, 96, 1), nn.Conv2d(64, 96, 1), nn.Conv2d(40, FEATURES, 1)])
        last = (Block(FEATURES, FEATURES, 2) for _ in range(2))
        self.up = nn.ModuleList([Block(96, 96, 2), nn.Sequential(*last)])
        self.narrow = nn.Conv2d(96, FEATURES, 1)

    def levels(self, image: Tensor) -> Levels:
        """Of ``image`` [n, CHANNELS, h, w], both sides multiples of COARSEST."""
        quarter = self.quarter(self.stem(image))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        sixteenth = sixteenth + self.whole(sixteenth.mean(dim=(2, 3)))[:, :, None, None]
        coarse, middle, fine = (
            layer(part) for layer, part in zip(self.down, (sixteenth, eighth, quarter), strict=True)
        )
        middle = self.up[0](middle + _doubled(coarse))
        return Levels(self.up[1](fine + _doubled(self.narrow(middle))), sixteenth)


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
