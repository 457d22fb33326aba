"""Objects of a frame as a table for detectors: what of each an image shows, as COCO has it, and how sure it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, project, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects

_NEAREST = 0.1
"""What lies nearer to the lens, or behind it, has no pixel [m]."""


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
