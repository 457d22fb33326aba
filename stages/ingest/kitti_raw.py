"""KITTI raw recordings: ``<date>/<date>_drive_NNNN_sync/{velodyne_points,image_02,image_03,oxts}``, by file name.

The ego frame is the LiDAR frame. The world is east-north-up with its origin at the first GPS position; poses come from
the OXTS unit and ``calib_imu_to_velo.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pykitti.utils import OxtsPacket, pose_from_oxts_packet, read_calib_file

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse, rigid
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.images import SUFFIXES, check_image, read_image
from occlabel.stages.ingest.kitti import FRAME_PERIOD, camera_of
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

DATE = re.compile(r"\d{4}_\d{2}_\d{2}")
DRIVE = re.compile(r"(\d{4}_\d{2}_\d{2})_drive_\d{4}_sync")
CAMERAS = ("image_02", "image_03")
CALIBRATION = {
    "calib_cam_to_cam.txt": "the cameras go on without calibration",
    "calib_velo_to_cam.txt": "the cameras go on without extrinsics",
    "calib_imu_to_velo.txt": "the log goes on without poses",
}
"""File of a date -> what is lost without it."""


@dataclass(frozen=True, slots=True)
class KittiRawReader:
    """Reads the drives under ``root/<date>/``; a log's id is the name of its drive. There is no truth."""

    root: Path

    def log_ids(self) -> list[str]:
        dates = [path for path in self.root.iterdir() if DATE.fullmatch(path.name) and path.is_dir()]
        return sorted(path.name for date in dates for path in date.iterdir() if DRIVE.fullmatch(path.name))

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log_id in self.log_ids() if ids is None else ids:
            match = DRIVE.fullmatch(log_id)
            if match is None or not (self.root / match[1] / log_id).is_dir():
                raise BadLog(f"{self.root} has no drive {log_id!r}; it has {', '.join(self.log_ids()[:20]) or 'none'}")
            yield _drive_log(self.root / match[1], log_id)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return read_scan(sweep.path, columns=4)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera)

    def check_image(self, camera: Camera) -> None:
        check_image(camera)

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return None


def _drive_log(date: Path, log_id: str) -> DriveLog:
    """Raises BadLog for a drive without frames or with a calibration that cannot be used."""
    folder = date / log_id
    scans = numbered(folder / "velodyne_points" / "data", (".bin",))
    images = {name: numbered(folder / name / "data", SUFFIXES) for name in CAMERAS}
    oxts = numbered(folder / "oxts" / "data", (".txt",))
    names = sorted({*scans}.union(*images.values()), key=int)
    if not names:
        raise BadLog(f"drive {log_id} has no frames: neither velodyne_points/data/*.bin nor image_02/data in {folder}")
    warnings = missing_files(names, {"scan": scans, **{f"image of {name}": files for name, files in images.items()}})
    digest = LogDigest()
    for kind, files in (("velodyne_points", scans), *images.items()):
        add_numbered(digest, kind, files)
    calibration = {name: _calibration(date / name, digest, warnings) for name in CALIBRATION}
    times = _times(folder, names, digest, warnings)
    packets = _packets(oxts, digest)
    poses = _poses(packets, names, calibration["calib_imu_to_velo.txt"], log_id, warnings)
    tracks = _tracks(images, calibration, log_id, warnings)
    frames = assemble(names, times.tolist(), poses, scans, tracks, truth={})
    return DriveLog(log_id, digest.stamp, digest.text, frames, tuple(warnings))


Values = dict[str, NDArray[np.float64]]


def _calibration(path: Path, digest: LogDigest, warnings: list[str]) -> Values | None:
    if not path.is_file():
        warnings.append(f"there is no {path.name} beside the drive; {CALIBRATION[path.name]}")
        return None
    digest.add_text(path.name, path.read_bytes())
    try:
        return dict(read_calib_file(path))
    except ValueError as error:
        raise BadLog(f"{path} has a line that is not 'NAME: numbers'; repair it") from error


def _rigid(values: Values, rotation: str, translation: str, what: str) -> Matrix:
    try:
        return rigid(np.hstack([values[rotation].reshape(3, 3), values[translation].reshape(3, 1)]), what)
    except (KeyError, ValueError) as error:
        raise BadLog(f"{what} needs {rotation} (9 numbers) and {translation} (3 numbers); repair the file") from error


