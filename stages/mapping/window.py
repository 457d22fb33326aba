"""The window of a frame: the box of blocks that its grid can reach, and the way from its voxels into it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.stages.mapping.blocks import BLOCK, LIMIT, find, keys_of


@dataclass(frozen=True, slots=True)
class Window:
    """A box of blocks, and where the voxels of a frame lie in it."""

    first: NDArray[np.int64]
    """Index [3] of its lowest block."""
    shape: tuple[int, int, int]
    """Blocks along each axis."""
    cell_from_voxel: NDArray[np.float64]
    """[3, 4]: cell coordinates in the window of a voxel's centre, from its index (i, j, k, 1)."""

    def keys(self) -> NDArray[np.int64]:
        """Keys of all its blocks, in C order."""
        return keys_of(np.indices(self.shape).reshape(3, -1).T + self.first)

    def places(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """For each block of the window, in C order, where it lies in the sorted ``keys``; -1 where it is not."""
        return find(keys, self.keys())


def window(grid: Grid, world_from_grid: Matrix) -> Window:
    """The window of ``grid`` placed in the world. Raises BadLog for a pose beyond what block keys can name."""
    edges = np.array([grid.origin, grid.upper])
    corners = edges[np.indices((2, 2, 2)).reshape(3, -1).T, np.arange(3)]
    cells = transform_points(world_from_grid, corners) / grid.voxel_size
    low, high = np.floor(cells.min(axis=0) / BLOCK), np.floor(cells.max(axis=0) / BLOCK)
    if (low < -LIMIT).any() or (high >= LIMIT).any():
        raise BadLog(f"a pose places the grid at {world_from_grid[:3, 3].tolist()} m, which is nowhere on Earth")
    first = low.astype(np.int64)
    x, y, z = (high.astype(np.int64) - first + 1).tolist()
    matrix = np.empty((3, 4))
    matrix[:, :3] = world_from_grid[:3, :3]
    centre = world_from_grid[:3, :3] @ (np.array(grid.origin) + 0.5 * grid.voxel_size) + world_from_grid[:3, 3]
    matrix[:, 3] = centre / grid.voxel_size - first * BLOCK
    return Window(first, (x, y, z), matrix)
