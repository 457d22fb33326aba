"""One scene of nuScenes as a drive log, from the rows of its tables."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Box, Camera, DriveLog, Frame, Sweep, Truth
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse, rotation_from_quaternion
from occlabel.schemas.spans import spans
from occlabel.stages.ingest.calibration import mounted
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.files import is_there
from occlabel.stages.ingest.lenses import off_middle
from occlabel.stages.ingest.nuscenes_tables import CAMERAS, LIDAR, RADARS, Row, Tables
from occlabel.stages.ingest.poses import usable_poses
from occlabel.stages.ingest.times import mended


def read_scene(tables: Tables, root: Path, scene: Row) -> DriveLog:
    """The scene of a row of the scene table. Raises BadLog for tables that do not fit together."""
    name = tables.checked("scene", scene)["name"]
    if not is_log_id(name):
        raise BadLog(f"{tables.where('scene')}: {name!r} is no name of a log; a log is named as a folder can be")
    try:
        samples = list(_samples(tables, scene))
        return _SceneReading(tables, root, name).log(scene, samples)
    except BadLog as error:
        raise BadLog(f"scene {name}: {error}") from error


def is_log_id(name: Any) -> bool:
    """Whether a log can be called so."""
    return isinstance(name, str) and name == Path(name).name and not name.startswith(".") and name.isprintable()


def _samples(tables: Tables, scene: Row) -> Iterator[Row]:
    seen: set[str] = set()
    token = scene["first_sample_token"]
    while token:
        if token in seen:
            raise BadLog(
                f"{tables.where('sample')}: 'next' of its samples leads back to {token!r}; copy the table again"
            )
        seen.add(token)
        sample = tables.get("sample", token)
        if sample.get("scene_token", scene["token"]) != scene["token"]:
            raise BadLog(
                f"{tables.where('sample')}: 'next' of its samples leads to {token!r}, a sample of the scene "
                f"{sample['scene_token']!r}; copy the table again"
            )
        yield sample
        token = sample["next"]


_BETWEEN = 20.0
"""[m] that a car may drive between the LiDAR turn and the image of a frame."""


class _SceneReading:
    """What is gathered while the frames of a scene are read: its digest, and which files are not there."""

    def __init__(self, tables: Tables, root: Path, scene: str) -> None:
        self._tables, self._root, self._scene = tables, root, scene
        self._digest = LogDigest()
        self._recorded: set[str] = set()
        self._absent: defaultdict[str, list[int]] = defaultdict(list)
        self._unnamed: defaultdict[str, list[int]] = defaultdict(list)
        self._odd: defaultdict[str, list[int]] = defaultdict(list)
        """What is odd in frames, in words -> their indices."""
        self._no_boxes: list[str] = []
        """Why boxes are left out."""
        self._no_truth: set[str] = set()
        """Why there is no truth of a kind at all."""

    def log(self, scene: Row, samples: list[Row]) -> DriveLog:
        if not samples:
            raise BadLog("it has no samples")
        rows = [dict(self._present(sample, index)) for index, sample in enumerate(samples)]
        if not self._recorded:
            raise BadLog(
                f"no row of {self._tables.where('sample_data')} is of {LIDAR} or a camera, names a sample of it by "
                "'sample_token' and is a key frame; copy the table again"
            )
        names = [str(index) for index in range(len(samples))]
        times, warnings = mended(
            np.array([_seconds(sample) for sample in samples]),
            range(len(samples)), names, self._tables.where("sample"),
        )  # fmt: skip
        # Without a LiDAR turn any camera's pose places the frame, to within the car's motion between two sensors.
        references = [row.get(LIDAR) or next(iter(row.values()), None) for row in rows]
        written = np.array([np.full((4, 4), np.nan) if row is None else self._pose(row) for row in references])
        nothing = frozenset(index for index, row in enumerate(references) if row is None)
        poses, sentences = usable_poses(written, names, times, self._tables.where("ego_pose"), nothing)
        frames = tuple(
            self._frame(index, sample, rows[index], float(times[index]), poses[index])
            for index, sample in enumerate(samples)
        )
        warnings = [*self._warnings(scene, len(frames)), *sentences, *warnings]
        location = None
        try:
            place = self._tables.find("log", scene.get("log_token"))
            location = None if place is None else str(place["location"])
            if place is None:
                raise BadLog(f"there is no row of the scene in {self._tables.where('log')}")
        except BadLog as error:
            warnings.append(f"{error}; it is not known where the log was taken")
        warnings += off_middle(frames)
        return DriveLog(self._scene, self._digest.stamp, self._digest.text, frames, tuple(warnings), location)

    def _present(self, sample: Row, index: int) -> Iterator[tuple[str, Row]]:
        """The channels that have a row and a file, which enter the digest; the others are noted as absent."""
        self._digest.add_text("sample", sample["token"].encode())
        data = self._tables.data_of(sample["token"])
        for channel in sorted(data.keys() - {LIDAR, *CAMERAS, *RADARS}):
            where = self._tables.where("sensor")
            self._odd[f"{where} has the channel {channel!r}, which no car of nuScenes has; it is left out"].append(
                index
            )
        for channel in (LIDAR, *CAMERAS):
            row = data.get(channel)
            if row is None:
                self._unnamed[channel].append(index)
                continue
            self._recorded.add(channel)
            try:
                stat = (self._root / row["filename"]).stat()
            except (OSError, ValueError):  # a link in a circle, a name with a zero in it
                self._absent[channel].append(index)
                continue
            calibration = self._tables.get("calibrated_sensor", row["calibrated_sensor_token"])
            pose = self._tables.find("ego_pose", row["ego_pose_token"]) or {}
            values = [row.get(field) for field in ("timestamp", "width", "height")]
            values.append(calibration.get("camera_intrinsic"))
            values += [source.get(field) for source in (calibration, pose) for field in ("translation", "rotation")]
            self._digest.add_text(channel, json.dumps(values).encode())
            self._digest.add_files(channel, [(row["filename"], stat)])
            yield channel, row

    def _frame(
        self, index: int, sample: Row, rows: dict[str, Row], time: float, world_from_ego: Matrix | None
    ) -> Frame:
        cameras = tuple(
            self._camera(channel, row, world_from_ego, time, index) for channel, row in rows.items() if channel != LIDAR
        )
        sweep = None
        if LIDAR in rows:
            path, taken = self._root / rows[LIDAR]["filename"], _seconds(rows[LIDAR], time)
            sweep = Sweep(path, self._ego_from_sensor(LIDAR, rows[LIDAR]), taken, rows[LIDAR]["token"])
        return Frame(sample["token"], time, world_from_ego, cameras, sweep, self._truth(index, sample, rows.get(LIDAR)))

    def _pose(self, row: Row) -> Matrix:
        """NaN where it is not known."""
        return _transform(self._tables.find("ego_pose", row["ego_pose_token"]) or {})

    def _ego_from_sensor(self, channel: str, row: Row) -> Matrix:
        calibration = self._tables.get("calibrated_sensor", row["calibrated_sensor_token"])
        where = f"{self._tables.where('calibrated_sensor')}: 'translation' and 'rotation' of {channel}"
        matrix = _transform(calibration)
        if not np.isfinite(matrix).all():
            raise BadLog(f"{where} are not three numbers and a unit quaternion; copy the table again")
        return mounted(matrix, where)

    def _camera(self, channel: str, row: Row, world_from_ego: Matrix | None, time: float, index: int) -> Camera:
        calibration = self._tables.get("calibrated_sensor", row["calibrated_sensor_token"])
        ego_from_camera: Matrix | None = None
        try:
            ego_from_camera = self._ego_from_sensor(channel, row)
        except BadLog as error:
            self._odd[f"{error}; it goes on without extrinsics"].append(index)
        if ego_from_camera is not None and world_from_ego is not None:
            world_from_ego_then = self._pose(row)
            moved = inverse(world_from_ego) @ world_from_ego_then
            if np.linalg.norm(moved[:3, 3]) > _BETWEEN:
                where = f"{self._tables.where('ego_pose')} has a pose of {channel} far from that of its frame"
                self._odd[f"{where}; it goes on without extrinsics"].append(index)
                ego_from_camera = None
            elif np.isfinite(world_from_ego_then).all():
                ego_from_camera = moved @ ego_from_camera
            else:
                where = f"{self._tables.where('ego_pose')} has no pose of {channel}"
                self._odd[f"{where}, which is taken for that of its frame"].append(index)
        intrinsics = _numbers(calibration.get("camera_intrinsic"), (3, 3))
        if intrinsics is None or min(intrinsics[0, 0], intrinsics[1, 1], intrinsics[2, 2]) <= 0:
            where = self._tables.where("calibrated_sensor")
            self._odd[f"{where} has no 3x3 'camera_intrinsic' of {channel}; it goes on without intrinsics"].append(
                index
            )
            intrinsics = None
        path = self._root / row["filename"]
        return Camera(channel, path, intrinsics, ego_from_camera, _seconds(row, time), _size(row))

    def _truth(self, index: int, sample: Row, lidar: Row | None) -> Truth:
        voxels = self._root / "gts" / self._scene / sample["token"] / "labels.npz"
        points, objects = (self._point_labels(table, lidar, index) for table in ("lidarseg", "panoptic"))
        boxes = []
        if not self._tables.has("sample_annotation"):
            self._no_truth.add(f"there is no {self._tables.where('sample_annotation')}; the log goes on without boxes")
        try:
            annotations = self._tables.annotations_of(sample["token"])
        except BadLog as error:
            self._no_truth.add(f"{error}; the log goes on without boxes")
            annotations = []
        for row in annotations:
            try:
                boxes.append(self._box(row))
            except BadLog as error:
                self._no_boxes.append(str(error))
        # A link that leads nowhere is a file that is lost: who reads it says so.
        table = None if points is None else self._root / points.parent.name / "category.json"
        return Truth(voxels if os.path.lexists(voxels) else None, points, tuple(boxes), objects, table)

    def _point_labels(self, table: str, lidar: Row | None, index: int) -> Path | None:
        """The file of ``table`` for a LiDAR turn; None where the root or the turn has none."""
        try:
            row = None if lidar is None else self._tables.find(table, lidar["token"])
        except BadLog as error:
            self._no_truth.add(f"{error}; the log goes on without labels of {table}")
            return None
        if row is None and lidar is not None and (self._tables.has(table) or is_there(self._root / table)):
            self._odd[f"{self._tables.where(table)} has no row of the LiDAR turn"].append(index)
        return None if row is None else self._root / row["filename"]

    def _box(self, row: Row) -> Box:
        """Raises BadLog for a row that is no box."""
        self._tables.checked("sample_annotation", row)
        instance = self._tables.get("instance", row["instance_token"])
        category = self._tables.get("category", instance["category_token"])
        size, pose = _numbers(row.get("size"), (3,)), _transform(row)
        if size is None or not np.isfinite(pose).all() or min(size) <= 0:
            where = self._tables.where("sample_annotation")
            raise BadLog(f"{where}: the row {row['token']!r} has no 'translation', 'size' and 'rotation'")
        width, length, height = row["size"]
        points = row.get("num_lidar_pts")
        counted = points if isinstance(points, int) else -1
        return Box(row["instance_token"], category["name"], pose, (length, width, height), counted)

    def _warnings(self, scene: Row, frames: int) -> Iterator[str]:
        said = scene.get("nbr_samples")
        if isinstance(said, int) and said != frames:
            yield (
                f"{self._tables.where('scene')} says that the scene has {said} samples, "
                f"{self._tables.where('sample')} has {frames}"
            )
        if lost := self._tables.scenes_without_row:
            yield (
                f"{self._tables.where('sample')} has samples of {lost} scenes that {self._tables.where('scene')} does "
                "not have; they are no logs"
            )
        for table, rows in self._tables.odd.items():
            yield f"{rows} rows of {self._tables.where(table)} are left out: no rows, or without a token of their own"
        where = self._tables.where("sample_data")
        for lacking, words in ((self._absent, ""), (self._unnamed, f" in {where}")):
            for channel, indices in lacking.items():
                if channel in self._recorded:
                    yield f"{len(indices)} of {frames} frames have no file of {channel}{words}: frame {_some(indices)}"
        for words, indices in self._odd.items():
            yield f"{words} (frame {_some(indices)})"
        yield from sorted(self._no_truth)
        try:
            lost, stray = self._tables.lost_annotations, self._tables.stray_annotations
        except BadLog:  # said above
            lost = stray = 0
        where = self._tables.where("sample_annotation")
        if lost:
            yield f"{where} has {lost} rows fewer than {self._tables.where('instance')} counts: boxes are lost"
        if stray:
            yield f"{stray} rows of {where} are of no sample: their boxes are left out"
        if self._no_boxes:
            yield f"{len(self._no_boxes)} boxes are left out, the first of them because {self._no_boxes[0]}"


def _some(indices: list[int]) -> str:
    return spans(map(str, sorted(set(indices))))


def _numbers(values: Any, shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """``values`` as finite numbers of ``shape``; None when they are anything else."""
    if not _all_numbers(values):
        return None
    try:
        result = np.array(values, np.float64)
    except (ValueError, OverflowError):  # lists of different lengths, whole numbers of 400 digits
        return None
    return result if result.shape == shape and np.isfinite(result).all() else None


def _all_numbers(values: Any) -> bool:
    """Whether ``values`` are numbers, or lists of them; to NumPy true and "1" are numbers too."""
    if isinstance(values, list):
        return all(map(_all_numbers, values))
    return isinstance(values, int | float) and not isinstance(values, bool)


def _seconds(row: Row, otherwise: float = float("nan")) -> float:
    """Of the ``timestamp`` [microseconds] of a row, ``otherwise`` where it has none."""
    value = row.get("timestamp")
    if not isinstance(value, int | float) or isinstance(value, bool) or not abs(value) < 1e18:
        return otherwise
    return value * 1e-6


def _size(row: Row) -> tuple[int, int] | None:
    width, height = row.get("width"), row.get("height")
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width, height
    return None


def _transform(row: Row) -> Matrix:
    """[4, 4] of a row with ``rotation`` (w, x, y, z) and ``translation``; NaN when they are none."""
    rotation, translation = _numbers(row.get("rotation"), (4,)), _numbers(row.get("translation"), (3,))
    if rotation is None or translation is None or abs(np.linalg.norm(rotation) - 1) > 1e-2:
        return np.full((4, 4), np.nan)
    result = np.eye(4)
    result[:3, :3] = rotation_from_quaternion(row["rotation"])
    result[:3, 3] = row["translation"]
    return result
