"""The calibration of KITTI-360: ``perspective.txt``, ``calib_cam_to_pose.txt`` and ``calib_cam_to_velo.txt``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.lines import lines_of, numbers_of
from occlabel.schemas.geometry import Matrix, inverse, rigid
from occlabel.stages.ingest.calibration import NamedNumbers, camera_of, mounted
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import read_file

CAMERAS = ("image_00", "image_01")


@dataclass(frozen=True)
class Calibration:
    """What is not known is not in it."""

    intrinsics: dict[str, Matrix]
    """K of a camera's rectified images."""
    lidar_from_camera: dict[str, Matrix]
    """Of the rectified camera, [4, 4]."""
    posed_from_lidar: dict[str, Matrix]
    """File of poses -> [4, 4] from the LiDAR to what they are the poses of."""


def read_calibration(folder: Path, digest: LogDigest, warnings: list[str]) -> Calibration:
    """With F for the frame that is rectified by R: ``lidar_from_F`` = ``lidar_from_camera0`` ``camera0_from_unit``
    ``unit_from_camera`` R^-1."""
    contents = {
        name: read_text(folder / name, digest, warnings, without)
        for name, without in (
            ("perspective.txt", "the cameras go on without calibration"),
            ("calib_cam_to_pose.txt", "of where cameras and poses are, less is known"),
            ("calib_cam_to_velo.txt", "where the LiDAR sits is not known, and poses of scans are not"),
        )
    }
    rectified = _named("perspective.txt", contents, warnings)
    mounts = _named("calib_cam_to_pose.txt", contents, warnings)
    lidar_from_camera0 = _attempt(partial(_lidar_from_camera0, contents["calib_cam_to_velo.txt"]), warnings)
    turned = {name: _attempt(partial(_rectifying, rectified, name), warnings) for name in CAMERAS}
    unit_from = {name: _attempt(partial(_mount, mounts, name), warnings) for name in CAMERAS}
    result = Calibration({}, {}, {})
    for name in CAMERAS:
        projection = _attempt(partial(_pinhole, rectified, name), warnings)
        if projection is not None:
            result.intrinsics[name] = projection
    left, unit_from_camera0 = turned["image_00"], unit_from["image_00"]
    if lidar_from_camera0 is None:
        return result
    camera0_from_lidar = inverse(lidar_from_camera0)
    if unit_from_camera0 is not None:
        result.posed_from_lidar["poses.txt"] = unit_from_camera0 @ camera0_from_lidar
    if left is not None:
        result.posed_from_lidar["cam0_to_world.txt"] = left @ camera0_from_lidar
        result.lidar_from_camera["image_00"] = lidar_from_camera0 @ inverse(left)
    right, unit_from_camera1 = turned["image_01"], unit_from["image_01"]
    if right is not None and unit_from_camera0 is not None and unit_from_camera1 is not None:
        between = inverse(unit_from_camera0) @ unit_from_camera1
        result.lidar_from_camera["image_01"] = lidar_from_camera0 @ between @ inverse(right)
    return result


def read_text(path: Path, digest: LogDigest, warnings: list[str], without: str) -> bytes | None:
    """The content of a text, which enters ``digest``; None, and a warning, where it cannot be read."""
    try:
        content = read_file(path)
    except DamagedFile as error:
        warnings.append(f"{error}; {without}")
        return None
    digest.add_text(path.name, content)
    return content


def _named(name: str, contents: dict[str, bytes | None], warnings: list[str]) -> NamedNumbers | None:
    content = contents[name]
    if content is None:
        return None
    values = NamedNumbers(name, content)
    warnings += values.warnings
    return values


def _attempt(make: Callable[[], Matrix | None], warnings: list[str]) -> Matrix | None:
    """What ``make`` gives; None, and a warning, where the file does not hold it."""
    try:
        return make()
    except BadLog as error:
        warnings.append(f"{error}; the log goes on without")
        return None


def _lidar_from_camera0(content: bytes | None) -> Matrix | None:
    """Of the camera as it is, not rectified."""
    if content is None:
        return None
    name = "calib_cam_to_velo.txt"
    for line, text in enumerate(lines_of(content).texts, 1):
        numbers = numbers_of(text)
        if numbers is not None and len(numbers) in (12, 16):
            return mounted(np.reshape(numbers[:12], (3, 4)), f"{name}, line {line}")
    raise BadLog(f"{name} has no line of 12 numbers, a 3x4 matrix")


def _rectifying(values: NamedNumbers | None, camera: str) -> Matrix | None:
    """[4, 4] that turns a camera's frame into that of its rectified images."""
    if values is None:
        return None
    key = f"R_rect_{camera[-2:]}"
    return rigid(np.hstack([values.numbers(key, 9).reshape(3, 3), np.zeros((3, 1))]), values.where(key))


def _mount(values: NamedNumbers | None, camera: str) -> Matrix | None:
    return None if values is None else mounted(values.matrix(camera), values.where(camera))


def _pinhole(values: NamedNumbers | None, camera: str) -> Matrix | None:
    if values is None:
        return None
    key = f"P_rect_{camera[-2:]}"
    return camera_of(values.matrix(key), None, values.where(key))[0]
