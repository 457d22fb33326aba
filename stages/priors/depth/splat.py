"""Points in an image: which is in front, and which a camera cannot see although a LiDAR beside it does."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.stages.sensing.occlusion import NEARER, between_beams

_NEAREST = 0.1
"""[m] before the camera, within which nothing is projected."""


def nearest(
    places: NDArray[np.floating[Any]], depth: NDArray[np.floating[Any]], shape: tuple[int, int]
) -> NDArray[np.float32]:
    """The least depth [v, u] of the points whose ``places`` [n, 2] (u, v, in elements) lie nearest to each element; NaN
    where none does. Points behind the camera and outside of the image are passed over."""
    result = np.full(shape, np.inf, np.float32)
    _put(places[:, 0], places[:, 1], depth, result)
    result[np.isinf(result)] = np.nan
    return result


def without_hidden(depth: NDArray[np.float32], rows: int, columns: int) -> NDArray[np.float32]:
    """``depth`` [v, u] without what shows through a surface whose beams lie up to ``rows`` elements apart: elements
    that have one at least a tenth nearer both above and below, within so many rows and ``columns``."""
    return _without_hidden(depth, rows, columns)


@numba.njit(cache=True, nogil=True)
def _put(across, down, depth, result):  # type: ignore[no-untyped-def]
    for n in range(len(depth)):
        if not depth[n] > _NEAREST:
            continue
        u, v = np.floor(across[n] + 0.5), np.floor(down[n] + 0.5)
        if 0 <= u < result.shape[1] and 0 <= v < result.shape[0]:
            place = int(v), int(u)
            result[place] = min(result[place], np.float32(depth[n]))


@numba.njit(cache=True, nogil=True)
def _without_hidden(depth, rows, columns):  # type: ignore[no-untyped-def]
    result = depth.copy()
    height, width = depth.shape
    for v in range(height):
        for u in range(width):
            if np.isnan(depth[v, u]):
                continue
            if between_beams(depth, v, u, depth[v, u] * np.float32(NEARER), rows, columns):
                result[v, u] = np.nan
    return result
