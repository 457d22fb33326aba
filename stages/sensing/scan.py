"""A sweep in the frame of the grid."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid

OWN_CAR = 2.5
"""Points nearer to the sensor than this, seen from above [m], lie on the car itself."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One sweep in the frame of the grid."""

    points: NDArray[np.float32]
    """[n, 4]: x, y, z [m] in ``grid.frame`` and intensity 0..1."""
    sensor: NDArray[np.float64]
    """[3] where the LiDAR is, in ``grid.frame`` [m]."""
    frame: str = ""
    """Its name, for sentences."""
    paint: NDArray[np.uint8] | None = None
    """[n, 2]: what images say of each point, see ``painting.painted``; None where no image was asked."""

    def picked(self, which: NDArray[np.bool_]) -> Scan:
        """Only ``which`` [n] of the points."""
        return replace(self, points=self.points[which], paint=None if self.paint is None else self.paint[which])


def scan_in_grid(frame: Moment, points: NDArray[np.float32], grid: Grid) -> Scan:
    """The frame's ``points`` [n, 4], given in the LiDAR frame, moved into the frame of the grid."""
    ego_from_lidar = np.eye(4) if frame.ego_from_lidar is None else frame.ego_from_lidar
    grid_from_lidar = inverse(frame.ego_from_grid(grid)) @ ego_from_lidar
    moved = np.concatenate([transform_points(grid_from_lidar, points), points[:, 3:4]], axis=1)
    return Scan(moved.astype(np.float32), grid_from_lidar[:3, 3], frame.name)


def moved(scan: Scan, target_from_source: Matrix) -> Scan:
    """The sweep as it lies in another frame, or was seen from elsewhere."""
    points = scan.points.copy()
    rotation, shift = target_from_source[:3, :3].astype(np.float32), target_from_source[:3, 3].astype(np.float32)
    points[:, :3] = scan.points[:, :3] @ rotation.T + shift
    return replace(scan, points=points, sensor=transform_points(target_from_source, scan.sensor[None])[0])
