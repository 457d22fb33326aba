"""LiDAR points to the input volume of the network: hits and crossings per voxel, and what stands out of each pillar.

Nothing here depends on intensity or on the number of beams; heights are also given above the local ground, because a
sensor that sits 15 cm higher than the one of the training data must not change the result.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.stages.sensing.rays import crossings
from occlabel.stages.sensing.scan import OWN_CAR

PILLAR_FEATURES = 10
"""Channels after hits and crossings: see ``_pillars``."""

_LOG2 = (np.log2(1 + np.arange(256)) / 8).astype(np.float32)
"""By count of crossings: of ground that rays graze a few do, of open air many."""

_BLOCK = 3.2
"""Edge of the cells in which the ground is looked for [m]."""


def channels(grid: Grid) -> int:
    """Channels of the volume: hits per height of the grid, crossings per height, then the pillar features."""
    return 2 * grid.shape[2] + PILLAR_FEATURES


def lidar_volume(
    points: NDArray[np.floating[Any]], sensor: NDArray[np.floating[Any]], grid: Grid
) -> NDArray[np.float32]:
    """The input volume, float32 [channels, X, Y]: 1 where a voxel was hit, log2(1 + rays that crossed it) / 8, pillars.

    ``points`` [n, 3 or more] in metres in ``grid.frame``, ``sensor`` [3] the place of the LiDAR in the same frame.
    Points that are not finite, lie on the own car or outside the grid seen from above are left out.
    """
    xyz = np.asarray(points[:, :3], np.float32)
    away = np.hypot(xyz[:, 0] - np.float32(sensor[0]), xyz[:, 1] - np.float32(sensor[1]))
    xyz = xyz[(away > OWN_CAR) & np.isfinite(xyz).all(axis=1)]
    crossed = _LOG2[crossings(xyz, sensor, grid)]
    cells = np.floor((xyz - np.array(grid.origin, np.float32)) / np.float32(grid.voxel_size)).astype(np.int64)
    inside = ((cells[:, :2] >= 0) & (cells[:, :2] < grid.shape[:2])).all(axis=1)
    xyz, cells = xyz[inside], cells[inside]
    heights = grid.shape[2]
    volume = np.zeros((channels(grid), *grid.shape[:2]), np.float32)
    high = (cells[:, 2] >= 0) & (cells[:, 2] < heights)
    volume[cells[high, 2], cells[high, 0], cells[high, 1]] = 1
    volume[heights : 2 * heights] = crossed.transpose(2, 0, 1)
    volume[2 * heights :] = _pillars(xyz, cells[:, 0] * grid.shape[1] + cells[:, 1], sensor, grid)
    return volume


def _pillars(
    xyz: NDArray[np.float32], pillar: NDArray[np.int64], sensor: NDArray[np.floating[Any]], grid: Grid
) -> NDArray[np.float32]:
    """[PILLAR_FEATURES, X, Y], each about -1..1 and 0 in pillars without points, except the last three:

    0 any point; 1 log count; 2, 3, 4 lowest, mean and highest point above the local ground; 5 spread of the heights;
    6 the lowest point above the ground, finely (kerbs); 7 points above the grid; 8 local ground; 9 distance.
    """
    shape = grid.shape[:2]
    size = shape[0] * shape[1]
    bottom, top = grid.origin[2], grid.upper[2]
    z = np.clip(xyz[:, 2], bottom - 1, top + 2)
    count = np.bincount(pillar, minlength=size).astype(np.float32)
    filled = count > 0
    total = np.maximum(count, 1)
    mean = np.bincount(pillar, z, size).astype(np.float32) / total
    spread = np.sqrt(np.maximum(np.bincount(pillar, z * z, size).astype(np.float32) / total - mean * mean, 0))
    lowest, highest = np.full(size, np.inf, np.float32), np.full(size, -np.inf, np.float32)
    np.minimum.at(lowest, pillar, z)
    np.maximum.at(highest, pillar, z)
    ground = local_ground(lowest.reshape(shape), grid).ravel()
    lowest, highest = np.where(filled, lowest, 0), np.where(filled, highest, 0)
    above = np.bincount(pillar[xyz[:, 2] >= top], minlength=size)
    result = np.stack(
        [
            np.ones(size, np.float32),
            np.log1p(count) / 4,
            np.clip((lowest - ground) / 3, -1, 2),
            np.clip((mean - ground) / 3, -1, 2),
            np.clip((highest - ground) / 3, -1, 2),
            np.clip(spread, 0, 2),
            np.clip((lowest - ground) / 0.2, -2, 4) / 2,
            np.log1p(above) / 2,
        ]
    )
    x, y = (grid.origin[axis] + (np.arange(shape[axis]) + 0.5) * grid.voxel_size - sensor[axis] for axis in (0, 1))
    distance = np.hypot(x[:, None], y[None, :]).ravel() / 50
    place = np.stack([np.clip((ground - bottom) / 2, -1, 3), distance])
    return np.concatenate([result * filled, place]).astype(np.float32).reshape(PILLAR_FEATURES, *shape)


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
