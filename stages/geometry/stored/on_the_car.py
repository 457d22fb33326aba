"""Where the car was, by where something on it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.from_images.metres import mounting, way_of

_DRIVEN = 0.3
"""[m] of the way between two places that show where a car drives; shorter ones show what poses tremble by."""
_LOOSE, _TURNED = 0.3, np.deg2rad(3.0)
"""[m] and angle by which half of the frames may say that a camera sits elsewhere than on average."""
Poses = NDArray[np.float64]
"""[frame, 4, 4], NaN of a frame in which it is not known."""


@dataclass(frozen=True)
class Found:
    """``world_from_ego``; by camera ``ego_from_camera`` and K, ``intrinsics`` [frame, 3, 3], where these are found
    too."""

    world_from_ego: Poses
    ego_from_camera: Mapping[str, Poses] = field(default_factory=dict)
    intrinsics: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


def by_lidar(world_from_lidar: Poses, frames: Sequence[Moment]) -> Found:
    """By poses of the LiDAR, whose place on the car the frames know."""
    unknown = np.full((4, 4), np.nan)
    mounts = [unknown if frame.ego_from_lidar is None else inverse(frame.ego_from_lidar) for frame in frames]
    return Found(world_from_lidar @ np.array(mounts))


def by_cameras(log: str, world_from_camera: Mapping[str, Poses], ego_from_camera: Mapping[str, Poses]) -> Found:
    """By poses of cameras, and where these sit on the car as far as that is known: the first that says both in a frame
    tells it. A camera of which no frame knows where it sits has the place that it has on average beside those that say
    where the car was. The first frame so found is where the world is.

    Raises BadLog for cameras that do not sit rigidly on one car.
    """
    mounted, left = dict(ego_from_camera), list(world_from_camera)
    poses = np.full_like(next(iter(world_from_camera.values())), np.nan)
    while left:
        # Those first whose place is known: others sit where these say.
        camera = next((one for one in left if not np.isnan(mounted[one]).any(axis=(1, 2)).all()), None)
        if camera is None:
            camera = max(left, key=lambda one: int((~np.isnan(poses @ world_from_camera[one])).any(axis=(1, 2)).sum()))
            place = _place(log, camera, np.linalg.inv(poses) @ world_from_camera[camera])
            mounted[camera] = np.tile(place, (len(poses), 1, 1))
        left.remove(camera)
        told = world_from_camera[camera] @ np.linalg.inv(mounted[camera])
        poses = np.where(np.isnan(poses), told, poses)
    placed = np.flatnonzero(~np.isnan(poses).any(axis=(1, 2)))
    return Found(inverse(poses[placed[0]]) @ poses if len(placed) else poses, mounted)


def _place(log: str, camera: str, said: Poses) -> Matrix:
    """``ego_from_camera`` [4, 4] on average; NaN where no frame says it."""
    known = said[~np.isnan(said).any(axis=(1, 2))]
    result = np.full((4, 4), np.nan)
    if not len(known):
        return result
    result = np.eye(4)
    turned = Rotation.from_matrix(known[:, :3, :3])
    result[:3, :3], result[:3, 3] = turned.mean().as_matrix(), np.median(known[:, :3, 3], axis=0)
    off = float(np.median(np.linalg.norm(known[:, :3, 3] - result[:3, 3], axis=1)))
    angle = float(np.median((turned.mean().inv() * turned).magnitude()))
    if off > _LOOSE or angle > _TURNED:
        raise BadLog(
            f"log {log}: {camera} sits now here, now there beside the other cameras, {off:.1f} m and "
            f"{np.degrees(angle):.0f} degrees off: poses are not those of cameras on one car, or scale is wrong"
        )
    return result


def mounting_of(log: str, world_from_camera: Poses, height: float) -> Matrix:
    """``ego_from_camera`` [4, 4] of a camera ``height`` [m] above the road of which no more is known than its poses: x
    is where it moves, and it is taken as level from side to side. Raises BadLog for one that stands."""
    ahead = [way_of(motion) for motion in _motions(world_from_camera)]
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
