"""Weight volumes: how much the vote of a voxel counts, by where it lies before its sensor (OccFiner, eq. 10 to 12).

A volume is uint16 over the source grid [X, Y, Z]: the paper's weights as exact integers, so that sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.geometry import Matrix, inverse, project, transform_points
from occlabel.schemas.grid import Grid

SensorModel = Literal["uniform", "camera", "lidar"]
Box = tuple[tuple[float, float, float], tuple[float, float, float]]
"""Lower and upper corner [m]."""

CAMERA_HIGH, CAMERA_MEDIUM, CAMERA_LOW = 100, 10, 1  # the paper's 1, 0.1 and 0.01
UNIFORM = 100
LIDAR_UNIT = 1000  # 10 becomes 10,000: steps of 0.001
_LIDAR_MAX, _LIDAR_MIN = 10.0, 0.1


@dataclass(frozen=True, slots=True)
class View:
    """What a camera of a frame can see."""

    intrinsics: Matrix
    """K [3, 3] in pixels."""
    ego_from_camera: Matrix
    size: tuple[int, int]
    """Width and height in pixels."""

    @property
    def key(self) -> bytes:
        """Tells it from others."""
        return b"".join(np.asarray(p, np.float64).tobytes() for p in (self.intrinsics, self.ego_from_camera, self.size))


def camera_weights(
    centres: NDArray[np.float64], views: Sequence[View], ego_from_grid: Matrix, near_box: Box
) -> NDArray[np.uint16]:
    """Weights of voxel ``centres`` [..., 3] (metres, grid frame): high in a camera's image and in ``near_box`` (grid
    frame, upper corner excluded), medium in a camera's image only, low elsewhere (eq. 10 and 11)."""
    points = centres.reshape(-1, 3)
    seen = np.zeros(len(points), bool)
    for view in views:
        pixels, depth = project(
            transform_points(inverse(view.ego_from_camera) @ ego_from_grid, points), view.intrinsics
        )
        seen |= (depth > 0) & (pixels >= 0).all(axis=1) & (pixels < np.array(view.size)).all(axis=1)
    near = (points >= np.array(near_box[0])).all(axis=1) & (points < np.array(near_box[1])).all(axis=1)
    weights = np.where(seen, np.where(near, CAMERA_HIGH, CAMERA_MEDIUM), CAMERA_LOW)
    return weights.astype(np.uint16).reshape(centres.shape[:-1])


def lidar_weights(centres: NDArray[np.float64], sensor: NDArray[np.float64], reach: float) -> NDArray[np.uint16]:
    """Weights of voxel ``centres`` [..., 3], falling with the distance r from ``sensor`` [3] (both metres, grid frame):
    clip(10 - 9.9 r / ``reach``, 0.1, 10) in steps of 0.001 (eq. 12; the clip keeps the grid's corners positive)."""
    distance = np.linalg.norm(centres - sensor, axis=-1)
    weights = np.clip(_LIDAR_MAX - (_LIDAR_MAX - _LIDAR_MIN) * distance / reach, _LIDAR_MIN, _LIDAR_MAX)
    return np.rint(weights * LIDAR_UNIT).astype(np.uint16)


def sensor_place(frame: Moment, grid_from_ego: Matrix) -> NDArray[np.float64]:
    """Where [3] the LiDAR of ``frame`` is in the grid's frame [m]; its origin where there is none."""
    return np.zeros(3) if frame.ego_from_lidar is None else (grid_from_ego @ frame.ego_from_lidar)[:3, 3]


def default_near_box(grid: Grid, size: tuple[float, float, float]) -> Box:
    """A box of ``size`` [m] around the origin of the grid's frame, pushed into the grid: in front of the car when the
    grid is, around it when the grid is."""
    lower = [
        float(np.clip(-extent / 2, low, max(low, high - extent)))
        for extent, low, high in zip(size, grid.origin, grid.upper, strict=True)
    ]
    upper = [low + extent for low, extent in zip(lower, size, strict=True)]
    return (lower[0], lower[1], lower[2]), (upper[0], upper[1], upper[2])


def default_reach(grid: Grid) -> float:
    """The farthest that the grid extends along x from the origin of its frame [m]: 51.2 for SemanticKITTI."""
    return max(abs(grid.origin[0]), abs(grid.upper[0]))


def soft_shift(rig: NDArray[np.uint16]) -> int:
    """The power of two that just keeps the heaviest of a rig's weights, times a confidence of 255, within 16 bits."""
    return max((int(rig.max(initial=0)) * 255).bit_length() - 16, 0)


def heaviest_vote(sensor: SensorModel, weigh_confidence: bool) -> int:
    """The most that a vote can count for its place and its frame's confidence, a LiDAR standing in the grid."""
    most = np.array(round(_LIDAR_MAX * LIDAR_UNIT) if sensor == "lidar" else max(CAMERA_HIGH, UNIFORM), np.uint16)
    return int(most) * 255 >> soft_shift(most) if weigh_confidence else int(most)


def frame_weights(
    frame: Moment, views: Sequence[View], grid: Grid, sensor: SensorModel, reach: float, near_box: Box
) -> tuple[bytes, Callable[[], NDArray[np.uint16]]]:
    """What tells the rig of ``frame``, whose cameras have ``views``, from others, and how to compute its weight volume.

    By cameras, all of a frame without views, whose image is missing, counts as what no image shows.
    """
    ego_from_grid = frame.ego_from_grid(grid)
    if sensor == "camera":
        key = b"".join([ego_from_grid.tobytes(), *(view.key for view in views)])
        return key, lambda: camera_weights(grid.centres(), views, ego_from_grid, near_box)
    if sensor == "lidar":
        position = sensor_place(frame, inverse(ego_from_grid))
        return position.tobytes(), lambda: lidar_weights(grid.centres(), position, reach)
    return b"", lambda: np.full(grid.shape, UNIFORM, np.uint16)
