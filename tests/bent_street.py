"""A film of a street of boxes, driven through in a bend, in small images: for what finds out about its camera."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
from box_street import SIZE, STREET, K, drive, photographs
from contract import ScriptedSensors
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.geometry import Matrix

SHARE = 0.5
"""Of the street's own images."""
FOCAL = SHARE * K[0, 0]
STEP, TURN = 0.8, np.deg2rad(3.0)
"""Metres and angle a frame."""


def bend(number: int) -> Matrix:
    """``world_from_ego`` of a frame."""
    pose, radius = np.eye(4), STEP / TURN
    pose[:3, :3] = Rotation.from_euler("z", TURN * number).as_matrix()
    pose[:2, 3] = radius * np.sin(TURN * number), radius * (1 - np.cos(TURN * number))
    return pose


def ahead(number: int) -> Matrix:
    """``world_from_ego`` of a frame that goes straight on."""
    pose = np.eye(4)
    pose[0, 3] = STEP * number
    return pose


def bent(frames: int, way: Callable[[int], Matrix] = bend) -> tuple[DriveLog, list[NDArray[np.uint8]]]:
    """A log with all that is true of it, and the image of each frame."""
    straight = drive(frames)
    log = replace(straight, frames=tuple(replace(f, world_from_ego=way(i)) for i, f in enumerate(straight.frames)))
    taken = photographs(log, STREET).images.values()
    size = round(SHARE * SIZE[0]), round(SHARE * SIZE[1])
    images = [np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8) for image in taken]
    k = np.diag([SHARE, SHARE, 1]) @ K
    k[:2, 2] = np.array(size) / 2 - 0.5
    camera = replace(log.frames[0].cameras[0], intrinsics=k, size=size)
    shrunk = [replace(f, cameras=(replace(camera, path=f.cameras[0].path, time=f.time),)) for f in log.frames]
    return replace(log, frames=tuple(shrunk)), images


def bare(log: DriveLog, k: bool = False) -> DriveLog:
    """Without poses, and without the place of the camera on the car; with its K or without."""
    frames = []
    for frame in log.frames:
        (camera,) = frame.cameras
        camera = replace(camera, ego_from_camera=None, intrinsics=camera.intrinsics if k else None)
        frames.append(replace(frame, world_from_ego=None, cameras=(camera,)))
    return replace(log, frames=tuple(frames))


def shown(log: DriveLog, images: list[NDArray[np.uint8]]) -> ScriptedSensors:
    """The images as those of the frames of ``log``."""
    paths = [str(frame.cameras[0].path) for frame in log.frames]
    return ScriptedSensors(images=dict(zip(paths, images, strict=False)))
