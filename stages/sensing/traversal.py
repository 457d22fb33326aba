"""Rays through a grid, voxel by voxel (Amanatides and Woo, "A fast voxel traversal algorithm", 1987)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray


@njit(cache=True)
def mark_seen(
    seen: NDArray[np.bool_],
    solid: NDArray[np.bool_],
    origin: NDArray[np.float64],
    ends: NDArray[np.float64],
    stop: bool,
) -> None:
    """Sets ``seen`` [x, y, z] along rays from ``origin`` [3] to each of ``ends`` [n, 3], in voxels (voxel i covers
    [i, i + 1)). With ``stop`` a ray ends in the first voxel that is ``solid``, otherwise at its end."""
    nx, ny, nz = seen.shape
    size = np.array([nx, ny, nz])
    for n in range(len(ends)):
        step, cell = np.empty(3, np.int64), np.empty(3, np.int64)
        delta, side = np.empty(3), np.empty(3)
        enter, leave = 0.0, 1.0
        for k in range(3):
            d = ends[n, k] - origin[k]
            if abs(d) < 1e-12:
                if origin[k] < 0 or origin[k] >= size[k]:
                    leave = -1.0
                continue
            t0, t1 = -origin[k] / d, (size[k] - origin[k]) / d
            enter, leave = max(enter, min(t0, t1)), min(leave, max(t0, t1))
        if enter >= leave:
            continue
        for k in range(3):
            d = ends[n, k] - origin[k]
            start = origin[k] + d * enter
            cell[k] = min(max(int(np.floor(start)), 0), size[k] - 1)
            if abs(d) < 1e-12:
                step[k], delta[k], side[k] = 0, np.inf, np.inf
            elif d > 0:
                step[k], delta[k], side[k] = 1, 1 / d, (cell[k] + 1 - origin[k]) / d
            else:
                step[k], delta[k], side[k] = -1, -1 / d, (cell[k] - origin[k]) / d
        while True:
            seen[cell[0], cell[1], cell[2]] = True
            if stop and solid[cell[0], cell[1], cell[2]]:
                break
            k = 0
            if side[1] < side[0]:
                k = 1
            if side[2] < side[k]:
                k = 2
            if side[k] > leave:
                break
            cell[k] += step[k]
            if cell[k] < 0 or cell[k] >= size[k]:
                break
            side[k] += delta[k]
