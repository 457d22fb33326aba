"""The scan of a frame, where its labels lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Frame, LogReader
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.grid import Grid


def scan_in_grid(reader: LogReader, frame: Frame, grid: Grid) -> NDArray[np.float64]:
    """Points [n, 3] in metres of the frame's sweep, in the frame of ``grid`` and the order of the file.

    The frame has a sweep. Raises DamagedFile when it cannot be read.
    """
    assert frame.sweep is not None
    grid_from_lidar = inverse(frame.ego_from_grid(grid)) @ frame.sweep.ego_from_lidar
    return transform_points(grid_from_lidar, reader.points(frame.sweep))
