"""KITTI-360: ``data_3d_raw``, ``data_2d_raw``, ``data_poses`` and ``calibration``, by file name.

The ego frame is the LiDAR frame; poses are those of the car's own unit (``poses.txt``), or else of its left camera
(``cam0_to_world.txt``). The two perspective cameras are read, rectified; the two fisheyes are not, for they have no K.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Sweep
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.spans import spans
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_folder, log_folders
from occlabel.stages.ingest.images import SUFFIXES, check_image, read_image
from occlabel.stages.ingest.kitti360_calibration import CAMERAS, Calibration, read_calibration, read_text
from occlabel.stages.ingest.kitti360_poses import read_numbered_poses
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.numbered import (
    CameraTrack,
    add_numbered,
    assemble,
    frame_names,
    missing_files,
    numbered,
)
from occlabel.stages.ingest.poses import usable_poses
from occlabel.stages.ingest.scans import KITTI, read_scan
from occlabel.stages.ingest.time_stamps import stamped_times
from occlabel.stages.ingest.without_truth import WithoutTruth

_SCANS, _IMAGES, _POSES = "data_3d_raw", "data_2d_raw", "data_poses"


@dataclass(frozen=True, slots=True)
class Kitti360Reader(WithoutTruth):
    """Reads the drives under ``root``; a log's id is the name of its drive. There is no truth."""

    root: Path

    def log_ids(self) -> list[str]:
        parts = [self.root / part for part in (_SCANS, _IMAGES) if is_folder(self.root / part)]
        return sorted({name for part in parts for name in log_folders(part) if "_drive_" in name})

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        known = self.log_ids()
        for log_id in known if ids is None else ids:
            if log_id not in known:
                raise BadLog(f"{self.root} has no drive {log_id!r}; it has {', '.join(known[:20]) or 'none'}")
            yield _drive_log(self.root, log_id)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return read_scan(sweep.path, KITTI)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera)

    def check_image(self, camera: Camera) -> None:
        check_image(camera)


def _drive_log(root: Path, log_id: str) -> DriveLog:
    """Raises BadLog for a drive without frames."""
    warnings: list[str] = []
    lidar, shots = root / _SCANS / log_id / "velodyne_points", root / _IMAGES / log_id
    scans = numbered(lidar / "data", (".bin",), warnings)
    images = {name: numbered(shots / name / "data_rect", SUFFIXES, warnings) for name in CAMERAS}
    names = frame_names({*scans}.union(*images.values()), [scans, *images.values()])
    if not names:
        lacking = f"drive {log_id} has no frames: neither {lidar}/data/*.bin nor {shots}/image_00/data_rect/*.png"
        raise BadLog(". ".join([lacking, *warnings]))
    warnings += missing_files(names, {"scan": scans, **{f"image of {name}": files for name, files in images.items()}})
    digest = LogDigest()
    for kind, files in (("velodyne_points", scans), *images.items()):
        add_numbered(digest, kind, files, warnings)
    stamped = {"velodyne_points": lidar / "timestamps.txt"} | {n: shots / n / "timestamps.txt" for n in CAMERAS}
    times = stamped_times(stamped, names, digest, warnings)
    calibration = read_calibration(root / "calibration", digest, warnings)
    poses = _poses(root / _POSES / log_id, calibration, names, times, digest, warnings)
    tracks = [
        CameraTrack(name, files, calibration.intrinsics.get(name), calibration.lidar_from_camera.get(name))
        for name, files in images.items()
    ]
    frames = assemble(names, times.tolist(), poses, scans, tracks, truth={})
    warnings += off_middle(frames)
    return DriveLog(log_id, digest.stamp, digest.text, frames, tuple(warnings))


def _poses(
    folder: Path,
    calibration: Calibration,
    names: Mapping[int, str],
    times: NDArray[np.float64],
    digest: LogDigest,
    warnings: list[str],
) -> list[Matrix | None]:
    """``world_from_lidar`` of each frame, None where it is not known."""
    for file, sensor_from_lidar in calibration.posed_from_lidar.items():
        content = read_text(folder / file, digest, warnings, "is not used")
        known = None if content is None else read_numbered_poses(file, content, warnings)
        if not known:
            continue
        matrices = np.full((len(names), 4, 4), np.nan)
        for index, number in enumerate(names):
            if number in known:
                matrices[index] = known[number] @ sensor_from_lidar
        lacking = [index for index, number in enumerate(names) if number not in known]
        if lacking:
            which = spans(list(names.values())[index] for index in lacking)
            warnings.append(f"{file} has no pose of {len(lacking)} of {len(names)} frames: {which}")
        poses, sentences = usable_poses(matrices, list(names.values()), times, file, lacking)
        warnings += sentences
        return poses
    warnings.append(f"the log goes on without poses: none of {folder}/poses.txt and cam0_to_world.txt can be used")
    return [None] * len(names)
