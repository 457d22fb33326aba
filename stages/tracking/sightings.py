"""The life of each object of a log: where it was, what was measured of it and which classes its voxels had."""

from __future__ import annotations

from collections.abc import Iterator
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
    for n, track in enumerate(objects.ids.tolist()):
        yield Sighting(
            track, frame, time, places[n], bool(cut[n]), low[n] - half, high[n] + half,
            -1 if hits is None else int(hits[n]), np.bincount(classes[n], minlength=256),
        )  # fmt: skip


def seen(life: list[Sighting]) -> Seen:
    """The sightings of one object, in time."""
    return Seen(
        np.array([s.time for s in life]),
        np.array([s.place for s in life]).reshape(-1, 3),
        np.array([s.cut for s in life], np.bool_),
        np.array([s.low for s in life]).reshape(-1, len(DIRECTIONS)),
        np.array([s.high for s in life]).reshape(-1, len(DIRECTIONS)),
        np.array([s.measured for s in life], np.int64),
    )
