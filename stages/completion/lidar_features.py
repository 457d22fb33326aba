"""LiDAR sweeps to the input volume of the network: hits and crossings per voxel, and what stands out of each pillar.

Twice: what the frame's own sweep saw, and what it saw together with sweeps of other frames, where there are any. What
moves is where the first sees it; the second fills in what stands.

Where images were asked, what they say of the points stands after both views (``paint_features.py``).

Nothing here depends on the number of beams, and of intensity only how a point stands out from its own sweep counts
(``contrast.py``); heights are also given above the local ground, because a sensor that sits 15 cm higher than the one
of the training data must not change the result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.stages.completion.ground import local_ground
from occlabel.stages.completion.paint_features import paint_channels, paint_shares
from occlabel.stages.sensing.contrast import contrast
from occlabel.stages.sensing.painting import NOTHING
from occlabel.stages.sensing.rays import crossings
from occlabel.stages.sensing.scan import OWN_CAR, Scan

if TYPE_CHECKING:
    from torch import Tensor

PILLAR_FEATURES = 14
"""Channels of a view after hits and crossings: see ``_pillars``."""

_SHADES = slice(10, 14)
"""Those of intensity."""

_LOG2 = (np.log2(1 + np.arange(256)) / 8).astype(np.float32)
"""By count of crossings: of ground that rays graze a few do, of open air many."""

_RAYS_OF_OTHERS = 4
"""One ray in so many of the other sweeps is followed: together they still pass everywhere, and cost as much as one."""

_FLAT = 0.4
"""Up to so far above the local ground [m] a point may lie on it: its intensity is that of the ground."""


def view_channels(grid: Grid) -> int:
    """Channels of one view: hits per height of the grid, crossings per height, then the pillar features."""
    return 2 * grid.shape[2] + PILLAR_FEATURES


def channels(grid: Grid, classes: int = 0) -> int:
    """Channels of the volume: the view of the own sweep, then that of all sweeps; then their paint of so many
    ``classes``."""
    return 2 * (view_channels(grid) + paint_channels(classes))


@dataclass(frozen=True, slots=True)
class _Points:
    """Points within the grid seen from above, any height."""

    xyz: NDArray[np.float32]
    """[n, 3] in ``grid.frame`` [m]."""
    contrast: NDArray[np.float32]
    """[n], NaN where the sweep has no intensity."""
    cells: NDArray[np.int64]
    """[n, 3]; heights may lie outside of the grid."""
    paint: NDArray[np.uint8]
    """[n, 2]: class and score, see ``Scan``."""


def lidar_volume(own: Scan, others: Sequence[Scan], grid: Grid, classes: int = 0) -> NDArray[np.float32]:
    """The input volume, float32 [channels, X, Y], of a frame's ``own`` sweep and ``others``, all in ``grid.frame``;
    with the paint of points of so many ``classes``.

    Per view: 1 where a voxel was hit, log2(1 + rays that crossed it) / 8, pillars. Points that are not finite, lie on
    the car that measured them or outside the grid seen from above are left out.
    """
    counts, points = _seen(own, grid, 1)
    if not others:
        ground = _ground(points, grid)
        alone, paint = _view(points, counts, ground, own.sensor, grid), _painted(points, ground, grid, classes)
        return np.concatenate([alone, alone, paint, paint])
    all_counts, parts = counts.astype(np.uint16), [points]
    for other in others:
        more, seen = _seen(other, grid, _RAYS_OF_OTHERS)
        all_counts += more
        parts.append(seen)
    together = _Points(
        np.concatenate([part.xyz for part in parts]),
        np.concatenate([part.contrast for part in parts]),
        np.concatenate([part.cells for part in parts]),
        np.concatenate([part.paint for part in parts]),
    )
    ground = _ground(together, grid)
    every = np.minimum(all_counts, 255).astype(np.uint8)
    views = [_view(points, counts, ground, own.sensor, grid), _view(together, every, ground, own.sensor, grid)]
    return np.concatenate(views + [_painted(part, ground, grid, classes) for part in (points, together)])


def without_intensity(volume: Tensor, grid: Grid) -> Tensor:
    """Input volumes [batch, channels, X, Y] as those of a LiDAR that has no intensity."""
    result = volume.clone()
    for view in (0, view_channels(grid)):
        result[:, view + 2 * grid.shape[2] :][:, _SHADES] = 0
    return result


def _seen(scan: Scan, grid: Grid, rays: int) -> tuple[NDArray[np.uint8], _Points]:
    """Crossings [X, Y, Z] of one ray in ``rays``, and the points of a sweep."""
    points = np.asarray(scan.points, np.float32)
    x, y, z = points[:, :3].T
    kept = np.hypot(x - np.float32(scan.sensor[0]), y - np.float32(scan.sensor[1])) > OWN_CAR  # False for NaN
    kept &= np.isfinite(x) & np.isfinite(y) & np.isfinite(z)
    xyz, stands_out = points[kept, :3], contrast(points[kept, 3])
    counts = crossings(xyz[::rays], scan.sensor, grid)
    cells = np.floor((xyz - np.array(grid.origin, np.float32)) / np.float32(grid.voxel_size)).astype(np.int64)
    row, column = cells[:, 0], cells[:, 1]
    inside = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    paint = np.tile(NOTHING, (len(points), 1)) if scan.paint is None else scan.paint
    return counts, _Points(xyz[inside], stands_out[inside], cells[inside], paint[kept][inside])


def _ground(points: _Points, grid: Grid) -> NDArray[np.float32]:
    """Local ground [X, Y] under the points."""
    lowest = np.full(grid.shape[:2], np.inf, np.float32)
    z = np.clip(points.xyz[:, 2], grid.origin[2] - 1, grid.upper[2] + 2)
    np.minimum.at(lowest, (points.cells[:, 0], points.cells[:, 1]), z)
    return local_ground(lowest, grid)


def _painted(points: _Points, ground: NDArray[np.float32], grid: Grid, classes: int) -> NDArray[np.float32]:
    """[paint_channels, X, Y]."""
    if classes == 0:
        return np.zeros((0, *grid.shape[:2]), np.float32)
    pillar = points.cells[:, 0] * grid.shape[1] + points.cells[:, 1]
    flat = _lies_flat(points.xyz[:, 2], pillar, ground.ravel(), grid)
    shares = paint_shares(points.paint, pillar, flat, grid.shape[0] * grid.shape[1], classes)
    return shares.reshape(-1, *grid.shape[:2])


def _lies_flat(
    z: NDArray[np.float32], pillar: NDArray[np.int64], ground: NDArray[np.float32], grid: Grid
) -> NDArray[np.bool_]:
    """Which points [n] are as low as the ``ground`` [pillars] under them."""
    return np.asarray(np.clip(z, grid.origin[2] - 1, grid.upper[2] + 2) - ground[pillar] < _FLAT)


def _view(
    points: _Points, counts: NDArray[np.uint8], ground: NDArray[np.float32], sensor: NDArray[np.float64], grid: Grid
) -> NDArray[np.float32]:
    """[view_channels, X, Y] of ``points`` and of rays that crossed voxels ``counts`` [X, Y, Z] times."""
    heights, cells = grid.shape[2], points.cells
    volume = np.zeros((view_channels(grid), *grid.shape[:2]), np.float32)
    high = (cells[:, 2] >= 0) & (cells[:, 2] < heights)
    volume[cells[high, 2], cells[high, 0], cells[high, 1]] = 1
    volume[heights : 2 * heights] = _LOG2[counts].transpose(2, 0, 1)
    volume[2 * heights :] = _pillars(points, ground.ravel(), sensor, grid)
    return volume


def _pillars(
    points: _Points, ground: NDArray[np.float32], sensor: NDArray[np.float64], grid: Grid
) -> NDArray[np.float32]:
    """[PILLAR_FEATURES, X, Y], each about -1..1 and 0 in pillars without points, except 8 and 9:

    0 any point; 1 log count; 2, 3, 4 lowest, mean and highest point above the local ground; 5 spread of the heights;
    6 the lowest point above the ground, finely (kerbs); 7 points above the grid; 8 local ground; 9 distance; 10, 11
    mean contrast of points on the ground and its spread; 12 mean contrast of points above; 13 any contrast.
    """
    shape = grid.shape[:2]
    size = shape[0] * shape[1]
    pillar = points.cells[:, 0] * shape[1] + points.cells[:, 1]
    bottom, top = grid.origin[2], grid.upper[2]
    z = np.clip(points.xyz[:, 2], bottom - 1, top + 2)
    count = np.bincount(pillar, minlength=size).astype(np.float32)
    filled = count > 0
    total = np.maximum(count, 1)
    mean = np.bincount(pillar, z, size).astype(np.float32) / total
    spread = np.sqrt(np.maximum(np.bincount(pillar, z * z, size).astype(np.float32) / total - mean * mean, 0))
    lowest, highest = np.full(size, np.inf, np.float32), np.full(size, -np.inf, np.float32)
    np.minimum.at(lowest, pillar, z)
    np.maximum.at(highest, pillar, z)
    lowest, highest = np.where(filled, lowest, 0), np.where(filled, highest, 0)
    above = np.bincount(pillar[points.xyz[:, 2] >= top], minlength=size)
    shapes = np.stack(
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
    flat = _lies_flat(points.xyz[:, 2], pillar, ground, grid)
    shades = _shades(points.contrast, pillar, flat, size)
    return np.concatenate([shapes * filled, place, shades]).astype(np.float32).reshape(PILLAR_FEATURES, *shape)


def _shades(
    value: NDArray[np.float32], pillar: NDArray[np.int64], flat: NDArray[np.bool_], size: int
) -> NDArray[np.float32]:
    """[4, pillars]: mean and spread of the contrast ``value`` of the points that lie ``flat``, the mean of the others,
    and whether there is any; 0 where there is none."""
    known = np.isfinite(value)
    result = np.zeros((4, size), np.float32)
    for chosen, row in ((known & flat, 0), (known & ~flat, 2)):
        count = np.bincount(pillar[chosen], minlength=size)
        mean = np.bincount(pillar[chosen], value[chosen], size) / np.maximum(count, 1)
        result[row] = mean
        result[3] = np.maximum(result[3], count > 0)
        if row == 0:
            square = np.bincount(pillar[chosen], value[chosen] ** 2, size) / np.maximum(count, 1)
            result[1] = np.sqrt(np.maximum(square - mean**2, 0))
    return result
