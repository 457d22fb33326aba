"""Rays through a label volume to the first occupied voxel (Amanatides and Woo, "A fast voxel traversal algorithm for
ray tracing", 1987), as RayIoU casts them."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

BESIDE = -1.0
"""Distance of a ray that never enters the grid."""

_AZIMUTHS = 360
_RINGS = 10  # that meet the ground 1, 2, ... 10 sensor heights away; above them the last step is repeated
_HIGHEST = 0.21  # radians


def lidar_directions() -> NDArray[np.float32]:
    """Unit directions [14040, 3] of the LiDAR that RayIoU imagines: 39 pitches of 360 azimuths, lowest pitch first
    (``ray_metrics.py`` of MCG-NJU/SparseOcc)."""
    pitches = [math.atan(k + 1) - math.pi / 2 for k in range(_RINGS)]
    while pitches[-1] < _HIGHEST:
        pitches.append(2 * pitches[-1] - pitches[-2])
    pitch = np.repeat(pitches, _AZIMUTHS)
    azimuth = np.tile(np.deg2rad(np.arange(_AZIMUTHS)), len(pitches))
    rays = np.stack([np.cos(pitch) * np.cos(azimuth), np.cos(pitch) * np.sin(azimuth), np.sin(pitch)], axis=1)
    return rays.astype(np.float32)


@njit(cache=True)
def cast(
    occupied: NDArray[np.bool_], origin: NDArray[np.float64], ends: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Where rays from ``origin`` [3] through each of ``ends`` [n, 3] (in voxels: voxel i covers [i, i + 1)) stop in
    ``occupied`` bool [x, y, z]: the voxel [n, 3], and the distance [n], in voxels, to where the ray leaves it.

    A ray that meets nothing occupied stops in its last voxel inside the grid; one that never enters has voxel 0, 0, 0
    and distance BESIDE. An origin less than one voxel below a lower face counts as inside, as its coordinate is
    truncated.
    """
    shape = occupied.shape
    voxels = np.zeros((len(ends), 3), np.int64)
    distances = np.full(len(ends), BESIDE)
    cell, step = np.empty(3, np.int64), np.empty(3, np.int64)
    delta, side = np.empty(3), np.empty(3)
    for n in range(len(ends)):
        length = math.sqrt(
            (ends[n, 0] - origin[0]) ** 2 + (ends[n, 1] - origin[1]) ** 2 + (ends[n, 2] - origin[2]) ** 2
        )
        for k in range(3):
            d = (ends[n, k] - origin[k]) / length if length > 0 else 0.0
            cell[k] = int(origin[k])
            step[k] = 1 if d >= 0 else -1
            delta[k] = step[k] / d if d != 0 else np.inf
            side[k] = (cell[k] + (1 if d >= 0 else 0) - origin[k]) / d if d != 0 else np.inf
        while True:
            inside, lost = True, False
            for k in range(3):
                if cell[k] < 0 or cell[k] >= shape[k]:
                    inside = False
                    away = cell[k] < 0 if step[k] < 0 else cell[k] >= shape[k]
                    lost = lost or away or side[k] == np.inf
            if lost:
                break
            k = 2
            if side[0] < side[1]:
                if side[0] < side[2]:
                    k = 0
            elif side[1] < side[2]:
                k = 1
            if inside:
                voxels[n] = cell
                distances[n] = side[k]
                if occupied[cell[0], cell[1], cell[2]]:
                    break
            if side[k] == np.inf:  # a ray without a direction stays where it is
                break
            cell[k] += step[k]
            side[k] += delta[k]
    return voxels, distances
