"""Boxes of objects from files, to cut what moves out of each sweep and to put it back where it is in another."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import BadPredictions, DamagedFile
from occlabel.schemas.formats.content import content_of
from occlabel.schemas.formats.kitti_boxes import read_boxes
from occlabel.schemas.formats.nuscenes_categories import OCC3D_CLASS
from occlabel.schemas.geometry import Matrix, inverse, rotation_from_quaternion
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy, taxonomy_preset

_TABLES = ("sample_annotation", "instance", "category", "sample_data", "ego_pose")
_Row = tuple[str, int, Matrix, tuple[float, float, float]]
"""Instance, Occ3D class, ego_from_box and size [m] of an annotated box."""


@dataclass(frozen=True, slots=True)
class ObjectBox:
    """One object in one frame."""

    instance: str
    class_id: int
    """UNKNOWN where the taxonomy has no class of its name."""
    pose: Matrix
    """[4, 4] of the box: ``ego_from_box`` where it ``rides``, else ``world_from_box``."""
    size: tuple[float, float, float]
    """Length, width, height [m]."""
    rides: bool
    """Whether it is given from the car, so that other poses of the car take it along."""

    def in_world(self, world_from_ego: Matrix) -> Matrix:
        return world_from_ego @ self.pose if self.rides else self.pose


@dataclass(frozen=True)
class BoxFiles:
    """``path`` is a ``boxes.txt`` of one log, a root with ``sequences/<log>/boxes.txt``, or a root of nuScenes: the
    annotations of all of its versions are read, with the poses that they were made by."""

    path: Path

    def refusal(self) -> str | None:
        if self.path.is_file() or any(self.path.glob("sequences/*/boxes.txt")) or self._tables():
            return None
        return (
            f"{self.path} holds no boxes; expected a boxes.txt, a root with sequences/<log>/boxes.txt, or one with "
            "v1.0-<..>/sample_annotation.json"
        )

    @property
    def ride(self) -> bool:
        """Whether boxes are given from the car, as those of nuScenes, or in the world by the poses of the log."""
        return bool(self._tables())

    def digest(self, log: str) -> str:
        digest, tables = hashlib.blake2b(digest_size=16), self._tables()
        files = [folder / f"{name}.json" for folder in tables for name in _TABLES] or [self._text(log)]
        for file in files:
            digest.update(f"{file.name}\0{content_of(file)}\n".encode())
        return digest.hexdigest()

    def of(self, log: str, taxonomy: Taxonomy) -> Mapping[str, list[ObjectBox]]:
        """By the name of the frame. Raises DamagedFile."""
        tables = self._tables()
        if tables:
            return _nuscenes(_annotations(tables, self.digest(log)), taxonomy)
        if not self._text(log).is_file():
            return {}
        ids = {name: id_ for id_, name in enumerate(taxonomy.names) if id_ != taxonomy.free_id}
        return {frame: [_placed(box, ids) for box in boxes] for frame, boxes in read_boxes(self._text(log)).items()}

    def _text(self, log: str) -> Path:
        if self.path.is_file():
            return self.path
        if log in {"", ".", ".."} or "/" in log or "\\" in log:
            raise BadPredictions(f"log {log!r} cannot be the name of a folder of boxes")
        return self.path / "sequences" / log / "boxes.txt"

    def _tables(self) -> tuple[Path, ...]:
        """Of all versions of nuScenes; last ``v1.0-mini``, which repeats samples of ``v1.0-trainval``."""
        versions = sorted(self.path.glob("v1.0-*"), key=lambda place: (place.name == "v1.0-mini", place.name))
        return tuple(place for place in (self.path, *versions) if (place / "sample_annotation.json").is_file())


def _placed(box: Box, ids: Mapping[str, int]) -> ObjectBox:
    return ObjectBox(box.instance, ids.get(box.category, UNKNOWN), box.world_from_box, box.size, rides=False)


def _nuscenes(annotations: Mapping[str, list[_Row]], taxonomy: Taxonomy) -> dict[str, list[ObjectBox]]:
    classes = taxonomy_preset("occ3d").names
    ids = {name: id_ for id_, name in enumerate(taxonomy.names) if id_ != taxonomy.free_id}
    return {
        sample: [
            ObjectBox(instance, UNKNOWN if class_ == UNKNOWN else ids.get(classes[class_], UNKNOWN), pose, size, True)
            for instance, class_, pose, size in boxes
        ]
        for sample, boxes in annotations.items()
    }


@lru_cache(maxsize=1)
def _annotations(folders: tuple[Path, ...], content: str) -> dict[str, list[_Row]]:
    """Sample token -> instance, Occ3D class, ego_from_box and size of each box; of a sample that several folders have,
    by the first. By their ``content``, a digest, folders are known again. Raises DamagedFile."""
    return {sample: boxes for folder in reversed(folders) for sample, boxes in _of_version(folder).items()}


def _of_version(folder: Path) -> dict[str, list[_Row]]:
    """As ``_annotations``, of the tables in one folder."""
    tables = {name: _table(folder / f"{name}.json") for name in _TABLES}
    result: dict[str, list[_Row]] = defaultdict(list)
    try:
        category = {row["token"]: OCC3D_CLASS.get(row["name"], UNKNOWN) for row in tables["category"]}
        class_of = {row["token"]: category[row["category_token"]] for row in tables["instance"]}
        pose_of = {
            row["sample_token"]: row["ego_pose_token"]
            for row in tables["sample_data"]
            if row["is_key_frame"] and "LIDAR_TOP" in row["filename"]
        }
        wanted = set(pose_of.values())
        poses = {row["token"]: inverse(_transform(row)) for row in tables["ego_pose"] if row["token"] in wanted}
        for row in tables["sample_annotation"]:
            ego_from_world = poses.get(pose_of.get(row["sample_token"], ""))
            if ego_from_world is not None:
                width, length, height = map(float, row["size"])
                pose = ego_from_world @ _transform(row)
                found = (row["instance_token"], class_of[row["instance_token"]], pose, (length, width, height))
                result[row["sample_token"]].append(found)
    except (KeyError, TypeError, ValueError) as error:
        raise DamagedFile(f"the tables of boxes in {folder} do not fit together: {error!r}") from error
    return result


def _table(path: Path) -> list[dict[str, Any]]:
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise DamagedFile(f"{path}, which boxes need, cannot be read: {error}") from error
    return rows


def _transform(row: dict[str, Any]) -> Matrix:
    result = np.eye(4)
    result[:3, :3] = rotation_from_quaternion(row["rotation"])
    result[:3, 3] = row["translation"]
    return result