def _tracks(
    images: dict[str, Files], calibration: dict[str, Values | None], log_id: str, warnings: list[str]
) -> list[CameraTrack]:
    cameras, velodyne = calibration["calib_cam_to_cam.txt"], calibration["calib_velo_to_cam.txt"]
    if cameras is None:
        return [CameraTrack(name, files, None, None) for name, files in images.items()]
    lidar_from_camera0 = None
    if velodyne is not None:
        rectify = _rigid({**cameras, "zero": np.zeros(3)}, "R_rect_00", "zero", f"drive {log_id}: calib_cam_to_cam.txt")
        camera0_from_lidar = rectify @ _rigid(velodyne, "R", "T", f"drive {log_id}: calib_velo_to_cam.txt")
        lidar_from_camera0 = inverse(camera0_from_lidar)
    tracks = []
    for name, files in images.items():
        key = f"P_rect_{name[-2:]}"
        if key not in cameras:
            tracks.append(CameraTrack(name, files, None, None))
            if files:
                warnings.append(f"calib_cam_to_cam.txt has no {key}; {name} goes on without calibration")
            continue
        if cameras[key].size != 12:
            raise BadLog(f"drive {log_id}: {key} of calib_cam_to_cam.txt is not 12 numbers; repair the file")
        calibrated = camera_of(cameras[key].reshape(3, 4), lidar_from_camera0, f"drive {log_id}: {key}")
        tracks.append(CameraTrack(name, files, *calibrated))
    return tracks


def _times(folder: Path, names: list[str], digest: LogDigest, warnings: list[str]) -> NDArray[np.float64]:
    """Seconds of each frame, from the LiDAR's time stamps (the next sensor that has them where it has none)."""
    index = np.array([int(name) for name in names])
    for source in ("velodyne_points", "image_02", "oxts"):
        path = folder / source / "timestamps.txt"
        if not path.is_file():
            continue
        content = path.read_bytes()
        digest.add_text("timestamps", content)
        try:
            stamps = np.array(content.decode().strip().split("\n"), dtype="datetime64[ns]")
            times = stamps[index].astype(np.int64) / 1e9
        except (ValueError, IndexError):
            warnings.append(f"{source}/timestamps.txt lacks a time for some frames; times are taken as 10 Hz")
            return index * FRAME_PERIOD
        warnings += backward_times(names, times)
        return times
    warnings.append("there is no timestamps.txt; times are taken as 10 Hz")
    return index * FRAME_PERIOD


def _poses(
    packets: dict[str, OxtsPacket | None], names: list[str], imu: Values | None, log_id: str, warnings: list[str]
) -> list[Matrix | None]:
    """``world_from_lidar`` of each frame, None where it is not known."""
    if imu is None:
        return [None] * len(names)
    if not packets:
        warnings.append("there is no oxts/data; the log goes on without poses")
        return [None] * len(names)
    imu_from_lidar = inverse(_rigid(imu, "R", "T", f"drive {log_id}: calib_imu_to_velo.txt"))
    measured = {name: packet for name, packet in packets.items() if packet is not None}
    world_from_imu = np.tile(np.eye(4), (len(names), 1, 1))
    world_from_imu[:, :3] = np.nan
    if measured:
        first = next(iter(measured.values()))
        scale = np.cos(np.radians(first.lat))
        origin = pose_from_oxts_packet(first, scale)[1]
        for index, name in enumerate(names):
            if name in measured:
                rotation, position = pose_from_oxts_packet(measured[name], scale)
                world_from_imu[index, :3, :3] = rotation
                world_from_imu[index, :3, 3] = position - origin
    poses, sentences = usable_poses(world_from_imu @ imu_from_lidar, names)
    warnings += sentences
    return poses


def _packets(oxts: Files, digest: LogDigest) -> dict[str, OxtsPacket | None]:
    """The measurement in each file, None where it is not the 30 finite numbers it should be."""
    result = {}
    for name, entry in oxts.items():
        try:
            content = Path(entry.path).read_bytes()
        except OSError:
            content = b""
        digest.add_text(f"oxts {name}", content)
        result[name] = _packet(content)
    return result


def _packet(content: bytes) -> OxtsPacket | None:
    try:
        values = [float(value) for value in content.split()]
        packet = OxtsPacket(*values)
    except (ValueError, TypeError):
        return None
    return packet if np.isfinite(values).all() else None
