"""Truth on a grid of larger voxels: what a CPU can train on where the truth's own are too many."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import VoxelTruth
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN

_NEAR = 0.01
"""Of a voxel: by so much grids may be off each other."""


def coarser(truth: VoxelTruth, grid: Grid) -> VoxelTruth | None:
    """``truth`` on ``grid``, each voxel of which is made of whole ones of the truth; None where that is not so, or it
    reaches beyond the truth.

    A voxel is scored where half of its parts are, and occupied where any scored part is: a wall does not vanish. Its
    class is that of most such parts, of equally many the one with the smaller id.
    """
    own = truth.space.grid
    times = round(grid.voxel_size / own.voxel_size)
    steps = np.subtract(grid.origin, own.origin) / own.voxel_size
    first = np.rint(steps).astype(int)
    last = first + times * np.array(grid.shape)
    if (
        own.frame != grid.frame
        or times < 2
        or abs(grid.voxel_size - times * own.voxel_size) > _NEAR * own.voxel_size
        or np.abs(steps - first).max() > _NEAR
        or (first < 0).any()
        or (last > own.shape).any()
    ):
        return None
    part = tuple(slice(a, b) for a, b in zip(first, last, strict=True))
    scored = _parts(truth.scored[part], times)
    semantics = np.where(scored, _parts(truth.semantics[part], times), np.uint8(UNKNOWN))
    taxonomy = truth.space.taxonomy
    occupied = (semantics != UNKNOWN) & (semantics != taxonomy.free_id)
    rows, _ = np.nonzero(occupied)
    votes = np.zeros((len(semantics), 1 + int(semantics[occupied].max(initial=0))), np.uint16)
    np.add.at(votes, (rows, semantics[occupied]), 1)
    classes = np.where(occupied.any(axis=1), votes.argmax(axis=1), taxonomy.free_id).astype(np.uint8)
    known = 2 * scored.sum(axis=1) >= scored.shape[1]
    shape = grid.shape
    return VoxelTruth(
        np.where(known, classes, np.uint8(UNKNOWN)).reshape(shape),
        known.reshape(shape),
        LabelSpace(grid, taxonomy),
        truth.remark,
    )


def _parts(volume: NDArray[np.generic], times: int) -> NDArray[np.generic]:
    """[voxels, times^3]: what each larger voxel, in C order, is made of."""
    x, y, z = (side // times for side in volume.shape)
    blocks = volume.reshape(x, times, y, times, z, times).transpose(0, 2, 4, 1, 3, 5)
    return blocks.reshape(x * y * z, times**3)
