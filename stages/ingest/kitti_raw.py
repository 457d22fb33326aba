"""KITTI raw recordings: ``<date>/<date>_drive_NNNN_sync/{velodyne_points,image_02,image_03,oxts}``, by file name.

The ego frame is the LiDAR frame. The world is east-north-up with its origin at the first GPS position; poses come from
the OXTS unit and ``calib_imu_to_velo.txt``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pykitti.utils import OxtsPacket, pose_from_oxts_packet

from occlabel.schemas.drive_log import Camera, DriveLog, Sweep
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.lines import numbers_of
from occlabel.schemas.geometry import Matrix, inverse, rigid
from occlabel.stages.ingest.calibration import NamedNumbers, camera_of, mounted
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_folder, is_there, log_folders, read_file
from occlabel.stages.ingest.images import SUFFIXES, check_image, read_image
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.numbered import (
    CameraTrack,
    Files,
    add_numbered,
    assemble,
    frame_names,
    missing_files,
    numbered,
    stem,
)
from occlabel.stages.ingest.poses import usable_poses
from occlabel.stages.ingest.scans import KITTI, read_scan
from occlabel.stages.ingest.time_stamps import stamped_times
from occlabel.stages.ingest.without_truth import WithoutTruth

DATE = re.compile(r"\d{4}_\d{2}_\d{2}")
DRIVE = re.compile(r"(\d{4}_\d{2}_\d{2})_drive_\d{4}_sync")
CAMERAS = ("image_02", "image_03")
CALIBRATION = {
    "calib_cam_to_cam.txt": "the cameras go on without calibration",
    "calib_velo_to_cam.txt": "the cameras go on without extrinsics",
    "calib_imu_to_velo.txt": "the log goes on without poses",
}
"""File of a date -> what is lost without it."""

_PACKET = 64 << 10
"""Bytes of a measurement at most."""


@dataclass(frozen=True, slots=True)
class KittiRawReader(WithoutTruth):
    """Reads the drives under ``root/<date>/``; a log's id is the name of its drive. There is no truth. A drive in the
    folder of another date, whose calibration is not its own, is listed and cannot be read, unless it lies in both."""

    root: Path

    def log_ids(self) -> list[str]:
        dates = [name for name in log_folders(self.root) if DATE.fullmatch(name) and is_folder(self.root / name)]
        return sorted({name for date in dates for name in log_folders(self.root / date) if DRIVE.fullmatch(name)})

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log_id in self.log_ids() if ids is None else ids:
            match = DRIVE.fullmatch(log_id)
            if match is not None and (astray := self._astray(match[1], log_id)) is not None:
                raise BadLog(f"{astray / log_id} lies in the folder of another date: move it to {self.root / match[1]}")
            if match is None or not is_there(self.root / match[1] / log_id):
                raise BadLog(f"{self.root} has no drive {log_id!r}; it has {', '.join(self.log_ids()[:20]) or 'none'}")
            yield _drive_log(self.root / match[1], log_id)

    def _astray(self, date: str, log_id: str) -> Path | None:
        """The folder of another date in which the drive lies, where it does not lie in its own."""
        if is_there(self.root / date / log_id):
            return None
        dates = (self.root / name for name in log_folders(self.root) if DATE.fullmatch(name))
        return next((folder for folder in dates if is_there(folder / log_id)), None)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return read_scan(sweep.path, KITTI)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera)

    def check_image(self, camera: Camera) -> None:
        check_image(camera)


def _drive_log(date: Path, log_id: str) -> DriveLog:
    """Raises BadLog for a drive without frames."""
    folder = date / log_id
    warnings: list[str] = []
    scans = numbered(folder / "velodyne_points" / "data", (".bin",), warnings)
    images = {name: numbered(folder / name / "data", SUFFIXES, warnings) for name in CAMERAS}
    oxts = numbered(folder / "oxts" / "data", (".txt",), warnings)
    names = frame_names({*scans}.union(*images.values()), [scans, *images.values()])
    if not names:
        lacking = f"drive {log_id} has no frames: neither velodyne_points/data/*.bin nor image_02/data in {folder}"
        raise BadLog(". ".join([lacking, *warnings]))
    warnings += missing_files(names, {"scan": scans, **{f"image of {name}": files for name, files in images.items()}})
    digest = LogDigest()
    for kind, files in (("velodyne_points", scans), *images.items()):
        add_numbered(digest, kind, files, warnings)
    calibration = {name: _calibration(date / name, digest, warnings) for name in CALIBRATION}
    stamped = {source: folder / source / "timestamps.txt" for source in ("velodyne_points", "image_02", "oxts")}
    times = stamped_times(stamped, names, digest, warnings)
    packets = _packets(oxts, digest)
    poses = _poses(packets, names, calibration["calib_imu_to_velo.txt"], times, warnings)
    tracks = _tracks(images, calibration, warnings)
    frames = assemble(names, times.tolist(), poses, scans, tracks, truth={})
    warnings += off_middle(frames)
    return DriveLog(log_id, digest.stamp, digest.text, frames, tuple(warnings))


def _calibration(path: Path, digest: LogDigest, warnings: list[str]) -> NamedNumbers | None:
    if not is_there(path):
        warnings.append(f"there is no {path.name} beside the drive; {CALIBRATION[path.name]}")
        return None
    try:
        content = read_file(path)
    except DamagedFile as error:
        warnings.append(f"{error}; {CALIBRATION[path.name]}")
        return None
    digest.add_text(path.name, content)
    values = NamedNumbers(path.name, content)
    warnings += values.warnings
    return values


def _rigid(values: NamedNumbers | None, warnings: list[str]) -> Matrix | None:
    """R and T of a file as [4, 4]; None, and a warning, when they cannot be used."""
    if values is None:
        return None
    try:
        matrix = np.hstack([values.numbers("R", 9).reshape(3, 3), values.numbers("T", 3).reshape(3, 1)])
        return mounted(matrix, f"{values.where('R')} and T")
    except BadLog as error:
        warnings.append(f"{error}; {CALIBRATION[values.name]}")
        return None


def _tracks(
    images: dict[str, Files], calibration: dict[str, NamedNumbers | None], warnings: list[str]
) -> list[CameraTrack]:
    cameras = calibration["calib_cam_to_cam.txt"]
    if cameras is None:
        return [CameraTrack(name, files, None, None) for name, files in images.items()]
    lidar_from_camera0 = None
    unrectified_from_lidar = _rigid(calibration["calib_velo_to_cam.txt"], warnings)
    if unrectified_from_lidar is not None:
        try:
            rectify = np.hstack([cameras.numbers("R_rect_00", 9).reshape(3, 3), np.zeros((3, 1))])
            rectified = rigid(rectify, cameras.where("R_rect_00"))
            lidar_from_camera0 = inverse(rectified @ unrectified_from_lidar)
        except BadLog as error:
            warnings.append(f"{error}; the cameras go on without extrinsics")
    tracks = []
    for name, files in images.items():
        key = f"P_rect_{name[-2:]}"
        known: tuple[Matrix | None, Matrix | None] = None, None
        try:
            known = camera_of(cameras.matrix(key), lidar_from_camera0, cameras.where(key))
        except BadLog as error:
            if files:
                warnings.append(f"{error}; {name} goes on without calibration")
        tracks.append(CameraTrack(name, files, *known))
    return tracks


def _poses(
    packets: Mapping[int, OxtsPacket | None],
    names: Mapping[int, str],
    imu: NamedNumbers | None,
    times: NDArray[np.float64],
    warnings: list[str],
) -> Sequence[Matrix | None]:
    """``world_from_lidar`` of each frame, None where it is not known."""
    if imu is None:
        return [None] * len(names)
    if not packets:
        warnings.append("there is no oxts/data; the log goes on without poses")
        return [None] * len(names)
    lidar_from_imu = _rigid(imu, warnings)
    if lidar_from_imu is None:
        return [None] * len(names)
    imu_from_lidar = inverse(lidar_from_imu)
    measured = {number: packet for number, packet in packets.items() if packet is not None}
    world_from_imu = np.tile(np.eye(4), (len(names), 1, 1))
    world_from_imu[:, :3] = np.nan
    if measured:
        first = next(iter(measured.values()))
        scale = np.cos(np.radians(first.lat))
        origin = pose_from_oxts_packet(first, scale)[1]
        for index, number in enumerate(names):
            if number in measured:
                rotation, position = pose_from_oxts_packet(measured[number], scale)
                world_from_imu[index, :3, :3] = rotation
                world_from_imu[index, :3, 3] = position - origin
    poses, sentences = usable_poses(world_from_imu @ imu_from_lidar, list(names.values()), times, "oxts/data")
    warnings += sentences
    return poses


def _packets(oxts: Files, digest: LogDigest) -> dict[int, OxtsPacket | None]:
    """The measurement in each file, None where it is not the 30 finite numbers it should be."""
    result = {}
    for number, entry in oxts.items():
        try:
            content = read_file(Path(entry.path), _PACKET)
        except DamagedFile:
            content = b""
        digest.add_text(f"oxts {stem(entry)}", content)
        result[number] = _packet(content)
    return result


def _packet(content: bytes) -> OxtsPacket | None:
    values = numbers_of(content.decode("utf-8-sig", "replace"))
    if values is None or len(values) != len(OxtsPacket._fields) or not np.isfinite(values).all():
        return None
    packet = OxtsPacket(*values)
    turned = max(abs(packet.roll), abs(packet.pitch), abs(packet.yaw))
    on_earth = abs(packet.lat) < 90 and abs(packet.lon) <= 360 and abs(packet.alt) < 20_000
    return packet if on_earth and turned <= 2 * np.pi else None
