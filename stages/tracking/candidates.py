"""Which tracks an object of a frame could go on, and how well it fits each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects

_LEAST_OVERLAP = 0.1
"""IoU of neighbours that touch, moved by a voxel, stays below."""
_LEAST_RATIO = 1 / 3
"""Of the voxel counts, where only nearness speaks for a pair: what is three times as big is something else."""
_NEARNESS = 0.5
"""What standing exactly where it was expected is worth, in IoU. It decides where nothing overlaps."""
_AT_BORDER = 0.4
"""What a pair at the border of the grid is worth, of one in its middle: there, objects come and go, and nothing has to
be explained. Otherwise a car that leaves would be paired with the next one behind, and so on to the one that enters."""
_SIDEWAYS = 3.0
"""How much longer than a metre ahead a metre sideways counts for what is longer than it is wide."""
_LONG = 2.0  # ratio of the variances along and across: 1.4 times as long as wide
_LENGTH = 3.2
"""[m]: what seems long and is shorter may be the front of a lorry, seen from ahead, which is wider than it is deep."""


@dataclass(frozen=True, slots=True)
class Expected:
    """n tracks, moved to where they should be now. World frame, metres."""

    places: NDArray[np.float64]
    """[n, 3]: centroids."""
    points: NDArray[np.float64]
    """[m, 3]: centres of the voxels that they were last seen with, track by track."""
    owners: NDArray[np.int64]
    """[m]: the track of each point."""
    gates: NDArray[np.float64]
    """[n]: how far from its place a track may be found, where its voxels do not meet it."""
    groups: NDArray[np.int64]
    """[n]: only objects of the same group fit."""
    cut: NDArray[np.bool_]
    """[n]: whether the border of the grid cut it when it was last seen."""
    fresh: NDArray[np.bool_]
    """[n]: whether it has been seen only once, and may go anywhere."""


def candidates(
    expected: Expected,
    objects: Objects,
    places: NDArray[np.float64],
    groups: NDArray[np.int64],
    reaches: NDArray[np.float64],
    world_from_grid: Matrix,
    grid: Grid,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of a track and an object that fit: rows [k] of each, and their scores [k], above 0.

    places [n, 3], groups [n] and reaches [n] are the objects' centroids in the world, their groups, and how far [m]
    they can have come since the last frame. A pair fits if both are of one group and either their voxels overlap, or
    they are near and alike in size. The score is IoU + 0.5 nearness (smaller / larger voxel count), nearness being
    (stays + stayed) / 2 - distance / gate where that is above 0. ``stays`` and ``stayed`` fall from 1 to 0.4 for
    tracks within their gate, and objects within their reach, of the border. For a track seen once, what is off its
    long axis counts as three times as far, if that is as long as a car. Of a track that leaves the grid only what is
    still in it is compared (of one seen once, all), and the size of what the border cuts is not held against it.
    """
    grid_from_world = inverse(world_from_grid)
    overlapping, ious, seen, centres = _overlaps(expected, objects, grid_from_world, grid)
    near = _within(places, centres, expected.gates)
    keys = np.union1d(overlapping, near)
    track, object_ = keys // max(len(objects), 1), keys % max(len(objects), 1)
    iou = np.zeros(len(keys))
    iou[np.searchsorted(keys, overlapping)] = ious
    away = places[object_] - centres[track]
    sideways = (away[:, :2] * _across(expected)[track]).sum(axis=1)
    distance = np.sqrt((away**2).sum(axis=1) + (_SIDEWAYS**2 - 1) * sideways**2)
    gate = np.maximum(expected.gates, 1e-9)
    stays = _inner(transform_points(grid_from_world, expected.places), gate, grid)[track]
    stayed = _inner(objects.centroids, np.maximum(reaches, 1e-9), grid)[object_]
    nearness = np.maximum((stays + stayed) / 2 - distance / gate[track], 0)
    # Who may have gone anywhere need not have left the grid, although the place where it was has.
    whole = np.bincount(expected.owners, minlength=len(seen))
    sizes = np.where(expected.fresh, whole, seen)[track], objects.voxels[object_]
    ratio = np.minimum(*sizes) / np.maximum(*sizes)
    ratio[expected.cut[track] | objects.cut(grid)[object_]] = 1
    fits = expected.groups[track] == groups[object_]
    fits &= (iou >= _LEAST_OVERLAP) | ((nearness > 0) & (ratio >= _LEAST_RATIO))
    score = iou + _NEARNESS * nearness * ratio
    return track[fits], object_[fits], score[fits]


