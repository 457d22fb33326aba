"""What labelled points of other frames say of the voxels around a sweep: one class a voxel.

A frame's own sweep says nothing of how well a label fills in what it did not hit, which is most of what labels are for.
Sweeps of other frames did hit some of that, and people have said what they hit.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid


def surroundings(
    own: NDArray[np.float64], others: Iterable[tuple[NDArray[np.float64], NDArray[np.uint8]]], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.uint8], int]:
    """Voxels [n, 3] that points of ``others`` lie in and none of ``own`` does, with the class [n] that most of those
    points have (the lowest of equals); and how many voxels of the others' were left out because ``own`` lies there.

    ``own`` [m, 3] in the frame of the grid [m]; ``others``: points [k, 3] likewise, with their class ids [k].
    """
    counts = np.zeros(0, np.int64)
    keys = counts
    for points, classes in others:
        cells, inside = grid.cells(points)
        found = _flat(cells[inside], grid) << 8 | classes[inside].astype(np.int64)
        new, times = np.unique(found, return_counts=True)
        keys, back = np.unique(np.concatenate([keys, new]), return_inverse=True)
        counts = np.bincount(back, np.concatenate([counts, times]), len(keys)).astype(np.int64)
    # The most frequent class of each voxel last, the lowest of equals.
    order = np.lexsort((-(keys & 255), counts, keys >> 8))
    voxels = keys[order] >> 8
    last = np.flatnonzero(np.append(voxels[1:] != voxels[:-1], True)[: len(voxels)])
    voxels, classes = voxels[last], (keys[order][last] & 255).astype(np.uint8)
    cells, inside = grid.cells(own)
    fresh = ~np.isin(voxels, _flat(cells[inside], grid))
    return np.stack(np.unravel_index(voxels[fresh], grid.shape), axis=1), classes[fresh], int((~fresh).sum())


def _flat(cells: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    return np.ravel_multi_index(tuple(cells.T), grid.shape).astype(np.int64)
