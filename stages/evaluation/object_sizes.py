"""Whether objects are larger than anything of their class is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects

_ROAD = (18.75, 2.6, 4.0)
"""Longest, widest and highest that a vehicle on Europe's roads may be (directive 96/53/EC: articulated buses and road
trains, refrigerated bodies)."""

LARGEST: dict[str, tuple[float, float, float]] = {
    "truck": _ROAD,
    "bus": _ROAD,
    "trailer": (15.0, 2.6, 4.0),
    "other-vehicle": (18.75, 4.0, 4.5),
    "construction_vehicle": (18.75, 4.0, 4.5),
    "car": (6.5, 2.6, 3.0),
    "motorcycle": (2.8, 1.3, 1.8),
    "motorcyclist": (2.8, 1.5, 2.3),
    "bicycle": (2.3, 1.0, 1.6),
    "bicyclist": (2.5, 1.2, 2.3),
    "person": (1.6, 1.6, 2.3),
    "pedestrian": (1.6, 1.6, 2.3),
}
"""Name of a class -> length, width and height [m] that none of it exceeds. Where no law says, generous: vans and
pick-ups are cars, a person's arms and a stride are theirs. Classes that are not here are not judged."""

_TURNS = np.deg2rad(np.arange(0, 90, 5.0))


def sizes(objects: Objects, grid: Grid) -> NDArray[np.float64]:
    """Length, width and height [n, 3] in metres of the smallest upright box around each object's voxels, of the boxes
    that are turned in steps of 5 degrees. A box holds whole voxels, so it is up to a voxel too large on each side."""
    offsets = objects.offsets(grid)
    result = np.zeros((len(objects), 3))
    if not len(objects):
        return result
    starts, edge = objects.starts[:-1], grid.voxel_size
    extents = []
    for turn in _TURNS:
        axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
        along = offsets[:, :2] @ axes.T
        extents.append(np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts) + edge)
    every = np.stack(extents)  # [turns, n, 2]
    best = every[every.prod(axis=2).argmin(axis=0), np.arange(len(objects))]
    result[:, 0], result[:, 1] = best.max(axis=1), best.min(axis=1)
    result[:, 2] = objects.extent[:, 2]
    return result
