"""Which tracks an object of a frame could go on, and how well it fits each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.geometry import Matrix, inverse, transform_points
from schemas.grid import Grid
from stages.tracking.objects import Objects

_LEAST_OVERLAP = 0.1
"""IoU of neighbours that touch, moved by a voxel, stays below."""
_LEAST_RATIO = 1 / 3
"""Of the voxel counts, where only nearness speaks for a pair: what is three times as big is something else."""
_NEARNESS = 0.5
"""What standing exactly where it was expected is worth, in IoU. It decides where nothing overlaps."""


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


def candidates(
    expected: Expected,
    objects: Objects,
    places: NDArray[np.float64],
    groups: NDArray[np.int64],
    world_from_grid: Matrix,
    grid: Grid,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Pairs of a track and an object that fit: rows [k] of each, and their scores [k], above 0.

    places [n, 3] and groups [n] are the objects' centroids in the world and their groups. A pair fits if both are of
    one group and either their voxels overlap or the centroid lies within the gate and the sizes are alike. The score
    is IoU + 0.5 (1 - distance / gate) (smaller / larger voxel count), without the second term beyond the gate. Of a
    track that leaves the grid, only what is still in it is compared; the size of what is cut is not held against it.
    """
    overlapping, ious, seen, centres = _overlaps(expected, objects, inverse(world_from_grid), grid)
    near = _within(places, centres, expected.gates)
    keys = np.union1d(overlapping, near)
    track, object_ = keys // max(len(objects), 1), keys % max(len(objects), 1)
    iou = np.zeros(len(keys))
    iou[np.searchsorted(keys, overlapping)] = ious
    distance = np.linalg.norm(centres[track] - places[object_], axis=1)
    gate = expected.gates[track]
    nearness = np.where(distance < gate, 1 - distance / np.where(gate > 0, gate, 1), 0)
    sizes = seen[track], objects.voxels[object_]
    ratio = np.minimum(*sizes) / np.maximum(*sizes)
    ratio[expected.cut[track] | objects.cut(grid)[object_]] = 1
    fits = expected.groups[track] == groups[object_]
    fits &= (iou >= _LEAST_OVERLAP) | ((nearness > 0) & (ratio >= _LEAST_RATIO))
    score = iou + _NEARNESS * nearness * ratio
    return track[fits], object_[fits], score[fits]


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
