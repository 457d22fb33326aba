"""Blocks and tiles: how the world is cut.

The world is cut into cells of the map's voxel size, cell (i, j, k) from ``(i, j, k) * voxel_size`` up to the next;
8 x 8 x 8 cells are a block, and 32 x 32 columns of blocks, over all heights, are a tile. A block is named by one
integer, its key, so that sorted arrays find it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCK = 8
"""Cells along each edge of a block."""
CELLS = BLOCK**3
TILE = 32
"""Blocks along each horizontal edge of a tile: 51.2 m of cells of 0.2 m."""

Tile = tuple[int, int]
"""Index of a tile along x and y."""

_XY_BITS, _Z_BITS = 24, 15  # 63 bits in all: 13,000 km to either side and 26 km up and down, at 0.2 m


LIMIT = np.array([1 << (_XY_BITS - 1), 1 << (_XY_BITS - 1), 1 << (_Z_BITS - 1)], np.int64)
"""Block indices [3] lie in [-LIMIT, LIMIT)."""


def keys_of(blocks: NDArray[np.generic]) -> NDArray[np.int64]:
    """Keys [n] of integer block indices [n, 3] within LIMIT; they sort as the indices do, x first."""
    x, y, z = (blocks.astype(np.int64) + LIMIT).T
    return (x << np.int64(_XY_BITS + _Z_BITS)) | (y << np.int64(_Z_BITS)) | z


def blocks_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Block indices [n, 3] of keys [n]."""
    x, y = keys >> np.int64(_XY_BITS + _Z_BITS), (keys >> np.int64(_Z_BITS)) & np.int64((1 << _XY_BITS) - 1)
    return np.stack([x, y, keys & np.int64((1 << _Z_BITS) - 1)], axis=1) - LIMIT


def tiles_of(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Indices [n, 2] of the tiles that hold the blocks."""
    return blocks_of(keys)[:, :2] // TILE


def find(keys: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each of ``wanted`` lies in the sorted ``keys``, -1 where it is not among them."""
    if not len(keys):
        return np.full(len(wanted), -1, np.int64)
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
