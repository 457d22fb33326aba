"""KITTI odometry and SemanticKITTI: ``sequences/XX/{velodyne,image_2,image_3,labels,voxels}``, by file name.

The ego frame is the LiDAR frame. ``calib.txt`` holds the rectified projections P0..P3 and ``Tr`` (camera 0 from LiDAR);
``poses.txt`` (or ``poses/XX.txt``) is camera 0 in the world of the first camera 0, so a LiDAR pose is
``inv(Tr) @ pose @ Tr``. SemanticKITTI has no boxes; where ``boxes.txt`` lies beside them, it has.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pykitti.utils import read_calib_file

from occlabel.schemas.drive_log import Box, Camera, DriveLog, Frame, PointSegments, PointTruth, Sweep, Truth, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.formats.kitti_boxes import read_boxes
from occlabel.schemas.geometry import Matrix, inverse, rigid
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.images import SUFFIXES, check_image, read_image
from occlabel.stages.ingest.numbered import (
    CameraTrack,
    Files,
    add_numbered,
    assemble,
    backward_times,
    missing_files,
    numbered,
    usable_poses,
)
from occlabel.stages.ingest.scans import read_scan
from occlabel.stages.ingest.voxel_truth import read_semantickitti

CAMERAS = {"image_2": "P2", "image_3": "P3"}
"""Colour camera -> its projection in ``calib.txt``."""

FRAME_PERIOD = 0.1
"""Seconds between frames, for a log without times."""


@dataclass(frozen=True, slots=True)
class KittiReader:
    """Reads the sequences under ``root/sequences``; a log's id is the name of its sequence."""

    root: Path

    def log_ids(self) -> list[str]:
        folder = self.root / "sequences"
        if not folder.is_dir():
            raise BadLog(f"{self.root} is no KITTI root: it has no folder 'sequences'")
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log_id in self.log_ids() if ids is None else ids:
            # Not looked up in log_ids(): asked for one by one, ten thousand logs would be listed ten thousand times.
            plain = log_id == Path(log_id).name and log_id[:1] not in ("", ".")
            if not plain or not (self.root / "sequences" / log_id).is_dir():
                raise BadLog(
                    f"{self.root} has no sequence {log_id!r}; it has {', '.join(self.log_ids()[:20]) or 'none'}"
                )
            yield _drive_log(self.root, log_id)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return read_scan(sweep.path, columns=4)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera)

    def check_image(self, camera: Camera) -> None:
        check_image(camera)

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None if frame.truth.voxels is None else read_semantickitti(frame.truth.voxels)

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        """Raw 0 of a point means unlabelled, not free: UNKNOWN, like {1, 52, 99}."""
        if frame.truth.points is None or frame.sweep is None:
            return None
        raw, instance = semantickitti.read_point_labels(
            frame.truth.points, len(self.points(frame.sweep)) if points is None else points
        )
        taxonomy = taxonomy_preset("semantickitti")
        semantics = taxonomy.from_raw[raw]
        semantics[raw == 0] = UNKNOWN
        return PointTruth(semantics, taxonomy, PointSegments(semantics, raw, instance))


@dataclass(frozen=True, slots=True)
class Calibration:
    """What ``calib.txt`` says: rigid ``camera0_from_lidar`` [4, 4], None without ``Tr``, and per colour camera its K
    [3, 3] and ``lidar_from_camera`` [4, 4], both None without its projection, the latter without ``Tr`` too."""

    camera0_from_lidar: Matrix | None = None
    cameras: Mapping[str, tuple[Matrix | None, Matrix | None]] = field(default_factory=dict)


def _drive_log(root: Path, log_id: str) -> DriveLog:
    """Raises BadLog for a sequence without frames or with a calibration that cannot be used."""
    folder = root / "sequences" / log_id
    digest = LogDigest()
    scans = numbered(folder / "velodyne", (".bin",))
    images = {name: numbered(folder / name, SUFFIXES) for name in CAMERAS}
    names = sorted({*scans}.union(*images.values()), key=int)
    if not names:
        raise BadLog(f"sequence {log_id} has no frames: neither velodyne/*.bin nor image_2/*.png in {folder}")
    warnings = missing_files(
        names, {"scan": scans, "image of image_2": images["image_2"], "image of image_3": images["image_3"]}
    )
    for kind, files in (("velodyne", scans), *images.items()):
        add_numbered(digest, kind, files)

    calibration = _calibration(folder, log_id, [name for name in CAMERAS if images[name]], digest, warnings)
    times = _times(folder, names, digest, warnings)
    poses = _poses(root, log_id, names, calibration.camera0_from_lidar, digest, warnings)
    tracks = [CameraTrack(name, files, *calibration.cameras.get(name, (None, None))) for name, files in images.items()]
    frames = assemble(names, times.tolist(), poses, scans, tracks, _truth(folder, warnings))
    return DriveLog(log_id, digest.stamp, digest.text, frames, tuple(warnings))


