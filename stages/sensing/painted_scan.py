"""A sweep with what the images of its frame say of its points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.geometry import transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Inputs
from occlabel.stages.sensing.painting import SegmentImage, painted
from occlabel.stages.sensing.scan import Scan, scan_in_grid


def seen_painted(inputs: Inputs, row: int, grid: Grid) -> Scan | None:
    """The scan of a frame in the frame of the grid, with what its images say of the points; None where it has none.
    Cameras without a calibration say nothing."""
    points = inputs.points(row)
    if points is None:
        return None
    images = []
    for camera in inputs.rig.names:
        k, place = inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
        if k is not None and place is not None:
            classes, scores = (inputs[spec.on(camera)][row] for spec in (SEGMENT_CLASS, SEGMENT_SCORE))
            images.append(SegmentImage(classes, scores, k, place))
    return painted_scan(inputs.frames[row], points, images, grid)


def painted_scan(frame: Moment, points: NDArray[np.float32], images: Sequence[SegmentImage], grid: Grid) -> Scan:
    """The frame's ``points`` [n, 4], given in the LiDAR frame, moved into the frame of the grid, with what ``images``
    of the frame say of them."""
    ego_from_lidar = np.eye(4) if frame.ego_from_lidar is None else frame.ego_from_lidar
    paint = painted(transform_points(ego_from_lidar, points), images)
    return replace(scan_in_grid(frame, points, grid), paint=paint)
