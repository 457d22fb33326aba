"""Glance: an encoder of depthwise blocks down to a sixteenth of the image, a decoder with skips up to a quarter.

Blocks are inverted residuals (Sandler et al. 2018, MobileNetV2), some of them dilated; what the whole image shows is
added once. Nothing in it knows the size of the image, so that any size works.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.priors.glance.labels import LABELS

COARSEST = 16
"""Rows and columns of an input are a multiple of this."""
FINEST = 4
"""Pixels of the input per row and column of the output."""
CHANNELS = 4
"""Red, green, blue; and how far each row lies below the principal point."""
FEATURES = 64
"""Channels of what depth and labels are read from."""

_NEAR_AND_FAR = (-0.7, 8.0)
"""Of the logarithm of inverse depth: 2 times a focal length to 1 / 3000 of one."""
_SURE_AND_UNSURE = (-4.0, 1.0)
ROWS = 100.0
"""Rows below the principal point by which the fourth channel is 1."""

_CAMERA, _FAR = 1.6, 10.0
"""What is said of depth before anything is learned, to which the network adds: a flat road so many metres below the
camera, and no further than so many pixels to the metre."""


class Said(NamedTuple):
    """What the network says of inputs [n, CHANNELS, h, w], at every fourth row and column."""

    inverse: Tensor
    """[n, h / 4, w / 4]: logarithm of focal length / depth, pixels of the input to the metre."""
    spread: Tensor
    """[n, h / 4, w / 4]: logarithm of the mean absolute error of ``inverse``."""
    labels: Tensor
    """[n, LABELS, h / 4, w / 4]: scores before softmax."""


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


class Glance(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_layer(CHANNELS, 24, 3, stride=2), nn.ReLU(inplace=True))
        self.quarter = nn.Sequential(Block(24, 40, 3, stride=2), Block(40, 40, 3))
        self.eighth = nn.Sequential(Block(40, 64, 3, stride=2), Block(64, 64, 3), Block(64, 64, 3))
        dilations = (1, 2, 1, 4, 1, 8, 1, 2)
        self.sixteenth = nn.Sequential(
            Block(64, 128, 4, stride=2), *(Block(128, 128, 4, dilation=dilation) for dilation in dilations)
        )
        self.whole = nn.Linear(128, 128)
        self.down = nn.ModuleList([nn.Conv2d(128, 96, 1), nn.Conv2d(64, 96, 1), nn.Conv2d(40, FEATURES, 1)])
        last = (Block(FEATURES, FEATURES, 2) for _ in range(2))
        self.up = nn.ModuleList([Block(96, 96, 2), nn.Sequential(*last)])
        self.narrow = nn.Conv2d(96, FEATURES, 1)
        self.depth = nn.Conv2d(FEATURES, 2, 1)
        self.labels = nn.Conv2d(FEATURES, len(LABELS), 1)
        with torch.no_grad():
            self.depth.weight.mul_(0.1)

    def features(self, image: Tensor) -> Tensor:
        """[n, FEATURES, h / 4, w / 4] of ``image`` [n, CHANNELS, h, w], both sides multiples of COARSEST: all that
        depth and labels are read from, each by one layer."""
        quarter = self.quarter(self.stem(image))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        sixteenth = sixteenth + self.whole(sixteenth.mean(dim=(2, 3)))[:, :, None, None]
        coarse, middle, fine = (
            layer(part) for layer, part in zip(self.down, (sixteenth, eighth, quarter), strict=True)
        )
        middle = self.up[0](middle + _doubled(coarse))
        finest: Tensor = self.up[1](fine + _doubled(self.narrow(middle)))
        return finest

    def forward(self, image: Tensor) -> Said:
        """Of ``image`` [n, CHANNELS, h, w], both sides multiples of COARSEST."""
        fine = self.features(image)
        with torch.autocast(image.device.type, enabled=False):  # of 16 bits too few are left for a depth
            more, spread = self.depth(fine.float()).unbind(dim=1)
            inverse = _flat_road(image.float()) + more
        return Said(inverse.clamp(*_NEAR_AND_FAR), spread.clamp(*_SURE_AND_UNSURE), self.labels(fine).float())


def _flat_road(image: Tensor) -> Tensor:
    """Logarithm of inverse depth [n, h / 4, w / 4] of a flat road, by rows below the principal point."""
    below = functional.avg_pool2d(image[:, 3:] * ROWS, FINEST)[:, 0]
    return (below / _CAMERA).clamp(min=_FAR).log()


def _doubled(features: Tensor) -> Tensor:
    return functional.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)
