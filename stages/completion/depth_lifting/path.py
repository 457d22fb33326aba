"""The way of the car: where it drove there is ground, and room for the car above it."""

from __future__ import annotations

from collections.abc import Sequence

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN

_HALF, _HIGH = 1.0, 1.4
"""[m]: half the width, and the height over the ground, of what every car takes up."""
_FEWEST = 8
"""Columns of the way in which ground was seen, without which nothing is made up."""
_REACH = 0.6
"""[m] up and down around the middle of all in which the ground of a column is looked for."""
_SURE = 100
"""Confidence of what nobody saw and the car was on."""


def under_the_path(
    semantics: NDArray[np.uint8], confidence: NDArray[np.uint8], path: Sequence[Matrix], space: LabelSpace
) -> None:
    """Fills what is unknown of the way that the car took through a volume [X, Y, Z], in place.

    ``path`` are the places of the car around the frame, ``grid_from_ego`` in time. How far the ground lies below them
    is the median over the columns of the way in which ground was seen, so it need not be known; its class is the one
    that most of those have. Up to the height of a car above it there is free room. Only what is unknown is filled.
    """
    grid, taxonomy = space.grid, space.taxonomy
    places = np.array([place[:3, 3] for place in path])
    if len(places) < 2 or np.linalg.norm(np.ptp(places, axis=0)) < 2 * _HALF:
        return
    movable = np.zeros(256, np.bool_)
    movable[[one.id for one in taxonomy.classes if one.movable] + [taxonomy.free_id, UNKNOWN]] = True
    columns = _on_the_way((places - np.array(grid.origin)) / grid.voxel_size, grid.shape, _HALF / grid.voxel_size)
    ground, below = _lowest(semantics, columns, ~movable)
    if (ground >= 0).sum() < _FEWEST:
        return
    deep = np.median(below[ground >= 0])
    near = (ground >= 0) & (np.abs(below - deep) * grid.voxel_size <= _REACH)
    if near.sum() < _FEWEST:
        return
    deep = np.median(below[near])
    # A class that is seen in most columns of the way is what the car drives on.
    name = int(np.bincount(semantics[columns.x[near], columns.y[near], ground[near]]).argmax())
    level = np.floor(columns.z - deep).astype(np.int64)
    for x, y, z, seen in zip(columns.x, columns.y, level, near, strict=True):
        bottom, top = max(z + 1, 0), min(z + 1 + round(_HIGH / grid.voxel_size), grid.shape[2])
        room = semantics[x, y, bottom:top] == UNKNOWN
        semantics[x, y, bottom:top][room], confidence[x, y, bottom:top][room] = taxonomy.free_id, _SURE
        if not seen and 0 <= z < grid.shape[2] and semantics[x, y, z] == UNKNOWN:
            semantics[x, y, z], confidence[x, y, z] = name, _SURE


class _Columns:
    """Columns [n] of a grid, and how high the way lies over each, in voxels."""

    def __init__(self, x: NDArray[np.int64], y: NDArray[np.int64], z: NDArray[np.float64]) -> None:
        self.x, self.y, self.z = x, y, z


def _on_the_way(places: NDArray[np.float64], shape: tuple[int, int, int], half: float) -> _Columns:
    """Columns whose centre lies within ``half`` voxels of the polyline through ``places`` [n, 3], in voxels."""
    heights = np.full(shape[:2], np.nan)
    nearest = np.full(shape[:2], half * half)
    _walk(places, heights, nearest, int(half) + 1)
    x, y = np.nonzero(np.isfinite(heights))
    return _Columns(x, y, heights[x, y])


@numba.njit(cache=True, nogil=True)
def _walk(places, heights, nearest, reach):  # type: ignore[no-untyped-def]
    for n in range(len(places) - 1):
        start, way = places[n], places[n + 1] - places[n]
        long = way[0] * way[0] + way[1] * way[1]
        if long == 0:
            continue
        end = places[n + 1]
        for x in range(max(int(min(start[0], end[0])) - reach, 0), int(max(start[0], end[0])) + reach + 1):
            if x >= heights.shape[0]:
                break
            for y in range(max(int(min(start[1], end[1])) - reach, 0), int(max(start[1], end[1])) + reach + 1):
                if y >= heights.shape[1]:
                    break
                dx, dy = x + 0.5 - start[0], y + 0.5 - start[1]
                share = min(max((dx * way[0] + dy * way[1]) / long, 0.0), 1.0)
                dx, dy = dx - share * way[0], dy - share * way[1]
                if dx * dx + dy * dy <= nearest[x, y]:
                    nearest[x, y] = dx * dx + dy * dy
                    heights[x, y] = start[2] + share * way[2]


def _lowest(
    semantics: NDArray[np.uint8], columns: _Columns, solid: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Of each column the lowest voxel that holds what stands or lies still, -1 for none; and how far its middle lies
    below the way."""
    there = solid[semantics[columns.x, columns.y]]
    lowest = np.where(there.any(axis=1), there.argmax(axis=1), -1)
    return lowest, columns.z - (lowest + 0.5)
