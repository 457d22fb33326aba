"""Objects as point sets become seeds (OffsetOcc, equation 1): centre + offset, voxelised, kept where it is sure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid


def object_voxels(
    centres: NDArray[np.float32], offsets: NDArray[np.float32], logits: NDArray[np.float32], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Which voxels the objects name: object [m], cell [m, 3] and logit [m], in the order of the offsets.

    centres [Q, 3] and offsets [Q, K, 3]: metres, in the grid's frame; logits [Q, K]. An offset counts if its logit is
    above 0, which is a score above 0.5, and its point lies in the grid. One voxel may be named more than once.
    """
    owner, offset = np.nonzero(logits > 0)
    points = centres[owner] + offsets[owner, offset]
    lower, upper = np.array(grid.origin, np.float32), np.array(grid.upper, np.float32)
    # In this order, in float32, as in the released code: another order would move points that lie on a border.
    cells = np.floor((points - lower) / (upper - lower) * np.array(grid.shape, np.float32))
    inside = ((cells >= 0) & (cells < np.array(grid.shape))).all(axis=-1)
    return owner[inside], cells[inside].astype(np.int64), logits[owner, offset][inside]


def seeds_from_objects(
    centres: NDArray[np.float32], offsets: NDArray[np.float32], logits: NDArray[np.float32], grid: Grid
) -> NDArray[np.uint32]:
    """Seed ids [X, Y, Z] for the panoptic vote: the row of the object with the highest logit, plus 1; 0 = none.

    Shapes as in ``object_voxels``; ties go to the lowest row. Leave out objects of the background class before.
    """
    owner, cells, sure = object_voxels(centres, offsets, logits, grid)
    seeds = np.zeros(grid.shape, np.uint32)
    # The last write wins: the surest comes last, of equals the lowest row.
    order = np.lexsort((-owner, sure))
    seeds[tuple(cells[order].T)] = owner[order] + 1
    return seeds
