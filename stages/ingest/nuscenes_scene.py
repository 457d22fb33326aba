"""One scene of nuScenes as a drive log, from the rows of the devkit's tables."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from occlabel.schemas.drive_log import Box, Camera, DriveLog, Frame, Sweep, Truth
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse, rigid, rotation_from_quaternion
from occlabel.stages.ingest.digest import LogDigest
from occlabel.stages.ingest.numbered import usable_poses

LIDAR = "LIDAR_TOP"
CAMERAS = ("CAM_FRONT", "CAM_FRONT_RIGHT", "CAM_BACK_RIGHT", "CAM_BACK", "CAM_BACK_LEFT", "CAM_FRONT_LEFT")

Row = dict[str, Any]


def read_scene(tables: Any, root: Path, token: str) -> DriveLog:
    """The scene ``token`` of a devkit database. Raises BadLog (no samples, calibration that is not rigid), KeyError for
    a token that leads nowhere."""
    scene = tables.get("scene", token)
    samples = list(_samples(tables, scene))
    if not samples:
        raise BadLog(f"scene {scene['name']} has no samples")
    reading = _SceneReading(tables, root, scene["name"])
    frames = tuple(reading.frame(index, sample) for index, sample in enumerate(samples))
    location = tables.get("log", scene["log_token"])["location"]
    digest, warnings = reading.digest, tuple(reading.warnings(frames))
    return DriveLog(scene["name"], digest.stamp, digest.text, frames, warnings, location)


def _samples(tables: Any, scene: Row) -> Iterator[Row]:
    token = scene["first_sample_token"]
    while token:
        sample = tables.get("sample", token)
        yield sample
        token = sample["next"]


class _SceneReading:
    """What is gathered while the frames of a scene are read: its digest, and which files are not there."""

    def __init__(self, tables: Any, root: Path, scene: str) -> None:
        self._tables, self._root, self._scene = tables, root, scene
        self.digest = LogDigest()
        self._recorded: set[str] = set()
        self._absent: defaultdict[str, list[int]] = defaultdict(list)
        self._poseless: list[int] = []

    def frame(self, index: int, sample: Row) -> Frame:
        rows = {
            channel: self._tables.get("sample_data", sample["data"][channel])
            for channel in self._present(sample, index)
        }
        # Without a LiDAR turn any camera's pose places the frame, to within the car's motion between two sensors.
        reference = rows.get(LIDAR) or next(iter(rows.values()), None)
        world_from_ego = self._pose(reference, index) if reference else None
        cameras = tuple(self._camera(channel, row, world_from_ego) for channel, row in rows.items() if channel != LIDAR)
        sweep = None
        if LIDAR in rows:
            ego_from_lidar = self._ego_from_sensor(rows[LIDAR])
            path, time = self._root / rows[LIDAR]["filename"], rows[LIDAR]["timestamp"] * 1e-6
            sweep = Sweep(path, ego_from_lidar, time, rows[LIDAR]["token"])
        time = sample["timestamp"] * 1e-6
        return Frame(sample["token"], time, world_from_ego, cameras, sweep, self._truth(sample, rows.get(LIDAR)))

    def _present(self, sample: Row, index: int) -> Iterator[str]:
        """The channels that have a row and a file, which enter the digest; the others are noted as absent."""
        self.digest.add_text("sample", sample["token"].encode())
        for channel in (LIDAR, *CAMERAS):
            row = self._tables.get("sample_data", sample["data"][channel]) if channel in sample["data"] else None
            try:
                if row is None:
                    raise FileNotFoundError
                self._recorded.add(channel)
                stat = (self._root / row["filename"]).stat()
            except FileNotFoundError:
                self._absent[channel].append(index)
                continue
            calibration = self._tables.get("calibrated_sensor", row["calibrated_sensor_token"])
            pose = self._tables.get("ego_pose", row["ego_pose_token"])
            values = [row["timestamp"], row["width"], row["height"], calibration["camera_intrinsic"]]
            values += [source[field] for source in (calibration, pose) for field in ("translation", "rotation")]
            self.digest.add_text(channel, json.dumps(values).encode())
            self.digest.add_files(channel, [(row["filename"], stat)])
            yield channel

    def _pose(self, row: Row, index: int) -> Matrix | None:
        pose = _transform(self._tables.get("ego_pose", row["ego_pose_token"]))
        (usable,), _ = usable_poses(pose[None], ["0"])
        if usable is None:
            self._poseless.append(index)
        return usable

    def _ego_from_sensor(self, row: Row) -> Matrix:
        calibration = self._tables.get("calibrated_sensor", row["calibrated_sensor_token"])
        return rigid(_transform(calibration), f"scene {self._scene}: calibration of {row['channel']}")

    def _camera(self, channel: str, row: Row, world_from_ego: Matrix | None) -> Camera:
        ego_from_camera = self._ego_from_sensor(row)
        if world_from_ego is not None:
            world_from_ego_then = _transform(self._tables.get("ego_pose", row["ego_pose_token"]))
            if np.isfinite(world_from_ego_then).all():
                ego_from_camera = inverse(world_from_ego) @ world_from_ego_then @ ego_from_camera
        calibration = self._tables.get("calibrated_sensor", row["calibrated_sensor_token"])
        intrinsics = np.array(calibration["camera_intrinsic"], np.float64)
        if intrinsics.shape != (3, 3):
            raise BadLog(f"scene {self._scene}: {channel} has no 3x3 camera_intrinsic; repair calibrated_sensor.json")
        size = (row["width"], row["height"])
        return Camera(channel, self._root / row["filename"], intrinsics, ego_from_camera, row["timestamp"] * 1e-6, size)

    def _truth(self, sample: Row, lidar: Row | None) -> Truth:
        voxels = self._root / "gts" / self._scene / sample["token"] / "labels.npz"
        points, objects = (self._point_labels(table, lidar) for table in ("lidarseg", "panoptic"))
        boxes = tuple(_box(self._tables.get("sample_annotation", token)) for token in sample["anns"])
        return Truth(voxels if voxels.is_file() else None, points, boxes, objects)

    def _point_labels(self, table: str, lidar: Row | None) -> Path | None:
        """The file of ``table`` for a LiDAR turn; None where the root or the turn has none."""
        if lidar is None or table not in self._tables.table_names:
            return None
        try:
            return self._root / self._tables.get(table, lidar["token"])["filename"]
        except KeyError:
            return None

    def warnings(self, frames: tuple[Frame, ...]) -> Iterator[str]:
        for channel, indices in self._absent.items():
            if channel in self._recorded:
                yield f"{len(indices)} of {len(frames)} frames have no file of {channel}: frame {_some(indices)}"
        if self._poseless:
            yield f"the pose of frame {_some(self._poseless)} is NaN or not rigid; it is used without a pose"
        late = [i for i in range(1, len(frames)) if frames[i].time <= frames[i - 1].time]
        if late:
            yield f"time does not run forwards at frame {_some(late)}"


def _some(indices: list[int]) -> str:
    return ", ".join(map(str, indices[:8])) + (f" and {len(indices) - 8} more" if len(indices) > 8 else "")


def _transform(row: Row) -> Matrix:
    """[4, 4] of a row with ``rotation`` (w, x, y, z) and ``translation``."""
    result = np.eye(4)
    result[:3, :3] = rotation_from_quaternion(row["rotation"])
    result[:3, 3] = row["translation"]
    return result


def _box(row: Row) -> Box:
    width, length, height = row["size"]
    return Box(
        row["instance_token"], row["category_name"], _transform(row), (length, width, height), row["num_lidar_pts"]
    )
