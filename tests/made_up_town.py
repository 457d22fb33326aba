"""Recorded frames made by hand, so that writers and readers are tested without simulating anything."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.geometry import Matrix, yaw_rotation
from occlabel.schemas.grid import GRIDS
from occlabel.stages.town.sensors.recording import (
    CameraModel,
    LidarModel,
    Rig,
    TownBox,
    TownFrame,
    TownImage,
    TownScan,
    TownTruth,
)
from occlabel.stages.town.things.kinds import KIND_ID

AHEAD = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])
"""ego_from_camera rotation of a camera that looks ahead."""


def placed(x: float, y: float, z: float, yaw: float = 0.0) -> Matrix:
    result = yaw_rotation(yaw)
    result[:3, 3] = x, y, z
    return result


def camera(name: str, yaw: float = 0.0) -> CameraModel:
    pose = placed(1.0, 0.2, 1.5, yaw)
    pose[:3, :3] = pose[:3, :3] @ AHEAD
    return CameraModel(name, (64, 48), np.array([[40.0, 0, 31.5], [0, 41.0, 23.5], [0, 0, 1]]), pose)


def rig(layout: str, cameras: tuple[str, ...]) -> Rig:
    """Cameras look round in equal steps; the LiDAR is turned by 90 degrees to the ego frame."""
    models = tuple(camera(name, 2 * np.pi * i / len(cameras)) for i, name in enumerate(cameras))
    lidar = LidarModel(placed(0.9, 0.1, 1.8, np.pi / 2), np.zeros(1), np.zeros(1), 80.0, 0.0, 0.0)
    return Rig(lidar, models, GRIDS["semantickitti" if layout == "kitti" else "occ3d"], 2.0)


def frames(rig: Rig, count: int, images: bool = True, truth: bool = True) -> list[TownFrame]:
    """The car drives a curve past one parked car (object 7) and one walking person (object 9)."""
    return [_frame(rig, index, images, truth) for index in range(count)]


def _frame(rig: Rig, index: int, images: bool, truth: bool) -> TownFrame:
    rng = np.random.default_rng(index)
    points = rng.uniform(-20, 20, (50 + index, 4)).astype(np.float32)
    points[:, 3] = np.round(rng.uniform(0, 1, len(points)) * 255) / 255
    kinds = rng.choice([KIND_ID["road"], KIND_ID["car"], KIND_ID["person"], KIND_ID["street-furniture"]], len(points))
    objects = np.select([kinds == KIND_ID["car"], kinds == KIND_ID["person"]], [7, 9], 0).astype(np.uint16)
    scan = TownScan(
        points,
        kinds.astype(np.uint8),
        objects,
        kinds == KIND_ID["person"],
        rng.integers(0, 32, len(points)).astype(np.uint8),
    )
    boxes = (
        TownBox(7, KIND_ID["car"], placed(12.0, 3.0, 0.8, 0.3), (4.2, 1.8, 1.5), (0.0, 0.0), 11),
        TownBox(9, KIND_ID["person"], placed(8.0 + index, -4.0, 0.9, 1.2), (0.6, 0.7, 1.7), (1.0, 0.2), 3),
    )
    pictures = {c.name: _image(c, index) for c in rig.cameras} if images else {}
    world_from_ego = placed(100.0 + 2.0 * index, 50.0 - index, 0.5, -0.4 + 0.1 * index)
    return TownFrame(0.5 * index, world_from_ego, scan, pictures, boxes, _truth(rig) if truth else None)


def _image(camera: CameraModel, index: int) -> TownImage:
    width, height = camera.size
    ramp = np.linspace(0, 255, width * height).reshape(height, width)
    pixels = np.stack([ramp, ramp[::-1], np.full_like(ramp, 20 * index)], axis=2).astype(np.uint8)
    nothing = np.zeros((height, width), np.uint8)
    return TownImage(pixels, np.full((height, width), np.inf, np.float32), nothing, nothing.astype(np.uint16))


def _truth(rig: Rig) -> TownTruth:
    kinds = np.zeros(rig.grid.shape, np.uint8)
    kinds[:, :, 0] = KIND_ID["road"]
    kinds[10:14, 20:24, 1:4] = KIND_ID["car"]
    kinds[30, 40, 1:6] = KIND_ID["person"]
    kinds[50, 60, 1:3] = KIND_ID["street-furniture"]
    objects = np.where(kinds == KIND_ID["car"], 7, np.where(kinds == KIND_ID["person"], 9, 0)).astype(np.uint16)
    seen = np.ones(rig.grid.shape, bool)
    seen[:, :5] = False
    near = seen & (np.arange(rig.grid.shape[0]) < 100)[:, None, None]
    hits = near & (kinds != 0)
    return TownTruth(kinds, objects, kinds == KIND_ID["person"], near, seen, ~near, hits)
