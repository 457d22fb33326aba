"""What images say of points, seen from above: of which class the points of a pillar are, and how sure that is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN


def paint_channels(classes: int) -> int:
    """Channels of a view: each class on the ground, then each class above it."""
    return 2 * classes


def paint_shares(
    paint: NDArray[np.uint8], pillar: NDArray[np.int64], flat: NDArray[np.bool_], pillars: int, classes: int
) -> NDArray[np.float32]:
    """[paint_channels, pillars], 0..1: the share of each class among the points ``paint`` [n, 2] of each ``pillar`` [n]
    of which an image says something, each as much as its score says; first of those that lie ``flat`` [n], then of the
    others. 0 where there are none, so that no image looks like no camera.
    """
    result = np.zeros((paint_channels(classes), pillars), np.float32)
    known = (paint[:, 0] != UNKNOWN) & (paint[:, 0] < classes)
    if not known.any():
        return result
    paint, pillar, above = paint[known], pillar[known], ~flat[known]
    row = above * classes + paint[:, 0]
    sums = np.bincount(row * pillars + pillar, paint[:, 1] / 255.0, result.size).reshape(2, classes, pillars)
    counts = np.bincount(above * pillars + pillar, minlength=2 * pillars).reshape(2, 1, pillars)
    result[:] = (sums / np.maximum(counts, 1)).reshape(result.shape)
    return result
