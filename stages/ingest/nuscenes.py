"""nuScenes, with lidarseg, panoptic and Occ3D truth where they lie beside it.

A log is a scene, its frames are the key frames (samples). The ego frame of a frame is the car at the time of its LiDAR
turn; cameras fire some milliseconds apart, so each camera's extrinsics include the car's motion in between.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointSegments, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.formats.nuscenes_categories import OCC3D_CLASS
from occlabel.schemas.formats.nuscenes_panoptic import read_codes
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_folder, read_file
from occlabel.stages.ingest.images import check_image, read_image
from occlabel.stages.ingest.nuscenes_scene import is_log_id, read_scene
from occlabel.stages.ingest.nuscenes_tables import Row, Tables
from occlabel.stages.ingest.scans import NUSCENES, read_scan
from occlabel.stages.ingest.voxel_truth import read_occ3d


@dataclass(frozen=True, slots=True)
class NuScenesReader:
    """Reads the scenes of every version under ``root``, a scene that several versions have once. The tables are loaded
    once per process and are no part of the reader, so that a reader travels lightly."""

    root: Path

    def log_ids(self) -> list[str]:
        return sorted(_scenes(self.root))

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        scenes = _scenes(self.root)
        for log_id in sorted(scenes) if ids is None else ids:
            if log_id not in scenes:
                known = sorted(scenes)
                raise BadLog(f"{self.root} has no scene {log_id!r}; it has {', '.join(known[:20]) or 'none'}")
            scene = scenes[log_id]
            if scene.fault:
                raise BadLog(scene.fault)
            log = read_scene(_tables(self.root, scene.version), self.root, scene.row)
            yield replace(log, warnings=(*scene.warnings, *log.warnings))

    def stamp(self) -> str:
        """Of all tables and key-frame files, by name, size and time of change: the tables take seconds to load."""
        digest = LogDigest()
        folders = [self.root / version for version in versions(self.root)]
        folders += sorted(path for path in (self.root / "samples").glob("*") if is_folder(path))
        for folder in folders:
            digest.add_files(str(folder.relative_to(self.root)), _files(folder))
        return digest.stamp

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return read_scan(sweep.path, NUSCENES)

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
        points = len(self.points(frame.sweep)) if points is None else points
        index = np.frombuffer(read_file(path), np.uint8)
        if len(index) != points:
            raise DamagedFile(f"{path} labels {len(index)} points, its scan has {points}")
        table = frame.truth.point_classes
        assert table is not None  # see read_scene
        (classes, known), segments = _class_by_index(table, content_of(table)), None
        if wrong := np.flatnonzero(np.bincount(index, minlength=256) * ~known).tolist():
            raise DamagedFile(
                f"{path} holds the index {wrong[0]}, which is none of category.json; it is damaged, or of another "
                "release"
            )
        if frame.truth.point_objects is not None:
            category, instance = read_codes(frame.truth.point_objects, points)
            segments = PointSegments(classes[category], category, instance)
        return PointTruth(classes[index], taxonomy_preset("occ3d"), segments)


def versions(root: Path) -> list[str]:
    """Versions whose tables lie under ``root``; last ``v1.0-mini``, which repeats scenes of ``v1.0-trainval``."""
    found = (path.parent.name for path in root.glob("v1.0-*/scene.json"))
    return sorted(found, key=lambda version: (version == "v1.0-mini", version))


class _Scene(NamedTuple):
    """Where a scene is."""

    version: str
    row: Row
    warnings: tuple[str, ...]
    fault: str = ""
    """Why no scene of the version can be read."""


def _scenes(root: Path) -> dict[str, _Scene]:
    """Id of the log -> its scene: of two of one name the first. A row without a name, which cannot be read, is a log
    all the same: it is listed with the reason. So is a version of several whose table of scenes is broken. Raises
    BadLog where there is none that is not."""
    result: dict[str, _Scene] = {}
    broken: dict[str, BadLog] = {}
    for version in versions(root):
        tables = _tables(root, version)
        try:
            rows = tables.scenes
        except BadLog as error:
            broken[version] = error
            continue
        for number, row in enumerate(rows):
            log_id = _log_id(row, f"{version}-scene-{number}")
            first = result.setdefault(log_id, _Scene(version, row, ()))
            if first.row.get("token") != row.get("token"):
                sentence = f"{tables.where('scene')} has another scene {log_id}; that of {first.version} is read"
                result[log_id] = first._replace(warnings=(*first.warnings, sentence))
    if broken and not result:
        raise next(iter(broken.values()))
    for version, why in broken.items():
        result.setdefault(version, _Scene(version, {}, (), f"none of the scenes of {version} can be read: {why}"))
    if not result:
        raise BadLog(f"{root} has no scenes: {', '.join(f'{name}/scene.json' for name in versions(root))} has no rows")
    return result


def _log_id(row: Row, otherwise: str) -> str:
    for value in (row.get("name"), row.get("token")):
        if is_log_id(value):
            return str(value)
    return otherwise


def _tables(root: Path, version: str) -> Tables:
    """Loaded again when one of them was rewritten."""
    digest = LogDigest()
    digest.add_files(version, _files(root / version))
    return _loaded(root / version, digest.stamp)


@lru_cache(maxsize=4)
def _loaded(folder: Path, stamp: str) -> Tables:
    return Tables(folder)


def _files(folder: Path) -> list[tuple[str, os.stat_result | None]]:
    """The files of a folder by name, None for a link that leads nowhere; none when it cannot be listed."""
    result: list[tuple[str, os.stat_result | None]] = []
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []
    for entry in listed:
        try:
            if entry.is_dir():
                continue
            result.append((entry.name, entry.stat()))
        except OSError:
            result.append((entry.name, None))
    return result


@lru_cache(maxsize=4)
def _class_by_index(path: Path, content: str) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Occ3D class by lidarseg index, [256], and which are the index of a category. By its ``content``, a digest, the
    table of categories is known again. Raises DamagedFile when it does not say."""
    table, known = np.full(256, UNKNOWN, np.uint8), np.zeros(256, np.bool_)
    try:
        rows = {int(row["index"]): str(row["name"]) for row in json.loads(read_file(path))}
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DamagedFile(f"{path} does not say 'index' and 'name' of each category, which lidarseg needs") from error
    for index, name in rows.items():
        if 0 <= index < 256:
            table[index], known[index] = OCC3D_CLASS.get(name, UNKNOWN), True
    return table, known
