"""Where the car was, by where something on it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.from_images.metres import ahead_of, mounting

_DRIVEN = 0.3
"""[m] of the way between two places that show where a car drives; shorter ones show what poses tremble by."""
Poses = NDArray[np.float64]
"""[frame, 4, 4], NaN of a frame in which it is not known."""


@dataclass(frozen=True)
class Found:
    """``world_from_ego``, and ``ego_from_camera`` by camera where poses are of cameras."""

    world_from_ego: Poses
    ego_from_camera: Mapping[str, Poses] = field(default_factory=dict)


def by_lidar(world_from_lidar: Poses, frames: Sequence[Moment]) -> Found:
    """By poses of the LiDAR, whose place on the car the frames know."""
    unknown = np.full((4, 4), np.nan)
    mounts = [unknown if frame.ego_from_lidar is None else inverse(frame.ego_from_lidar) for frame in frames]
    return Found(world_from_lidar @ np.array(mounts))


def by_cameras(world_from_camera: Mapping[str, Poses], ego_from_camera: Mapping[str, Poses]) -> Found:
    """By poses of cameras, and where these sit on the car as far as that is known: the first that says both in a frame
    tells it, and where the others sit. The first frame so found is where the world is."""
    poses = np.full_like(next(iter(world_from_camera.values())), np.nan)
    for camera, seen in world_from_camera.items():
        told = seen @ np.linalg.inv(ego_from_camera[camera])
        poses = np.where(np.isnan(poses), told, poses)
    beside = {camera: np.linalg.inv(poses) @ seen for camera, seen in world_from_camera.items()}
    placed = np.flatnonzero(~np.isnan(poses).any(axis=(1, 2)))
    return Found(inverse(poses[placed[0]]) @ poses if len(placed) else poses, beside)


def mounting_of(log: str, world_from_camera: Poses, height: float) -> Matrix:
    """``ego_from_camera`` [4, 4] of a camera ``height`` [m] above the road of which no more is known than its poses: x
    is where it drives, and it is taken as level from side to side. Raises BadLog for one that stands."""
    ahead = [ahead_of(motion) for motion in _motions(world_from_camera)]
    if not ahead:
        raise BadLog(
            f"log {log}: the camera hardly moves, so nothing tells how it sits on the car: write extrinsics into "
            "calibration.yaml"
        )
    forward = np.median(ahead, axis=0)
    forward /= np.linalg.norm(forward)
    down = np.array([0.0, 1.0, 0.0]) - forward[1] * forward
    return mounting(down / np.linalg.norm(down), forward, height)


def _motions(world_from_camera: Poses) -> list[Matrix]:
    """``later_from_earlier`` of places far enough apart."""
    placed = world_from_camera[~np.isnan(world_from_camera).any(axis=(1, 2))]
    result = []
    last = 0
    for later in range(1, len(placed)):
        motion = inverse(placed[later]) @ placed[last]
        if np.linalg.norm(motion[:3, 3]) > _DRIVEN:
            result.append(motion)
            last = later
    return result
