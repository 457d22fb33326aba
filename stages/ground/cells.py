"""The ground as cells of the world: how bright each is, and what the frames around call it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.sensing.contrast import contrast
from occlabel.stages.sensing.scan import OWN_CAR, Scan

CELL = 0.4
"""Edge of a cell of the world seen from above [m]."""
HALF_CAR = 0.9
"""What lies so near to the way of the car [m] it has driven on."""
_LEAP = 40.0
"""Between frames further apart [m] nobody knows where the car was."""
_FAR = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """What one sweep saw of what its frame calls ground."""

    keys: NDArray[np.int64]
    """[cells] of the world, ascending."""
    points: NDArray[np.int64]
    """[cells] that lie in it."""
    shade: NDArray[np.float64]
    """[cells] sum of their contrast (``contrast.py``)."""
    away: NDArray[np.float64]
    """[cells] sum of their distance from the sensor, seen from above [m]."""
    of: NDArray[np.int64]
    """[names] index of the cell."""
    label: NDArray[np.uint8]
    """[names] a class that points of the cell lie in."""
    confidence: NDArray[np.uint8]
    """[names] of their voxels, 0..255."""
    times: NDArray[np.int64]
    """[names] points of that class and confidence."""


def key(xy: NDArray[np.floating[Any]]) -> NDArray[np.int64]:
    """Keys [...] of the cells that places [..., 2] in the world [m] lie in."""
    cell = np.floor(xy / CELL).astype(np.int64)
    return np.asarray((cell[..., 0] + _FAR // 2) * _FAR + cell[..., 1] + _FAR // 2)


def around(keys: NDArray[np.int64], reach: int) -> NDArray[np.int64]:
    """Keys [..., (2 reach + 1)^2] of the square of cells around each."""
    step = np.arange(-reach, reach + 1)
    return np.asarray(keys[..., None] + (step[:, None] * _FAR + step[None, :]).ravel())


def seen_ground(
    scan: Scan,
    labels: tuple[NDArray[np.uint8], NDArray[np.uint8]],
    world_from_grid: Matrix,
    grid: Grid,
    ground: Sequence[int],
) -> Seen:
    """What the sweep ``scan``, in the frame of the grid, says of the classes ``ground`` in ``labels``: semantics and
    confidence [X, Y, Z] of its frame. Nothing where the sweep has no intensity."""
    semantics, confidence = labels
    away = np.hypot(scan.points[:, 0] - scan.sensor[0], scan.points[:, 1] - scan.sensor[1])
    kept = (away > OWN_CAR) & np.isfinite(scan.points[:, :3]).all(axis=1)  # the car is no part of the street
    xyz, shade, away = scan.points[kept, :3], contrast(scan.points[kept, 3]), away[kept]
    known = np.isfinite(shade)
    xyz, shade, away = xyz[known], shade[known], away[known]
    voxels, inside = grid.cells(xyz)
    name, sure = np.full(len(xyz), UNKNOWN, np.uint8), np.zeros(len(xyz), np.uint8)
    place = tuple(voxels[inside].T)
    name[inside], sure[inside] = semantics[place], confidence[place]
    lies = np.isin(name, list(ground))
    world = transform_points(world_from_grid, xyz[lies].astype(np.float64))
    keys, of, points = np.unique(key(world[:, :2]), return_inverse=True, return_counts=True)
    level = (of.astype(np.int64) * 256 + name[lies]) * 256 + sure[lies]
    names, times = np.unique(level, return_counts=True)
    return Seen(
        keys,
        points,
        np.bincount(of, shade[lies], len(keys)).astype(np.float64),
        np.bincount(of, away[lies], len(keys)).astype(np.float64),
        names >> 16,
        (names >> 8 & 255).astype(np.uint8),
        (names & 255).astype(np.uint8),
        times,
    )


def driven(path: NDArray[np.float64]) -> NDArray[np.int64]:
    """Keys of the cells within ``HALF_CAR`` of the way through the places ``path`` [n, 2] in the world [m], sorted."""
    places = [path[:1]]
    for start, end in pairwise(path):
        way = float(np.linalg.norm(end - start))
        if way <= _LEAP:
            places.append(start + (end - start) * np.linspace(0, 1, 2 + int(way / (CELL / 2)))[:, None])
    centres = np.concatenate(places)
    reach = np.arange(-HALF_CAR, HALF_CAR + 1e-9, CELL / 2)
    offsets = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
    offsets = offsets[np.hypot(*offsets.T) <= HALF_CAR]
    return np.unique(key(centres[:, None, :] + offsets[None, :, :]))
