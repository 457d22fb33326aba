"""nuScenes through its devkit, with lidarseg, panoptic and Occ3D truth where they lie beside it.

A log is a scene, its frames are the key frames (samples). The ego frame of a frame is the car at the time of its LiDAR
turn; cameras fire some milliseconds apart, so each camera's extrinsics include the car's motion in between.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointSegments, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.nuscenes_categories import OCC3D_CLASS
from occlabel.schemas.formats.nuscenes_panoptic import read_codes
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.images import check_image, read_image
from occlabel.stages.ingest.nuscenes_scene import read_scene
from occlabel.stages.ingest.scans import read_scan
from occlabel.stages.ingest.voxel_truth import read_occ3d


@dataclass(frozen=True, slots=True)
class NuScenesReader:
    """Reads the scenes of every version under ``root`` (the mini version only when it is alone). The devkit's database
    is loaded once per process and is no part of the reader, so that a reader travels lightly."""

    root: Path

    def log_ids(self) -> list[str]:
        return sorted(_scenes(self.root))

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        scenes = _scenes(self.root)
        for log_id in sorted(scenes) if ids is None else ids:
            if log_id not in scenes:
                known = sorted(scenes)
                raise BadLog(f"{self.root} has no scene {log_id!r}; it has {', '.join(known[:20]) or 'none'}")
            version, token = scenes[log_id]
            try:
                yield read_scene(_database(self.root, version), self.root, token)
            except (KeyError, ValueError, TypeError) as error:
                raise BadLog(f"scene {log_id}: the tables of {version} do not fit together ({error!r})") from error

    def stamp(self) -> str:
        """Of all tables and key-frame files, by name, size and time of change: the devkit takes seconds to load."""
        digest = LogDigest()
        folders = [self.root / version for version in versions(self.root)]
        folders += sorted(path for path in (self.root / "samples").glob("*") if path.is_dir())
        for folder in folders:
            with os.scandir(folder) as entries:
                files = sorted((entry.name, entry.stat()) for entry in entries if entry.is_file())
            digest.add_files(str(folder.relative_to(self.root)), files)
        return digest.stamp

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        points = read_scan(sweep.path, columns=5)[:, :4]
        return points / np.array([1, 1, 1, 255], np.float32)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return read_image(camera)

    def check_image(self, camera: Camera) -> None:
        check_image(camera)

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None if frame.truth.voxels is None else read_occ3d(frame.truth.voxels)

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        """lidarseg as Occ3D classes; categories that the challenges ignore are UNKNOWN. Segments come from the panoptic
        file of the sweep, classes and all, where there is one."""
        path = frame.truth.points
        if path is None or frame.sweep is None:
            return None
        try:
            index = np.fromfile(path, np.uint8)
        except OSError as error:
            raise DamagedFile(f"{path} cannot be read: {error.strerror}") from error
        points = len(self.points(frame.sweep)) if points is None else points
        if len(index) != points:
            raise DamagedFile(f"{path} labels {len(index)} points, its scan has {points}")
        classes, segments = _class_by_index(self.root, path.parent.name), None
        if frame.truth.point_objects is not None:
            category, instance = read_codes(frame.truth.point_objects, points)
            segments = PointSegments(classes[category], category, instance)
        return PointTruth(classes[index], taxonomy_preset("occ3d"), segments)


def versions(root: Path) -> list[str]:
    """Versions whose tables lie under ``root``: ``v1.0-mini`` repeats scenes of ``v1.0-trainval``, so it counts only
    when it is alone."""
    found = sorted(path.parent.name for path in root.glob("v1.0-*/scene.json"))
    return [version for version in found if version != "v1.0-mini"] or found


def _database(root: Path, version: str) -> Any:
    """The devkit's tables, loaded again when they were rewritten. Raises BadLog when they are incomplete."""
    return _loaded(root, version, (root / version / "scene.json").stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _loaded(root: Path, version: str, changed: int) -> Any:
    from nuscenes.nuscenes import NuScenes

    try:
        return NuScenes(version=version, dataroot=str(root), verbose=False)
    except (AssertionError, KeyError, IndexError, OSError, ValueError, TypeError) as error:
        raise BadLog(
            f"{root}/{version} cannot be opened by the nuScenes devkit ({type(error).__name__}: {error}); it needs all "
            "13 tables, the map images that map.json names, and every file that lidarseg.json names"
        ) from error


def _scenes(root: Path) -> dict[str, tuple[str, str]]:
    """Scene name -> version and token."""
    return {
        scene["name"]: (version, scene["token"])
        for version in versions(root)
        for scene in _database(root, version).scene
    }


@lru_cache(maxsize=4)
def _class_by_index(root: Path, version: str) -> NDArray[np.uint8]:
    """Occ3D class by lidarseg index, [256]."""
    table = np.full(256, UNKNOWN, np.uint8)
    for category in json.loads((root / version / "category.json").read_text()):
        table[category["index"]] = OCC3D_CLASS.get(category["name"], UNKNOWN)
    return table
