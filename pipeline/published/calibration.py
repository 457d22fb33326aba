"""What is known of the cameras of a labelled frame: as a stage of the version found it, or else as the log has it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.geometry import Matrix

Found = NDArray[np.float64] | None
"""``INTRINSICS`` or ``EXTRINSICS`` of a frame [camera, n, n]; None where the version does not publish it."""


def calibrated(cameras: Iterable[Camera], names: Sequence[str], intrinsics: Found, extrinsics: Found) -> list[Camera]:
    """The ``cameras`` with the K and the place that were found of those with these ``names``. What is NaN is not known,
    whatever the log says: nothing was labelled by it."""
    return [
        replace(
            camera,
            intrinsics=_of(camera.name, names, intrinsics, camera.intrinsics),
            ego_from_camera=_of(camera.name, names, extrinsics, camera.ego_from_camera),
        )
        for camera in cameras
    ]


def is_calibrated(camera: Camera) -> bool:
    """Whether all is known that says what it sees: K, place and size."""
    return camera.intrinsics is not None and camera.ego_from_camera is not None and camera.size is not None


def _of(camera: str, names: Sequence[str], found: Found, logged: Matrix | None) -> Matrix | None:
    if found is None or camera not in names:
        return logged
    matrix = found[names.index(camera)]
    return None if np.isnan(matrix).any() else matrix
