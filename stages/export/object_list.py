"""Objects of a frame as a table for detectors: a box in space each, and one in each image, as COCO has them.

A box stands upright. Seen from above it is the rectangle of the smallest area, over turns of whole degrees, that holds
the centres of the object's voxels; half a voxel is added on every side. It is of what is labelled: of a car that is
seen from behind it may be the back alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, project, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects

_TURNS = np.deg2rad(np.arange(90))
_NEAREST = 0.1
"""What lies nearer to the lens, or behind it, has no pixel [m]."""


def upright_boxes(objects: Objects, grid: Grid) -> NDArray[np.float64]:
    """[n, 7]: x, y, z of the middle, length, width, height [m] and the turn of the length against x about z [rad], in
    (-pi/2, pi/2], as front and back look alike; in the frame that ``grid`` is fixed to."""
    boxes = np.zeros((len(objects), 7))
    for row, (start, stop) in enumerate(zip(objects.starts[:-1], objects.starts[1:], strict=True)):
        columns = np.unique(objects.cells[start:stop, :2], axis=0)
        boxes[row, [0, 1, 3, 4, 6]] = _rectangle((columns + 0.5) * grid.voxel_size + grid.origin[:2], grid.voxel_size)
    boxes[:, 2] = (objects.lower[:, 2] + objects.upper[:, 2]) / 2
    boxes[:, 5] = objects.extent[:, 2]
    return boxes


def _rectangle(points: NDArray[np.float64], voxel: float) -> tuple[float, float, float, float, float]:
    """x, y, length, width, turn of the rectangle about the squares with the centres ``points`` [n, 2]."""
    along = np.stack([np.cos(_TURNS), np.sin(_TURNS)])
    across = np.stack([-np.sin(_TURNS), np.cos(_TURNS)])
    low = np.stack([(points @ axis).min(axis=0) for axis in (along, across)])
    high = np.stack([(points @ axis).max(axis=0) for axis in (along, across)])
    sides = high - low + voxel
    best = int(np.argmin(np.round(sides.prod(axis=0), 9)))  # of equal ones the least turn
    x, y = (along[:, best] * (low + high)[0, best] + across[:, best] * (low + high)[1, best]) / 2
    length, width = sides[:, best]
    turn = float(_TURNS[best])
    if width > length:
        length, width, turn = width, length, turn + np.pi / 2 if turn <= 0 else turn - np.pi / 2
    return float(x), float(y), float(length), float(width), turn


@dataclass(frozen=True, slots=True)
class View:
    """A camera that is calibrated."""

    name: str
    intrinsics: Matrix
    """[3, 3] [pixels]"""
    camera_from_grid: Matrix
    """[4, 4]"""
    size: tuple[int, int]
    """Width and height of its images [pixels]."""


def boxes_in_images(objects: Objects, grid: Grid, views: Sequence[View]) -> NDArray[np.float64]:
    """[views, n, 4]: x, y of the upper left corner, width and height [pixels] of what is inside an image of the corners
    of an object's voxels; NaN for an object that has nothing there. What stands before it is not asked."""
    corners = np.indices((2, 2, 2)).reshape(3, 8).T
    boxes = np.full((len(views), len(objects), 4), np.nan)
    for row, (start, stop) in enumerate(zip(objects.starts[:-1], objects.starts[1:], strict=True)):
        cells = np.unique((objects.cells[start:stop, None] + corners).reshape(-1, 3), axis=0)
        places = cells * grid.voxel_size + np.array(grid.origin)
        for column, view in enumerate(views):
            seen = transform_points(view.camera_from_grid, places)
            pixels, _ = project(seen[seen[:, 2] > _NEAREST], view.intrinsics)
            if len(pixels):
                low, high = (np.clip(edge, 0, view.size) for edge in (pixels.min(axis=0), pixels.max(axis=0)))
                if (high > low).all():
                    boxes[column, row] = [*low, *(high - low)]
    return boxes


def mean_of(values: NDArray[Any], objects: Objects) -> NDArray[np.float64]:
    """[n]: the mean of ``values`` [X, Y, Z] over the voxels of each object."""
    found = values[tuple(objects.cells.T)].astype(np.float64)
    return np.add.reduceat(found, objects.starts[:-1]) / objects.voxels if len(objects) else np.zeros(0)
