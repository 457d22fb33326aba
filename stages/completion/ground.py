"""How high the ground lies around the car, from the lowest points."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid

_BLOCK = 3.2
"""Edge of the cells in which the ground is looked for [m]."""


def local_ground(lowest: NDArray[np.float32], grid: Grid) -> NDArray[np.float32]:
    """Height of the ground [X, Y] in metres, smooth, from the lowest point of each pillar [X, Y] (inf: no point).

    Per block of 3.2 m the third lowest pillar, so that a reflection from below the street does not count; blocks of
    which little is seen take the lowest of their neighbours, and what is never seen the median of the rest.
    """
    block = max(round(_BLOCK / grid.voxel_size), 1)
    blocks = tuple(-(-n // block) for n in lowest.shape)
    padded = np.full((blocks[0] * block, blocks[1] * block), np.inf, np.float32)
    padded[: lowest.shape[0], : lowest.shape[1]] = lowest
    tiles = padded.reshape(blocks[0], block, blocks[1], block).swapaxes(1, 2).reshape(*blocks, -1)
    rank = min(2, tiles.shape[2] - 1)
    low = np.partition(tiles, rank, axis=2)[:, :, rank]
    known = low[np.isfinite(low)]
    if not known.size:
        return np.full(lowest.shape, grid.origin[2], np.float32)
    low = _neighbours(low).min(axis=0)
    low = np.where(np.isfinite(low), low, np.median(known))
    low = _neighbours(low).mean(axis=0)
    along_x, along_y = (_interpolation(n, m, block) for n, m in zip(lowest.shape, blocks, strict=True))
    return (along_x @ low @ along_y.T).astype(np.float32)


def _neighbours(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The 3 x 3 neighbourhood of each cell, [9, X, Y], the border repeated."""
    padded = np.pad(values, 1, mode="edge")
    rows, columns = values.shape
    return np.stack([padded[i : i + rows, j : j + columns] for i in range(3) for j in range(3)])


def _interpolation(cells: int, blocks: int, block: int) -> NDArray[np.float32]:
    """Matrix [cells, blocks] that interpolates linearly from the centres of blocks to the centres of their cells."""
    place = np.clip((np.arange(cells) + 0.5) / block - 0.5, 0, blocks - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(blocks)[None, :]), 0).astype(np.float32)
