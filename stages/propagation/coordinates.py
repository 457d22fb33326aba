"""Where the voxels of one frame lie in another (OccFiner, equation 1), in units of the grid and of its voxels."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid

COORDINATES = 6
"""Numbers per column: x, y, z of its lowest and of its highest voxel. Those between lie on the line."""


def relative_coordinates(pivot_from_frame: Matrix, grid: Grid, cells: tuple[int, int]) -> NDArray[np.float32]:
    """Coordinates of a frame's columns in the pivot's grid, [COORDINATES, cells x, cells y].

    The columns are the centres of ``cells`` equal parts of the grid along x and y. 0 is the middle of the pivot's grid,
    -1 and 1 are its borders along x; y and z are in the same measure.
    """
    lower, upper = np.array(grid.origin), np.array(grid.upper)
    half = float(upper[0] - lower[0]) / 2
    x, y = (lower[i] + (np.arange(cells[i]) + 0.5) * (upper[i] - lower[i]) / cells[i] for i in (0, 1))
    ends = (lower[2] + 0.5 * grid.voxel_size, upper[2] - 0.5 * grid.voxel_size)
    places = np.stack([np.stack(np.meshgrid(x, y, [z], indexing="ij"), axis=-1)[:, :, 0] for z in ends])
    moved = places @ pivot_from_frame[:3, :3].T + pivot_from_frame[:3, 3]
    scaled = (moved - (lower + upper) / 2) / half
    return scaled.transpose(0, 3, 1, 2).reshape(COORDINATES, *cells).astype(np.float32)


def index_from_index(target_from_source: Matrix, grid: Grid) -> NDArray[np.float64]:
    """[3, 4] from the index of a source voxel to where its centre lies among the target's, in voxels."""
    centre = np.array(grid.origin) + 0.5 * grid.voxel_size
    result = np.empty((3, 4))
    result[:, :3] = target_from_source[:3, :3]
    result[:, 3] = (target_from_source[:3, :3] @ centre + target_from_source[:3, 3] - centre) / grid.voxel_size
    return result


@numba.njit(cache=True, nogil=True)
def look_up(labels, confidence, order, maps, corners, unknown, kinds, weights):  # type: ignore[no-untyped-def]
    """Writes what frames hold at the places of some columns of one of them.

    ``labels`` and ``confidence`` uint8 [T, X, Y, Z]; ``order`` int64 [n] picks the frames, ``maps`` [n, 3, 4] lead from
    the one frame's voxel index to theirs, ``corners`` int64 [m, 2] are the first columns of m patches. ``kinds`` int32
    and ``weights`` float32 [m, x, y, Z, n] get the nearest voxel's label and its confidence 0..1; ``unknown`` and 0
    where it has no label of a class, and outside of a frame.
    """
    _, shape_x, shape_y, shape_z = labels.shape
    for patch in range(len(corners)):
        for dx in range(kinds.shape[1]):
            for dy in range(kinds.shape[2]):
                x, y = corners[patch, 0] + dx, corners[patch, 1] + dy
                for n in range(len(order)):
                    frame, map_ = order[n], maps[n]
                    at_x = map_[0, 0] * x + map_[0, 1] * y + map_[0, 3] + 0.5
                    at_y = map_[1, 0] * x + map_[1, 1] * y + map_[1, 3] + 0.5
                    at_z = map_[2, 0] * x + map_[2, 1] * y + map_[2, 3] + 0.5
                    for z in range(shape_z):
                        i = int(np.floor(at_x + map_[0, 2] * z))
                        j = int(np.floor(at_y + map_[1, 2] * z))
                        k = int(np.floor(at_z + map_[2, 2] * z))
                        kind, weight = unknown, np.float32(0)
                        if (
                            0 <= i < shape_x
                            and 0 <= j < shape_y
                            and 0 <= k < shape_z
                            and labels[frame, i, j, k] < unknown
                        ):
                            kind = np.int64(labels[frame, i, j, k])
                            weight = np.float32(confidence[frame, i, j, k]) / np.float32(255)
                        kinds[patch, dx, dy, z, n] = kind
                        weights[patch, dx, dy, z, n] = weight
