"""Logs of the Argoverse 2 sensor data set, by the times in the names of their files.

A frame is a LiDAR sweep; of a log without sweeps, an image of its leading camera. The ego frame is the car at that
time, the world that of the city. Sweeps are written in the ego frame, with the car's motion taken out and those of both
LiDARs in one; they are passed on in the frame of ``up_lidar``, from which their rays are taken to come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, Sweep, Truth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.pose_track import PoseTrack, track_of
from occlabel.schemas.spans import listed
from occlabel.stages.ingest.argoverse2.boxes import read_boxes
from occlabel.stages.ingest.argoverse2.calibration import LIDAR, Calibration, read_calibration
from occlabel.stages.ingest.argoverse2.tables import NUMBER, POSE, WHOLE, poses_in, read_columns
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_folder, is_there, log_folders
from occlabel.stages.ingest.images import SUFFIXES, check_image, image_size, read_image
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.numbered import Files, add_numbered, numbered
from occlabel.stages.ingest.poses import usable_poses
from occlabel.stages.ingest.scans import ScanFormat, checked_points
from occlabel.stages.ingest.without_truth import WithoutTruth

POSES = "city_SE3_egovehicle.feather"
LEADING = "ring_front_center"
SWEEP = ScanFormat("a sweep of Argoverse 2", 4, 255.0, kept="the columns x, y, z and intensity of a feather file")

_NEAR = 50_000_000
"""[ns] within which an image belongs to a frame: half the time of a LiDAR turn."""


@dataclass(frozen=True, slots=True)
class Argoverse2Reader(WithoutTruth):
    """Reads ``root/<log>/{sensors,calibration,city_SE3_egovehicle.feather,annotations.feather}``."""

    root: Path

    def log_ids(self) -> list[str]:
        parts = ("calibration", "sensors")
        return [name for name in log_folders(self.root) if any(is_folder(self.root / name / part) for part in parts)]

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        known = self.log_ids()
        for log_id in known if ids is None else ids:
            if log_id not in known:
                raise BadLog(f"{self.root} has no log {log_id!r}; it has {', '.join(known[:20]) or 'none'}")
            yield _read_log(self.root / log_id)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        columns, _ = read_columns(sweep.path, {"x": NUMBER, "y": NUMBER, "z": NUMBER, "intensity": NUMBER})
        in_ego = np.column_stack(list(columns.values())).astype(np.float32)
        points = checked_points(sweep.path, in_ego, SWEEP)
        points[:, :3] = transform_points(inverse(sweep.ego_from_lidar), points)
        return points

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera)

    def check_image(self, camera: Camera) -> None:
        check_image(camera)


def _read_log(folder: Path) -> DriveLog:
    """Raises BadLog for a log without frames."""
    warnings: list[str] = []
    digest = LogDigest()
    sweeps = numbered(folder / "sensors" / "lidar", (".feather",), warnings)
    cameras = folder / "sensors" / "cameras"
    names = log_folders(cameras) if is_folder(cameras) else []
    images = {name: files for name in names if (files := numbered(cameras / name, SUFFIXES, warnings))}
    for kind, files in (("lidar", sweeps), *images.items()):
        add_numbered(digest, kind, files, warnings)
    calibration = read_calibration(folder / "calibration", digest, warnings)
    unplaced = bool(sweeps) and calibration.ego_from_sensor.get(LIDAR) is None
    if unplaced:
        warnings.append(f"where {LIDAR} sits is not known, so that rays begin nowhere; the log goes on without scans")
        sweeps = {}
    leading = sweeps or images.get(LEADING) or next(iter(images.values()), {})
    if not leading:
        lacking = f"log {folder.name} has no frames: neither sensors/lidar/*.feather nor sensors/cameras/*/*.jpg"
        if unplaced:
            lacking = f"log {folder.name} has no frames that can be used: sweeps, and no image"
        raise BadLog(". ".join([f"{lacking} in {folder}", *warnings]))
    track = _track(folder / POSES, digest, warnings)
    poses = _poses(track, leading, warnings)
    boxes = read_boxes(folder / "annotations.feather", poses, warnings)
    rig = _Rig(calibration, images, track, {name: _size(calibration, name, files) for name, files in images.items()})
    frames = []
    for stamp, pose in poses.items():
        sweep = None
        if sweeps:
            sweep = Sweep(Path(sweeps[stamp].path), calibration.ego_from_sensor[LIDAR], stamp * 1e-9)
        truth = Truth(boxes=boxes.get(stamp, ()))
        frames.append(Frame(str(stamp), stamp * 1e-9, pose, rig.cameras(stamp, pose), sweep, truth))
    warnings += rig.missing(poses)
    warnings += off_middle(frames)
    return DriveLog(folder.name, digest.stamp, digest.text, tuple(frames), tuple(warnings))


def _track(path: Path, digest: LogDigest, warnings: list[str]) -> PoseTrack | None:
    """The poses of the car; None, and a warning, where they cannot be had."""
    if not is_there(path):
        warnings.append(f"there is no {path.name}; the log goes on without poses")
        return None
    try:
        columns, content = read_columns(path, {"timestamp_ns": WHOLE, **POSE})
    except DamagedFile as error:
        warnings.append(f"{error}; the log goes on without poses")
        return None
    digest.add_text(path.name, content)
    poses = poses_in(columns)
    bad = int(np.isnan(poses).any(axis=(1, 2)).sum())
    if bad:
        warnings.append(f"{path.name}: {bad} of {len(poses)} rows are no poses; they are left out")
    return track_of(columns["timestamp_ns"], poses)


def _poses(track: PoseTrack | None, leading: Files, warnings: list[str]) -> dict[int, Matrix | None]:
    """Of the car at the time of each frame."""
    if track is None:
        return dict.fromkeys(leading)
    found = [track.at(stamp) for stamp in leading]
    nothing = np.full((4, 4), np.nan)
    matrices = np.array([nothing if pose is None else pose for pose in found])
    times = np.array([stamp * 1e-9 for stamp in leading])
    poses, sentences = usable_poses(matrices, [str(stamp) for stamp in leading], times, POSES)
    warnings += sentences
    return dict(zip(leading, poses, strict=True))


def _size(calibration: Calibration, name: str, files: Files) -> tuple[int, int] | None:
    """Of the images of a camera: as calibration says, or as the first that can be read."""
    known = calibration.sizes.get(name)
    if known is not None:
        return known
    for entry in files.values():
        try:
            return image_size(Path(entry.path))
        except DamagedFile:
            continue
    return None


@dataclass(frozen=True)
class _Rig:
    """The cameras of a log."""

    calibration: Calibration
    images: dict[str, Files]
    track: PoseTrack | None
    sizes: dict[str, tuple[int, int] | None]

    def cameras(self, stamp: int, world_from_ego: Matrix | None) -> tuple[Camera, ...]:
        """The images that are nearest to ``stamp`` [ns], the car's motion in between being part of their extrinsics."""
        result = []
        for name in self.images:
            taken = self._nearest(name, stamp)
            if taken is None:
                continue
            path, mount = Path(self.images[name][taken].path), self.calibration.ego_from_sensor.get(name)
            then = None if self.track is None else self.track.at(taken)
            if mount is not None and world_from_ego is not None and then is not None:
                mount = inverse(world_from_ego) @ then @ mount
            k = self.calibration.intrinsics.get(name)
            result.append(Camera(name, path, k, mount, taken * 1e-9, self.sizes[name]))
        return tuple(result)

    def missing(self, frames: Mapping[int, object]) -> Iterator[str]:
        for name in self.images:
            lacking = [str(stamp) for stamp in frames if self._nearest(name, stamp) is None]
            if lacking:
                words = f"{len(lacking)} of {len(frames)} frames have no image of {name} near their time"
                yield f"{words}: {listed(lacking)}"

    def _nearest(self, name: str, stamp: int) -> int | None:
        taken = np.fromiter(self.images[name], np.int64)
        nearest = int(taken[np.abs(taken - stamp).argmin()])
        return nearest if abs(nearest - stamp) <= _NEAR else None
