"""The two cars: KITTI's (one 64-beam LiDAR, one camera) and nuScenes' (32 beams, six cameras)."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.geometry import Matrix, yaw_rotation
from occlabel.schemas.grid import GRIDS
from occlabel.stages.town.sensors.recording import CameraModel, LidarModel, Rig
from occlabel.stages.town.sensors.response import HDL32, HDL64

_KITTI_HEIGHT = 1.73
"""Of the LiDAR above the ground [m]."""


def _pose(x: float, y: float, z: float, rotation: Matrix) -> Matrix:
    result = rotation.copy()
    result[:3, 3] = x, y, z
    return result


def _looking(yaw: float) -> Matrix:
    """Rotation of a level camera that looks along ``yaw``: its z ahead, x right, y down."""
    axes = np.eye(4)
    axes[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    return yaw_rotation(yaw) @ axes


def _camera(name: str, size: tuple[int, int], k: tuple[float, float, float], pose: Matrix, scale: float) -> CameraModel:
    """``k`` is focal length and principal point; ``scale`` applies to the image and to them. Whole numbers are centres
    of pixels, as cameras are calibrated: an image begins at -0.5."""
    width, height = max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
    sx, sy = width / size[0], height / size[1]
    across, down = (k[1] + 0.5) * sx - 0.5, (k[2] + 0.5) * sy - 0.5
    intrinsics = np.array([[k[0] * sx, 0, across], [0, k[0] * sy, down], [0, 0, 1]])
    return CameraModel(name, (width, height), intrinsics, pose)


def kitti_rig(image_scale: float = 1.0, rate: float = 10.0) -> Rig:
    """HDL-64E over camera 2 of KITTI's odometry 00; the ego frame is the LiDAR frame, 1.73 m above the ground."""
    # Two blocks of 32 beams, one third and one half of a degree apart: +2.5 to -7.8 and -8.4 to -23.8 degrees as the
    # calibrated scans show them (the data sheet says +2 to -24.8).
    upper, lower = np.linspace(2.5, -7.76, 32), np.linspace(-8.4, -23.8, 32)
    columns = 2080
    azimuths = np.pi - (np.arange(columns) + 0.5) * (2 * np.pi / columns)
    lidar = LidarModel(np.eye(4), np.radians(np.concatenate([upper, lower])), azimuths, 80.0, 0.02, 0.03, HDL64)
    camera = _camera(
        "image_2", (1241, 376), (718.856, 607.1928, 185.2157), _pose(0.27, 0.06, -0.08, _looking(0.0)), image_scale
    )
    return Rig(lidar, (camera,), GRIDS["semantickitti"], rate, _KITTI_HEIGHT)


def nuscenes_rig(image_scale: float = 1.0, rate: float = 2.0) -> Rig:
    """HDL-32E on the roof (its y axis ahead) and six cameras; the ego frame is the rear axle, on the ground."""
    columns = 1085
    azimuths = -np.pi / 2 - (np.arange(columns) + 0.5) * (2 * np.pi / columns)
    mount = _pose(0.985, 0.0, 1.84, yaw_rotation(-np.pi / 2))
    lidar = LidarModel(mount, np.radians(np.linspace(10.67, -30.67, 32)), azimuths, 75.0, 0.02, 0.05, HDL32)
    size, wide, tele = (1600, 900), (809.0, 829.0, 481.0), (1266.0, 816.0, 491.0)
    cameras = tuple(
        _camera(name, size, k, _pose(x, y, z, _looking(np.radians(yaw))), image_scale)
        for name, yaw, k, x, y, z in (
            ("CAM_FRONT", 0.0, tele, 1.70, 0.0, 1.51),
            ("CAM_FRONT_RIGHT", -55.0, tele, 1.55, -0.49, 1.50),
            ("CAM_BACK_RIGHT", -110.0, tele, 1.01, -0.48, 1.56),
            ("CAM_BACK", 180.0, wide, 0.03, 0.0, 1.57),
            ("CAM_BACK_LEFT", 110.0, tele, 1.04, 0.48, 1.56),
            ("CAM_FRONT_LEFT", 55.0, tele, 1.52, 0.49, 1.51),
        )
    )
    return Rig(lidar, cameras, GRIDS["occ3d"], rate)
