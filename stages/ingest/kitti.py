"""KITTI odometry and SemanticKITTI: ``sequences/XX/{velodyne,image_2,image_3,labels,voxels}``, by file name.

The ego frame is the LiDAR frame. ``calib.txt`` holds the rectified projections P0..P3 and ``Tr`` (camera 0 from LiDAR);
``poses.txt`` (or ``poses/XX.txt``) is camera 0 in the world of the first camera 0, so a LiDAR pose is
``inv(Tr) @ pose @ Tr``. SemanticKITTI has no boxes; where ``boxes.txt`` lies beside them, it has.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Box, Camera, DriveLog, Frame, PointSegments, PointTruth, Sweep, Truth, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.formats.kitti_boxes import read_boxes
from occlabel.schemas.formats.rows import Rows, numbers_on, values_of
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.calibration import NamedNumbers, camera_of, mounted
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_folder, is_there, log_folders, read_file
from occlabel.stages.ingest.images import check_image, read_image
from occlabel.stages.ingest.kitti_files import CAMERAS, SequenceFiles, sequence_files
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.numbered import CameraTrack, Files, add_numbered, assemble, missing_files
from occlabel.stages.ingest.poses import SIZES, read_poses, usable_poses
from occlabel.stages.ingest.scans import KITTI, read_scan
from occlabel.stages.ingest.times import assumed, read_times
from occlabel.stages.ingest.voxel_truth import read_semantickitti


@dataclass(frozen=True, slots=True)
class KittiReader:
    """Reads the sequences under ``root/sequences``; a log's id is the name of its sequence."""

    root: Path

    def log_ids(self) -> list[str]:
        folder = self.root / "sequences"
        if not folder.is_dir():
            raise BadLog(f"{self.root} is no KITTI root: it has no folder 'sequences'")
        return log_folders(folder)

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log_id in self.log_ids() if ids is None else ids:
            # Not looked up in log_ids(): asked for one by one, ten thousand logs would be listed ten thousand times.
            plain = log_id == Path(log_id).name and log_id[:1] not in ("", ".")
            folder = self.root / "sequences" / log_id
            if not plain or not is_folder(folder):
                if plain and is_there(folder):
                    raise BadLog(f"sequence {log_id}: {folder} is a link that leads nowhere, or no folder")
                raise BadLog(
                    f"{self.root} has no sequence {log_id!r}; it has {', '.join(self.log_ids()[:20]) or 'none'}"
                )
            yield _drive_log(self.root, log_id)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return read_scan(sweep.path, KITTI)

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
        remark = semantickitti.other_ids(raw, frame.truth.points)
        taxonomy = taxonomy_preset("semantickitti")
        semantics = taxonomy.from_raw[raw]
        semantics[raw == 0] = UNKNOWN
        return PointTruth(semantics, taxonomy, PointSegments(semantics, raw, instance), remark)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What ``calib.txt`` says: rigid ``camera0_from_lidar`` [4, 4], None without ``Tr``, and per colour camera its K
    [3, 3] and ``lidar_from_camera`` [4, 4], both None without its projection, the latter without ``Tr`` too."""

    camera0_from_lidar: Matrix | None = None
    cameras: Mapping[str, tuple[Matrix | None, Matrix | None]] = field(default_factory=dict)


def _drive_log(root: Path, log_id: str) -> DriveLog:
    """Raises BadLog for a sequence without frames."""
    folder = root / "sequences" / log_id
    digest = LogDigest()
    files = sequence_files(folder)
    names = files.names
    if not names:
        lacking = f"sequence {log_id} has no frames: neither velodyne/*.bin nor image_2/*.png in {folder}"
        raise BadLog(". ".join([lacking, *files.warnings]))
    sensors = {"scan": files.scans, **{f"image of {name}": images for name, images in files.images.items()}}
    warnings = [*files.warnings, *missing_files(names, sensors)]
    for kind, found in (("velodyne", files.scans), *files.images.items()):
        add_numbered(digest, kind, found, warnings)

    calibration = _calibration(folder, [name for name in CAMERAS if files.images[name]], digest, warnings)
    stamps = _rows(folder / "times.txt", "times", (1,), digest, warnings)
    rows = _rows(_poses_file(root, log_id), "poses", SIZES, digest, warnings)
    times = _times(stamps, names, rows.counts if rows else (), warnings)
    others = stamps.counts if stamps else ()
    poses = _poses(rows, names, others, times, calibration.camera0_from_lidar, warnings)
    tracks = [
        CameraTrack(name, images, *calibration.cameras.get(name, (None, None))) for name, images in files.images.items()
    ]
    frames = assemble(names, times.tolist(), poses, files.scans, tracks, _truth(folder, files, warnings))
    warnings += off_middle(frames)
    return DriveLog(log_id, digest.stamp, digest.text, frames, tuple(warnings))


_WITHOUT = {
    "calib": "the log goes on without poses, its cameras without calibration",
    "times": "times are taken as 10 Hz",
    "poses": "the log goes on without poses",
}
"""Text of a log -> what becomes of it without."""


def _content(path: Path, kind: str, digest: LogDigest, warnings: list[str]) -> bytes | None:
    """Of a text of the log, which is noted; None, and a warning, when it is not there or cannot be read."""
    if not is_there(path):
        warnings.append(f"there is no {kind}.txt; {_WITHOUT[kind]}")
        return None
    try:
        content = read_file(path)
    except DamagedFile as error:
        warnings.append(f"{error}; {_WITHOUT[kind]}")
        return None
    digest.add_text(kind, content)
    return content


def _calibration(folder: Path, cameras: list[str], digest: LogDigest, warnings: list[str]) -> Calibration:
    """Of the log, whose images are of ``cameras``. What cannot be used is as good as not there, and said."""
    content = _content(folder / "calib.txt", "calib", digest, warnings)
    if content is None:
        return Calibration()
    values = NamedNumbers("calib.txt", content)
    warnings += values.warnings
    camera0_from_lidar, lidar_from_camera0 = None, None
    try:
        camera0_from_lidar = mounted(values.matrix("Tr"), values.where("Tr"))
        lidar_from_camera0 = inverse(camera0_from_lidar)
    except BadLog as error:
        warnings.append(f"{error} (camera 0 from LiDAR); the log goes on without poses, its cameras without extrinsics")
    known = {}
    for name, key in CAMERAS.items():
        try:
            known[name] = camera_of(values.matrix(key), lidar_from_camera0, values.where(key))
        except BadLog as error:
            if name in cameras:
                warnings.append(f"{error}; {name} goes on without calibration")
    return Calibration(camera0_from_lidar, known)


def _rows(path: Path, kind: str, columns: tuple[int, ...], digest: LogDigest, warnings: list[str]) -> Rows | None:
    content = _content(path, kind, digest, warnings)
    if content is None:
        return None
    return Rows(path.name if path.name == f"{kind}.txt" else f"{kind}/{path.name}", content, numbers_on(*columns))


def _poses_file(root: Path, log_id: str) -> Path:
    beside = root / "sequences" / log_id / "poses.txt"
    return beside if is_there(beside) else root / "poses" / f"{log_id}.txt"


def _times(
    stamps: Rows | None, names: Mapping[int, str], others: Collection[int], warnings: list[str]
) -> NDArray[np.float64]:
    """Seconds of each frame; 10 Hz when there is no ``times.txt``."""
    if stamps is None:
        return assumed(names)
    return read_times(stamps, names, others, lambda text: float(values_of([text], 1)[0, 0]), warnings)


def _poses(
    rows: Rows | None,
    names: Mapping[int, str],
    others: Collection[int],
    times: NDArray[np.float64],
    camera0_from_lidar: Matrix | None,
    warnings: list[str],
) -> Sequence[Matrix | None]:
    """``world_from_lidar`` of each frame, None where it is not known."""
    if rows is None or camera0_from_lidar is None:
        return [None] * len(names)
    written = read_poses(rows, names, others, warnings)
    if written is None:
        return [None] * len(names)
    world_from_lidar = inverse(camera0_from_lidar) @ written.matrices @ camera0_from_lidar
    poses, sentences = usable_poses(world_from_lidar, list(names.values()), times, rows.name, written.said)
    warnings += sentences
    return poses


def _truth(folder: Path, files: SequenceFiles, warnings: list[str]) -> dict[int, Truth]:
    boxes: dict[int, list[Box]] = {}
    if is_there(folder / "boxes.txt"):
        try:
            boxes = {int(frame): found for frame, found in read_boxes(folder / "boxes.txt").items()}
        except DamagedFile as error:
            warnings.append(f"{error}; the log goes on without boxes")

    def path(labels: Files, number: int) -> Path | None:
        return Path(labels[number].path) if number in labels else None

    return {
        number: Truth(path(files.voxels, number), path(files.points, number), tuple(boxes.get(number, ())))
        for number in {*files.points, *files.voxels, *boxes}
    }