def _calibration(folder: Path, log_id: str, cameras: list[str], digest: LogDigest, warnings: list[str]) -> Calibration:
    """Of the log, whose images are of ``cameras``."""
    path = folder / "calib.txt"
    if not path.is_file():
        warnings.append("there is no calib.txt; the log goes on without poses, its cameras without calibration")
        return Calibration()
    digest.add_text("calib", path.read_bytes())
    try:
        values = read_calib_file(path)
    except ValueError as error:
        raise BadLog(f"sequence {log_id}: {path} has a line that is not 'NAME: numbers'; repair it") from error
    camera0_from_lidar, lidar_from_camera0 = None, None
    if "Tr" in values:
        tr = _matrix(values["Tr"], f"sequence {log_id}: Tr")
        camera0_from_lidar = rigid(tr, f"sequence {log_id}: Tr of calib.txt")
        lidar_from_camera0 = inverse(camera0_from_lidar)
    else:
        warnings.append(
            "calib.txt has no Tr (camera 0 from LiDAR); the log goes on without poses, its cameras without extrinsics"
        )
    known = {}
    for name, key in CAMERAS.items():
        if key in values:
            projection = _matrix(values[key], f"sequence {log_id}: {key}")
            known[name] = camera_of(projection, lidar_from_camera0, f"sequence {log_id}: {key}")
        elif name in cameras:
            warnings.append(f"calib.txt has no {key}; {name} goes on without calibration")
    return Calibration(camera0_from_lidar, known)


def _matrix(values: NDArray[np.float64], what: str) -> Matrix:
    if values.size != 12:
        raise BadLog(f"{what} in calib.txt has {values.size} numbers, expected 12")
    return values.reshape(3, 4)


def camera_of(projection: Matrix, lidar_from_camera0: Matrix | None, what: str) -> tuple[Matrix, Matrix | None]:
    """K [3, 3] and ``lidar_from_camera`` of a rectified projection ``P = K [I | t]``, t = camera from camera 0; None
    for the latter where it is not known how camera 0 sits.

    Raises BadLog when the left 3x3 block is no pinhole K.
    """
    intrinsics = projection[:, :3].copy()
    if not np.isfinite(projection).all() or min(intrinsics[0, 0], intrinsics[1, 1], intrinsics[2, 2]) <= 0:
        raise BadLog(f"{what} in the calibration is not a projection of a pinhole camera; check the file")
    if lidar_from_camera0 is None:
        return intrinsics, None
    camera0_from_camera = np.eye(4)
    camera0_from_camera[:3, 3] = -np.linalg.solve(intrinsics, projection[:, 3])
    return intrinsics, lidar_from_camera0 @ camera0_from_camera


def _times(folder: Path, names: list[str], digest: LogDigest, warnings: list[str]) -> NDArray[np.float64]:
    """Seconds of each frame; 10 Hz when ``times.txt`` does not say it for every frame."""
    path = folder / "times.txt"
    if path.is_file():
        content = path.read_bytes()
        digest.add_text("times", content)
        times = _rows(content, 1, names)[:, 0]
        if np.isfinite(times).all():
            warnings += backward_times(names, times)
            return times
        warnings.append("times.txt lacks a number for some frames; times are taken as 10 Hz")
    else:
        warnings.append("there is no times.txt; times are taken as 10 Hz")
    return np.array([int(name) * FRAME_PERIOD for name in names])


def _poses(
    root: Path,
    log_id: str,
    names: list[str],
    camera0_from_lidar: Matrix | None,
    digest: LogDigest,
    warnings: list[str],
) -> list[Matrix | None]:
    """``world_from_lidar`` of each frame, None where it is not known."""
    candidates = (root / "sequences" / log_id / "poses.txt", root / "poses" / f"{log_id}.txt")
    path = next((path for path in candidates if path.is_file()), None)
    if path is None:
        warnings.append("there is no poses.txt; the log goes on without poses")
        return [None] * len(names)
    content = path.read_bytes()
    digest.add_text("poses", content)
    if camera0_from_lidar is None:
        return [None] * len(names)
    world_from_camera0 = np.tile(np.eye(4), (len(names), 1, 1))
    world_from_camera0[:, :3] = _rows(content, 12, names).reshape(-1, 3, 4)
    poses, sentences = usable_poses(inverse(camera0_from_lidar) @ world_from_camera0 @ camera0_from_lidar, names)
    warnings += sentences
    return poses


def _rows(content: bytes, columns: int, names: list[str]) -> NDArray[np.float64]:
    """Numbers [frames, columns] of the lines that the frame names count. A line that is missing or not ``columns``
    numbers is NaN, and shifts nothing."""
    lines = content.decode("utf-8", "replace").split("\n")
    fields = [lines[int(name)].split() if int(name) < len(lines) else [] for name in names]
    try:
        if all(len(row) == columns for row in fields):
            return np.array(fields, dtype=np.float64)
    except ValueError:
        pass
    result = np.full((len(fields), columns), np.nan)
    for index, row in enumerate(fields):
        try:
            if len(row) == columns:
                result[index] = [float(value) for value in row]
        except ValueError:
            continue
    return result


def _truth(folder: Path, warnings: list[str]) -> dict[str, Truth]:
    labels = numbered(folder / "labels", (".label",))
    voxels = numbered(folder / "voxels", (".label",))
    boxes: dict[str, list[Box]] = {}
    if (folder / "boxes.txt").is_file():
        try:
            boxes = read_boxes(folder / "boxes.txt")
        except DamagedFile as error:
            warnings.append(f"{error}; the log goes on without boxes")

    def path(files: Files, name: str) -> Path | None:
        return Path(files[name].path) if name in files else None

    return {
        name: Truth(path(voxels, name), path(labels, name), tuple(boxes.get(name, ())))
        for name in {*labels, *voxels, *boxes}
    }
