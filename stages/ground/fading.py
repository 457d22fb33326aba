"""How brightness changes with the distance, told by the ground itself: the same cell is seen from near and from far.

An echo fades, and more where the ray grazes the ground. What road and grass have of that in common is measured here and
taken out, so that what they are near the car, where shape knows them best, holds far away too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STEP = 3.0
"""Metres of distance for which one value is measured."""
_FARTHEST = 60.0
_NEAR = 8.0
"""Brightness is told as it would be from there [m]."""
_ROUNDS = 8
_POINTS = 50.0
"""A distance is believed to differ by half of what so many points say."""


def faded(
    cell: NDArray[np.int64], points: NDArray[np.int64], shade: NDArray[np.float64], away: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[sightings] by how much the contrast of each is more than that of the same ground from ``_NEAR`` metres.

    A sighting is a ``cell`` (its number) in one sweep, with how many ``points``, the sums of their contrast ``shade``
    and of their distance ``away`` [m]. Alternates between the brightness of each cell and that of each distance, which
    is the least-squares fit of their sum.
    """
    bright, band = shade / points, np.minimum((away / points / _STEP).astype(np.int64), int(_FARTHEST / _STEP))
    bands, cells = int(_FARTHEST / _STEP) + 1, int(cell.max(initial=0)) + 1
    total = np.maximum(np.bincount(cell, points, cells), 1)
    believed = np.bincount(band, points, bands) + _POINTS
    result = np.zeros(bands)
    for _ in range(_ROUNDS):
        own = np.bincount(cell, points * (bright - result[band]), cells) / total
        result = np.bincount(band, points * (bright - own[cell]), bands) / believed
        result -= result[int(_NEAR / _STEP)]
    return np.asarray(result[band])
