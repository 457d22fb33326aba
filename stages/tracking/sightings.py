"""The life of each object of a log: where it was, what was measured of it and which classes its voxels had."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects
from occlabel.stages.tracking.motion import DIRECTIONS, Seen


@dataclass(frozen=True, slots=True)
class Sighting:
    """An object in a frame."""

    track: int
    frame: int
    time: float
    place: NDArray[np.float64]
    """[3]: its centroid in the world; NaN without a pose."""
    cut: bool
    """Whether it reaches the border of the grid."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """[12] each: see ``Seen``."""
    measured: int
    """Its voxels in which a point was measured; -1 where nobody says."""
    votes: NDArray[np.int64]
    """[256]: its voxels by class."""
    world_from_grid: Matrix
    """[4, 4]; the identity without a pose."""
    columns: NDArray[np.float64]
    """[k, 3]: x and y in the world of the columns of its voxels, and how many voxels each has."""
    bottom: float
    top: float
    """In the frame of the grid."""


def sightings(
    objects: Objects,
    semantics: NDArray[np.uint8],
    grid: Grid,
    frame: int,
    time: float,
    world_from_grid: Matrix | None,
    measured: NDArray[np.uint8] | None = None,
) -> Iterator[Sighting]:
    """Of each of the ``objects`` of one frame; class ids and ``MEASURED``, if any, are [X, Y, Z]."""
    if not len(objects):
        return
    pose = np.full((4, 4), np.nan) if world_from_grid is None else world_from_grid
    places = transform_points(pose, objects.centroids)
    cut, owners = objects.cut(grid), objects.starts[:-1]
    turned = (objects.offsets(grid) @ pose[:3, :3].T)[:, :2] @ DIRECTIONS.T
    middle, half = places[:, :2] @ DIRECTIONS.T, grid.voxel_size / 2
    low, high = (middle + side for side in (np.minimum.reduceat(turned, owners), np.maximum.reduceat(turned, owners)))
    cells = tuple(objects.cells.T)
    hits = None if measured is None else np.add.reduceat(measured[cells].astype(np.int64), owners)
    classes = np.split(semantics[cells], owners[1:])
    placed = np.eye(4) if world_from_grid is None else world_from_grid
    for n, track in enumerate(objects.ids.tolist()):
        bottom, top = float(objects.lower[n, 2]), float(objects.upper[n, 2])
        columns = _columns(objects.cells[objects.starts[n] : objects.starts[n + 1]], grid, placed, (bottom + top) / 2)
        yield Sighting(
            track, frame, time, places[n], bool(cut[n]), low[n] - half, high[n] + half,
            -1 if hits is None else int(hits[n]), np.bincount(classes[n], minlength=256), placed, columns, bottom, top,
        )  # fmt: skip


def _columns(cells: NDArray[np.int32], grid: Grid, world_from_grid: Matrix, height: float) -> NDArray[np.float64]:
    """See ``Sighting.columns``; where they are at this ``height`` in the frame of the grid."""
    found, voxels = np.unique(cells[:, :2], axis=0, return_counts=True)
    places = np.column_stack([(found + 0.5) * grid.voxel_size + grid.origin[:2], np.full(len(found), height)])
    return np.column_stack([transform_points(world_from_grid, places)[:, :2], voxels])


def seen(life: Sequence[Sighting]) -> Seen:
    """The sightings of one object, in time."""
    return Seen(
        np.array([s.time for s in life]),
        np.array([s.place for s in life]).reshape(-1, 3),
        np.array([s.cut for s in life], np.bool_),
        np.array([s.low for s in life]).reshape(-1, len(DIRECTIONS)),
        np.array([s.high for s in life]).reshape(-1, len(DIRECTIONS)),
        np.array([s.measured for s in life], np.int64),
    )
