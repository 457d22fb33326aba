"""What is known of the cameras of a labelled frame: as a stage of the version found it, or else as the log has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import DEPTH, EXTRINSICS, INTRINSICS, ArraySpec
from occlabel.schemas.drive_log import Camera, Frame
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.export.object_list import View


def geometry_of(
    version: PublishedVersion, frame: PublishedFrame, spec: ArraySpec[np.float64], camera: Camera
) -> Matrix | None:
    """``INTRINSICS`` [3, 3] or ``EXTRINSICS`` [4, 4] of a camera; None where neither knows it."""
    names = version.info.cameras.get(frame.log, ())
    if frame.holds(spec) and camera.name in names:
        matrix = frame[spec][names.index(camera.name)]
        return None if np.isnan(matrix).any() else matrix
    return camera.intrinsics if spec.name == INTRINSICS.name else camera.ego_from_camera


def views(version: PublishedVersion, frame: PublishedFrame, logged: Frame | None) -> list[View]:
    """The cameras of the frame that are calibrated. ``logged``: the frame of the log; without it, or without a size
    there, images are as large as the depth that the version has of them, to the next ``DEPTH.stride`` pixels."""
    names = version.info.cameras.get(frame.log, ())
    cameras = logged.cameras if logged is not None else tuple(Camera(n, Path(), None, None, 0.0, None) for n in names)
    found = []
    for camera in cameras:
        intrinsics = geometry_of(version, frame, INTRINSICS, camera)
        ego_from_camera = geometry_of(version, frame, EXTRINSICS, camera)
        size = camera.size or _size_of_depth(frame, camera.name)
        if intrinsics is not None and ego_from_camera is not None and size is not None:
            camera_from_grid = inverse(ego_from_camera) @ frame.row.ego_from_grid_matrix
            found.append(View(camera.name, intrinsics, camera_from_grid, size))
    return found


def _size_of_depth(frame: PublishedFrame, camera: str) -> tuple[int, int] | None:
    if not frame.holds(spec := DEPTH.on(camera)):
        return None
    rows, columns = frame[spec].shape
    return columns * DEPTH.stride, rows * DEPTH.stride
