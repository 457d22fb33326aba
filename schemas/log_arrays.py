"""The log as writer zero: what it knows of its own geometry, as the arrays that stages read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, ArraySpec
from occlabel.schemas.drive_log import Camera, Frame
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.rig import Rig


def log_array(spec: ArraySpec[np.float64], frames: Sequence[Frame], rig: Rig) -> NDArray[np.float64]:
    """``poses`` [frame, 4, 4], ``intrinsics`` [frame, camera, 3, 3] or ``extrinsics`` [frame, camera, 4, 4] of
    ``frames``; NaN where the log does not know."""
    if spec.name == POSES.name:
        result = np.full((len(frames), *spec.matrix), np.nan)
        for row, frame in enumerate(frames):
            if frame.world_from_ego is not None:
                result[row] = frame.world_from_ego
        return result
    result = np.full((len(frames), len(rig.cameras), *spec.matrix), np.nan)
    place = {name: index for index, name in enumerate(rig.names)}
    for row, frame in enumerate(frames):
        for camera in frame.cameras:
            known = _of_camera(spec, camera)
            if known is not None:
                result[row, place[camera.name]] = known
    return result


def _of_camera(spec: ArraySpec[np.float64], camera: Camera) -> Matrix | None:
    match spec.name:
        case INTRINSICS.name:
            return camera.intrinsics
        case EXTRINSICS.name:
            return camera.ego_from_camera
    raise ValueError(f"a log does not write {spec.name}")
