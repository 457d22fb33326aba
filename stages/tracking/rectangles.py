"""The rectangle that an object fills, seen from above: of the smallest area, over turns of whole degrees, that holds
the centres of its voxels; half a voxel is added on every side.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_TURNS = np.deg2rad(np.arange(90))


def rectangle(points: NDArray[np.float64], voxel: float) -> tuple[float, float, float]:
    """Length, width and turn of the length against x [rad], in (-pi/2, pi/2], of the rectangle about the squares with
    the centres ``points`` [n, 2]."""
    along = np.stack([np.cos(_TURNS), np.sin(_TURNS)])
    across = np.stack([-np.sin(_TURNS), np.cos(_TURNS)])
    sides = np.stack([np.ptp(points @ axis, axis=0) for axis in (along, across)]) + voxel
    best = int(np.argmin(np.round(sides.prod(axis=0), 9)))  # of equal ones the least turn
    length, width = sides[:, best]
    turn = float(_TURNS[best])
    if width > length:
        length, width, turn = width, length, turn + np.pi / 2 if turn <= 0 else turn - np.pi / 2
    return float(length), float(width), turn
