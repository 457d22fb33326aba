"""What a sensor cannot have seen: voxels behind the first thing in the way, by the frame's own labels.

The paper names the occlusion of distant points as a reason to weigh votes (OccFiner, section III-C); its equations know
the distance alone. Here sight spreads outwards from the sensor, shell by shell: a voxel is in sight as far as the four
voxels are around the point where its line to the sensor leaves the shell before, and as those are free (XDraw, Franklin
and Ray 1994, in three dimensions). One pass over the grid a frame, instead of a ray per voxel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a sensor is in a grid, and the voxels in the order in which sight reaches them."""

    place: NDArray[np.float64]
    """[3] in voxels; 0 is the centre of the first."""
    order: NDArray[np.int32]
    """Flat indices of all voxels by their distance from the sensor, along the axis on which it is largest."""

    @classmethod
    def of(cls, grid: Grid, sensor: NDArray[np.float64]) -> Sight:
        """``sensor`` [3] in metres in ``grid.frame``; it may lie outside of the grid."""
        place = (np.asarray(sensor, np.float64) - np.array(grid.origin)) / grid.voxel_size - 0.5
        x, y, z = (np.abs(np.arange(size) - at) for size, at in zip(grid.shape, place, strict=True))
        away = np.maximum(np.maximum(x[:, None, None], y[:, None]), z).ravel()
        return cls(place, np.argsort(away, kind="stable").astype(np.int32))

    def hidden(self, labels: NDArray[np.uint8], free_id: int) -> NDArray[np.bool_]:
        """Which voxels of ``labels`` [X, Y, Z] are out of sight.

        What is not free is also seen where free space next to it is: rays that graze a street end in it all along.
        UNKNOWN hides nothing.
        """
        sight = np.empty(labels.shape, np.float32)
        hidden = np.empty(labels.shape, np.bool_)
        _spread(labels, free_id, UNKNOWN, self.order, self.place, sight, hidden)
        return hidden


@numba.njit(cache=True, nogil=True, inline="always")
def _passes(labels, free, unknown, sight, x, y, z):  # type: ignore[no-untyped-def]
    """How much sight leaves a voxel outwards; all of it where the voxel lies outside of the grid."""
    if x < 0 or y < 0 or z < 0 or x >= labels.shape[0] or y >= labels.shape[1] or z >= labels.shape[2]:
        return np.float32(1)
    label = labels[x, y, z]
    return sight[x, y, z] if label == free or label == unknown else np.float32(0)  # noqa: SIM109 (a tuple is slower)


@numba.njit(cache=True, nogil=True)
def _before(labels, free, unknown, sight, place, x, y, z):  # type: ignore[no-untyped-def]
    """Sight at the point one shell nearer to the sensor on the line from voxel (x, y, z), between four voxels."""
    dx, dy, dz = place[0] - x, place[1] - y, place[2] - z
    shells = max(abs(dx), abs(dy), abs(dz))
    if shells <= 1.0:
        return np.float32(1)
    px, py, pz = x + dx / shells, y + dy / shells, z + dz / shells
    i, j, k = int(np.floor(px)), int(np.floor(py)), int(np.floor(pz))
    fx, fy, fz = np.float32(px - i), np.float32(py - j), np.float32(pz - k)
    total = np.float32(0)
    for a in range(2):
        wx = fx if a else 1 - fx
        for b in range(2):
            wy = wx * (fy if b else 1 - fy)
            for c in range(2):
                weight = wy * (fz if c else 1 - fz)
                if weight > 1e-6:
                    total += weight * _passes(labels, free, unknown, sight, i + a, j + b, k + c)
    return total


@numba.njit(cache=True, nogil=True)
def _spread(labels, free, unknown, order, place, sight, hidden):  # type: ignore[no-untyped-def]
    shape_x, shape_y, shape_z = labels.shape
    for voxel in order:
        x, rest = voxel // (shape_y * shape_z), voxel % (shape_y * shape_z)
        y, z = rest // shape_z, rest % shape_z
        sight[x, y, z] = _before(labels, free, unknown, sight, place, x, y, z)
    for x in range(shape_x):
        for y in range(shape_y):
            for z in range(shape_z):
                seen = sight[x, y, z]
                if labels[x, y, z] != free and labels[x, y, z] != unknown:
                    for side in (-1, 1):
                        for i, j, k in ((x + side, y, z), (x, y + side, z), (x, y, z + side)):
                            if 0 <= i < shape_x and 0 <= j < shape_y and 0 <= k < shape_z and labels[i, j, k] == free:
                                seen = max(seen, sight[i, j, k])
                hidden[x, y, z] = seen < 0.5
