"""Glance: its trunk, and one layer each that reads depth and labels from the finest features."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.learning.trunk import FEATURES, FINEST, ROWS, Trunk
from occlabel.stages.priors.glance.labels import LABELS

_NEAR_AND_FAR = (-0.7, 8.0)
"""Of the logarithm of inverse depth: 2 times a focal length to 1 / 3000 of one."""
_SURE_AND_UNSURE = (-4.0, 1.0)

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


class Glance(Trunk):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self.depth = nn.Conv2d(FEATURES, 2, 1)
        self.labels = nn.Conv2d(FEATURES, len(LABELS), 1)
        with torch.no_grad():
            self.depth.weight.mul_(0.1)

    def features(self, image: Tensor) -> Tensor:
        """[n, FEATURES, h / 4, w / 4] of ``image`` [n, CHANNELS, h, w], both sides multiples of COARSEST: all that
        depth and labels are read from, each by one layer."""
        return self.levels(image).finest

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
