"""Points spread over the voxels around them (trilinear voxelisation)."""

from __future__ import annotations

from typing import TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

CORNERS = 8
T = TypeVar("T", bound=np.generic)


def splat(places: NDArray[np.float64], shape: tuple[int, int, int]) -> NDArray[np.float64]:
    """How much of ``places`` [n, 3], counted in voxels, each voxel [X, Y, Z] gets, at most 1.

    A place shares itself among the eight whole numbers around it, by how near they are. So a place counted from the
    corner of the grid is spread over voxels by their corners, as the released code does; one that is counted from the
    centre of the first voxel, over those whose centres are nearest. Up to one voxel outside something of it is inside.
    """
    result = np.zeros(shape)
    _splat(places, result)
    return np.minimum(result, 1.0)


def splat_classes(
    places: NDArray[np.float64], classes: NDArray[np.uint8], weights: NDArray[np.float64], count: int, cells: Cells
) -> NDArray[np.float64]:
    """[m, count]: how much of each class the ``cells`` get from ``places`` [n, 3] of ``classes`` [n], each as loud as
    its ``weights`` [n]: of each corner of places the loudest, and the sum of these."""
    result = np.zeros((len(cells), count))
    loudest = np.zeros_like(result)
    for corner in range(CORNERS):
        loudest[:] = 0
        _loudest(places, classes, weights, corner, cells.slots, loudest)
        result += loudest
    return result


class Cells:
    """The voxels that places share themselves among, each with a number."""

    def __init__(self, places: NDArray[np.float64], shape: tuple[int, int, int]) -> None:
        self.slots = np.full(shape, -1, np.int64)
        self._count = _number(places, self.slots)

    def __len__(self) -> int:
        return int(self._count)

    def spread(self, values: NDArray[T], fill: float) -> NDArray[T]:
        """[X, Y, Z] of ``values`` [m]."""
        result = np.full(self.slots.shape, fill, values.dtype)
        there = self.slots >= 0
        result[there] = values[self.slots[there]]
        return result


@numba.njit(cache=True, nogil=True)
def _share(place, corner):  # type: ignore[no-untyped-def]
    """The voxel at one of the corners around a place, and how much of the place it gets."""
    x, y, z = int(np.floor(place[0])), int(np.floor(place[1])), int(np.floor(place[2]))
    dx, dy, dz = corner >> 2, (corner >> 1) & 1, corner & 1
    fx, fy, fz = place[0] - x, place[1] - y, place[2] - z
    share = (fx if dx else 1 - fx) * (fy if dy else 1 - fy) * (fz if dz else 1 - fz)
    return x + dx, y + dy, z + dz, share


@numba.njit(cache=True, nogil=True)
def _inside(x, y, z, shape):  # type: ignore[no-untyped-def]
    return 0 <= x < shape[0] and 0 <= y < shape[1] and 0 <= z < shape[2]


@numba.njit(cache=True, nogil=True)
def _splat(places, result):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        for corner in range(CORNERS):
            x, y, z, share = _share(places[n], corner)
            if _inside(x, y, z, result.shape):
                result[x, y, z] += share


@numba.njit(cache=True, nogil=True)
def _number(places, slots):  # type: ignore[no-untyped-def]
    count = 0
    for n in range(len(places)):
        for corner in range(CORNERS):
            x, y, z, _ = _share(places[n], corner)
            if _inside(x, y, z, slots.shape) and slots[x, y, z] < 0:
                slots[x, y, z] = count
                count += 1
    return count


@numba.njit(cache=True, nogil=True)
def _loudest(places, classes, weights, corner, slots, loudest):  # type: ignore[no-untyped-def]
    for n in range(len(places)):
        x, y, z, share = _share(places[n], corner)
        if _inside(x, y, z, slots.shape):
            slot = slots[x, y, z]
            loudest[slot, classes[n]] = max(loudest[slot, classes[n]], share * weights[n])
