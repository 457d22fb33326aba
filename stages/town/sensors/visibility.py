"""How much of each box the cameras see, for the nuScenes visibility levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.stages.town.sensors.recording import Rig, TownBox, TownFrame

LEVELS = ((0.8, "4"), (0.6, "3"), (0.4, "2"), (0.0, "1"))
"""At least this share of the object is visible -> visibility token."""

SLACK = 0.5
"""Metres: an object is somewhat smaller than its box, so what is hit may lie behind the face of the box."""


def visibility(frame: TownFrame, rig: Rig) -> list[str]:
    """The visibility token of each box: of the patches of its sides that face a camera, the share that some image
    shows with nothing before it. Without images nothing is visible."""
    cameras = [camera for camera in rig.cameras if camera.name in frame.images]
    if not cameras or not frame.boxes:
        return ["1"] * len(frame.boxes)
    patches, normals = _patches(frame.boxes)
    facing = np.zeros(patches.shape[:2], bool)
    seen = np.zeros(patches.shape[:2], bool)
    for camera in cameras:
        world_from_camera = frame.world_from_ego @ camera.ego_from_camera
        faces = ((world_from_camera[:3, 3] - patches) * normals).sum(axis=2) > 0
        uv, depth = project(transform_points(inverse(world_from_camera), patches.reshape(-1, 3)), camera.intrinsics)
        width, height = camera.size
        pixels = np.floor(uv + 0.5)
        inside = (depth > 0.1) & (pixels >= 0).all(axis=1) & (pixels[:, 0] < width) & (pixels[:, 1] < height)
        u, v = np.where(inside[:, None], pixels, 0).astype(np.int64).T
        unhidden = inside & (frame.images[camera.name].depth[v, u] >= depth - SLACK)
        facing |= faces
        seen |= faces & unhidden.reshape(faces.shape)
    share = seen.sum(axis=1) / np.maximum(facing.sum(axis=1), 1)
    return [next(token for least, token in LEVELS if part >= least) for part in share.tolist()]


def _patches(boxes: Sequence[TownBox]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Centres of 5x5 patches on each of the six sides and their outward normals, [boxes, 150, 3] in the world."""
    steps = (np.arange(5) + 0.5) / 5 - 0.5
    a, b = (grid.ravel() for grid in np.meshgrid(steps, steps))
    centres, outward = [], []
    for axis in range(3):
        for sign in (-0.5, 0.5):
            side = np.empty((25, 3))
            side[:, axis], side[:, (axis + 1) % 3], side[:, (axis + 2) % 3] = sign, a, b
            centres.append(side)
            outward.append(np.tile(np.sign(sign) * np.eye(3)[axis], (25, 1)))
    unit, normal = np.concatenate(centres), np.concatenate(outward)
    poses = np.stack([box.world_from_box for box in boxes])
    sizes = np.array([box.size for box in boxes])
    turn = poses[:, :3, :3].transpose(0, 2, 1)
    return (unit * sizes[:, None]) @ turn + poses[:, None, :3, 3], normal @ turn