def _inner(places: NDArray[np.float64], margins: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """1 for ``places`` [n, 3] (grid frame) further than ``margins`` [n] from the sides of the grid, less nearer to
    them, and _AT_BORDER there and beyond."""
    inwards = np.minimum(places - np.array(grid.origin), np.array(grid.upper) - places)[:, :2].min(axis=1)
    result: NDArray[np.float64] = _AT_BORDER + (1 - _AT_BORDER) * np.clip(inwards / margins, 0, 1)
    return result


def _across(expected: Expected) -> NDArray[np.float64]:
    """[n, 2] unit vectors across the long axis, seen from above, of the tracks that were seen once and have one;
    0 for the others."""
    n = len(expected.places)
    offsets = (expected.points - expected.places[expected.owners])[:, :2]
    xx, yy, xy = (
        np.bincount(expected.owners, offsets[:, i] * offsets[:, j], minlength=n) for i, j in ((0, 0), (1, 1), (0, 1))
    )
    spread = np.hypot((xx - yy) / 2, xy)  # the eigenvalues are the mean of xx and yy, plus and minus this
    along = (xx + yy) / 2 + spread
    points = np.maximum(np.bincount(expected.owners, minlength=n), 1)
    # A bar of length l has the variance l^2 / 12 along itself.
    long = (along > _LONG * ((xx + yy) / 2 - spread)) & (along / points > _LENGTH**2 / 12)
    axis = 0.5 * np.arctan2(2 * xy, xx - yy)
    across = np.stack([-np.sin(axis), np.cos(axis)], axis=1)
    across[~(long & expected.fresh & ~expected.cut)] = 0
    return across


def _overlaps(
    expected: Expected, objects: Objects, grid_from_world: Matrix, grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Which voxel sets meet: track * objects + object [k] ascending, and their IoU [k]. Of each track what lies in the
    grid: voxels [n], and their centroid in the world [n, 3], or that of the whole track if none does."""
    volume = np.zeros(grid.voxels, np.int32)
    rows = np.repeat(np.arange(1, len(objects) + 1, dtype=np.int32), objects.voxels)
    volume[np.ravel_multi_index(tuple(objects.cells.T), grid.shape)] = rows
    cells, inside = grid.cells(transform_points(grid_from_world, expected.points))
    flat = np.ravel_multi_index(tuple(cells[inside].T), grid.shape)
    inner = np.bincount(expected.owners[inside], minlength=len(expected.places))[:, None]
    sums = np.zeros_like(expected.places)
    for axis in range(3):
        weights = (expected.points - expected.places[expected.owners])[inside, axis]
        sums[:, axis] = np.bincount(expected.owners[inside], weights, minlength=len(sums))
    # A rotated grid crowds voxels: two may fall into one cell.
    occupied = np.unique(expected.owners[inside] * grid.voxels + flat)
    owner, row = occupied // grid.voxels, volume[occupied % grid.voxels]
    seen = np.bincount(owner, minlength=len(expected.places))
    met = row > 0
    pairs, shared = np.unique(owner[met] * len(objects) + row[met] - 1, return_counts=True)
    both = seen[pairs // max(len(objects), 1)] + objects.voxels[pairs % max(len(objects), 1)]
    return pairs, shared / (both - shared), seen, expected.places + sums / np.maximum(inner, 1)


def _within(places: NDArray[np.float64], centres: NDArray[np.float64], radii: NDArray[np.float64]) -> NDArray[np.int64]:
    """centre * places + place [k], ascending, of the ``places`` in the balls around ``centres``."""
    if not len(places) or not len(centres):
        return np.zeros(0, np.int64)
    from scipy.spatial import cKDTree

    found = cKDTree(places).query_ball_point(centres, radii, return_sorted=True)
    counts = np.array([len(ball) for ball in found])
    return np.repeat(np.arange(len(centres)), counts) * len(places) + np.concatenate(found).astype(np.int64)
