"""Painted lines of streets: a rule over the distance from the centre line and the way along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class LaneLines:
    """The lines of the main street, finer than the raster: cameras see them close up."""

    lateral: NDArray[np.float32]
    """[nx, ny] metres left of the centre line, at the cell centres."""
    station: NDArray[np.float32]
    """[nx, ny] metres along it."""
    allowed: NDArray[np.bool_]
    """[nx, ny] cells of its carriageway away from junctions."""
    half: float
    lane_width: float
    lanes: int
    dashed: bool
    """The centre line is broken."""


@njit(cache=True)
def on_line(
    lateral: float, station: float, half: float, lane_width: float, lanes: int, dashed: bool, edges: bool
) -> bool:
    """Whether a place on a carriageway ``2 * half`` metres wide is painted; ``edges``: it has edge lines."""
    offset = abs(lateral)
    if offset > half:
        return False
    centre = offset < 0.1 and (not dashed or station % 6.0 < 3.0)
    lane = round(offset / lane_width)
    between = 0 < lane < lanes and abs(offset - lane * lane_width) < 0.1 and station % 9.0 < 3.0
    return centre or between or (edges and abs(offset - half + 0.25) < 0.1)


@njit(cache=True)
def interpolated(field: NDArray[np.float32], u: float, v: float) -> float:
    """Bilinear value of a field [nx, ny] given at cell centres, at (u, v) in cells; inside the rim of the raster."""
    i, j = int(np.floor(u - 0.5)), int(np.floor(v - 0.5))
    a, b = u - 0.5 - i, v - 0.5 - j
    low = field[i, j] * (1 - b) + field[i, j + 1] * b
    return low * (1 - a) + (field[i + 1, j] * (1 - b) + field[i + 1, j + 1] * b) * a
