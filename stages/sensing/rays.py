"""Which voxels the rays of a scan crossed before they hit something: what was seen to be empty."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid

_MOST = 255
"""Crossings are counted up to here, so that a count fits a byte."""


def crossings(
    points: NDArray[np.floating[Any]],
    sensor: NDArray[np.floating[Any]],
    grid: Grid,
    counts: NDArray[np.uint8] | None = None,
) -> NDArray[np.uint8]:
    """Rays through each voxel [X, Y, Z], at most 255, the voxel of the hit itself not counted.

    ``points`` [n, 3] finite, in metres in ``grid.frame``, ``sensor`` [3] where the rays start, in the same frame.
    They are added to ``counts`` where it is given, which is then what is returned.
    """
    origin = np.array(grid.origin)
    start = (np.asarray(sensor, np.float64) - origin) / grid.voxel_size
    ends = (points[:, :3].astype(np.float64) - origin) / grid.voxel_size
    counts = np.zeros(grid.shape, np.uint8) if counts is None else counts
    _traverse(start, ends, counts)
    return counts


@numba.njit(cache=True, nogil=True)
def _traverse(start, ends, counts):  # type: ignore[no-untyped-def]
    """Adds to ``counts`` one for each voxel between ``start`` [3] and each of ``ends`` [n, 3], in voxels.

    Amanatides and Woo, A Fast Voxel Traversal Algorithm for Ray Tracing (1987), from where a ray enters the grid.
    """
    voxel = np.empty(3, np.int64)
    last = np.empty(3, np.int64)
    step = np.empty(3, np.int64)
    pace = np.empty(3)
    upcoming = np.empty(3)
    for ray in range(len(ends)):
        enter, leave = 0.0, 1.0
        for axis in range(3):
            along = ends[ray, axis] - start[axis]
            if along == 0.0:
                if start[axis] < 0 or start[axis] >= counts.shape[axis]:
                    leave = -1.0
                continue
            one = (0.0 - start[axis]) / along
            other = (counts.shape[axis] - start[axis]) / along
            enter, leave = max(enter, min(one, other)), min(leave, max(one, other))
        if enter >= leave:
            continue
        moves = 0
        for axis in range(3):
            along = ends[ray, axis] - start[axis]
            # Rounding may put the entry one voxel outside; it is inside by construction.
            first = min(max(int(np.floor(start[axis] + enter * along)), 0), counts.shape[axis] - 1)
            voxel[axis] = first
            last[axis] = int(np.floor(ends[ray, axis]))
            step[axis] = 1 if along > 0 else -1
            pace[axis] = abs(1 / along) if along != 0 else np.inf
            border = first + (1 if along > 0 else 0)
            upcoming[axis] = (border - start[axis]) / along if along != 0 else np.inf
            moves += abs(last[axis] - first)
        for _ in range(moves):
            x, y, z = voxel
            if counts[x, y, z] < _MOST:
                counts[x, y, z] += 1
            axis = 0 if upcoming[0] <= upcoming[1] else 1
            if upcoming[2] < upcoming[axis]:
                axis = 2
            voxel[axis] += step[axis]
            upcoming[axis] += pace[axis]
            if voxel[axis] < 0 or voxel[axis] >= counts.shape[axis]:
                break
