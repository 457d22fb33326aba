"""What an offboard model looks at: the frame's own sweep, and those of frames before and after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.stage import Inputs
from occlabel.stages.completion.slot import seen
from occlabel.stages.sensing.painting import SegmentImage, painted
from occlabel.stages.sensing.scan import Scan, moved, scan_in_grid


@dataclass(frozen=True, slots=True)
class Sweeps:
    """All in the frame of the grid, where the own one saw it."""

    own: Scan
    others: tuple[Scan, ...] = ()


See = Callable[[Inputs, int, Grid], Scan | None]


def sweeps_around(
    inputs: Inputs,
    row: int,
    grid: Grid,
    reach: int,
    stride: int,
    see: See = seen,
) -> Sweeps | None:
    """The sweep of a frame and those of ``reach`` frames before and after it, ``stride`` frames apart, nearest first,
    as ``see`` sees them.

    None for a frame without a scan; frames without a scan or a pose are passed over, and one without a pose of its own
    is seen alone.
    """
    own, place = see(inputs, row, grid), inputs.world_from_grid(row, grid) if reach else None
    if own is None:
        return None
    others = []
    for away in range(stride, reach * stride + 1, stride) if place is not None else ():
        for other in (row - away, row + away):
            if not 0 <= other < len(inputs.frames):
                continue
            pose = inputs.world_from_grid(other, grid)
            scan = None if pose is None else see(inputs, other, grid)
            if scan is not None and pose is not None and place is not None:
                others.append(moved(scan, inverse(place) @ pose))
    return Sweeps(own, tuple(others))


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
