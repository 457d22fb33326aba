"""A drive through the town as a nuScenes scene, with lidarseg, boxes and Occ3D truth for every key frame."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.nuscenes_categories import CATEGORIES
from occlabel.schemas.formats.occ3d import write_labels
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.taxonomy import taxonomy_preset
from occlabel.stages.town.sensors.recording import CameraModel, Rig, TownBox, TownFrame, TownScan
from occlabel.stages.town.sensors.visibility import visibility
from occlabel.stages.town.things.kinds import KINDS
from occlabel.stages.town.writers.nuscenes_tables import (
    CHANNELS,
    PER_LOG,
    VERSION,
    Row,
    Rows,
    commit_rows,
    publish_tables,
    token,
)

LIDAR = CHANNELS[0]
JPEG_QUALITY = 90
START = 1_700_000_000_000_000
"""Time of the first frame of every log [microseconds since 1970]."""

_CATEGORY_INDEX = np.array([CATEGORIES.index("noise"), *(CATEGORIES.index(kind.category) for kind in KINDS)], np.uint8)
_OCC3D = np.array([taxonomy_preset("occ3d").free_id, *(kind.occ3d for kind in KINDS)], np.uint8)


def write_nuscenes(log_id: str, frames: Iterable[TownFrame], rig: Rig, out: Path, *, seed: int, split: str) -> None:
    """Adds scene ``log_id`` to the root ``out`` and publishes the tables. ``seed`` and ``split`` make its tokens.

    Raises OcclabelError for a camera that nuScenes does not have.
    """
    write_scene(log_id, frames, rig, out, seed=seed, split=split)
    publish_tables(out)


def write_scene(log_id: str, frames: Iterable[TownFrame], rig: Rig, out: Path, *, seed: int, split: str) -> None:
    """As ``write_nuscenes``, but leaves the tables to the caller: they hold all logs, so one process writes them."""
    if strange := [camera.name for camera in rig.cameras if camera.name not in CHANNELS]:
        raise OcclabelError(f"nuScenes has no camera {', '.join(strange)}; it has {', '.join(CHANNELS[1:])}")
    staged = out / ".town" / f"{log_id}.partial"
    shutil.rmtree(staged, ignore_errors=True)
    scene = _Scene(log_id, rig, staged, _key(seed, split))
    for index, frame in enumerate(frames):
        scene.add(index, frame)
    rows = scene.rows()
    for path in sorted(path for path in staged.rglob("*") if path.is_file()):
        target = out / path.relative_to(staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        path.replace(target)
    shutil.rmtree(staged)
    commit_rows(out, log_id, rows, {"split": split, "frames": scene.occ3d})


def sample_token(seed: int, split: str, index: int) -> str:
    """The token of a frame of the town (seed, split), by which readers call it."""
    return token(_key(seed, split), "sample", index)


def _key(seed: int, split: str) -> str:
    return f"{split}-{seed}"


class _Scene:
    """Writes the files of a scene frame by frame under ``root`` and gathers its rows."""

    def __init__(self, log_id: str, rig: Rig, root: Path, key: str) -> None:
        self._name, self._rig, self._root, self._key = log_id, rig, root, key
        self._tables: Rows = defaultdict(list)
        self.occ3d: dict[str, Row] = {}

    def _token(self, *parts: object) -> str:
        return token(self._key, *parts)

    def add(self, index: int, frame: TownFrame) -> None:
        time = START + round(frame.time * 1e6)
        sample = self._token("sample", index)
        self._tables["sample"].append({"token": sample, "timestamp": time, "scene_token": self._token("scene")})
        pose = {**_placed(frame.world_from_ego), "timestamp": time}
        lidar = self._sensor_data(index, LIDAR, time, pose, "pcd.bin", (0, 0))
        (self._root / lidar["filename"]).write_bytes(_sweep_bytes(frame.scan))
        self._lidarseg(lidar["token"], frame.scan)
        sensors = {}
        for camera in self._rig.cameras:
            if camera.name in frame.images:
                row = self._sensor_data(index, camera.name, time, pose, "jpg", camera.size)
                image = Image.fromarray(frame.images[camera.name].pixels)
                image.save(self._root / row["filename"], format="JPEG", quality=JPEG_QUALITY)
                sensors[row["token"]] = _camera_info(camera, row, pose)
        for box, level in zip(frame.boxes, visibility(frame, self._rig), strict=True):
            self._tables["sample_annotation"].append(self._annotation(index, sample, box, level))
        if frame.truth is not None:
            where = f"gts/{self._name}/{sample}/labels.npz"
            (self._root / where).parent.mkdir(parents=True)
            truth = frame.truth
            # Seen in any scan of the log: Occ3D's truth accumulates scans too.
            masks = {"mask_lidar": truth.seen_ever, "mask_camera": truth.seen_by_cameras}
            write_labels(self._root / where, _OCC3D[truth.kinds], **masks)
            ego_pose = {name: pose[name] for name in ("translation", "rotation")}
            self.occ3d[sample] = {"timestamp": time, "camera_sensor": sensors, "ego_pose": ego_pose, "gt_path": where}

    def _sensor_data(self, index: int, channel: str, time: int, pose: Row, suffix: str, size: tuple[int, int]) -> Row:
        """Adds the rows of one key frame of one sensor and makes the folder of its file."""
        data = self._token(channel, index)
        self._tables["ego_pose"].append({"token": data, **pose})
        row = {
            "token": data,
            "sample_token": self._token("sample", index),
            "ego_pose_token": data,
            "calibrated_sensor_token": self._token("calibration", channel),
            "timestamp": time,
            "fileformat": suffix.split(".", maxsplit=1)[0],
            "is_key_frame": True,
            "height": size[1],
            "width": size[0],
            "filename": f"samples/{channel}/town-{self._key}__{channel}__{time}.{suffix}",
        }
        self._tables["sample_data"].append(row)
        (self._root / "samples" / channel).mkdir(parents=True, exist_ok=True)
        return row

    def _lidarseg(self, data: str, scan: TownScan) -> None:
        where = f"lidarseg/{VERSION}/{data}_lidarseg.bin"
        (self._root / where).parent.mkdir(parents=True, exist_ok=True)
        (self._root / where).write_bytes(_CATEGORY_INDEX[scan.kinds].tobytes())
        self._tables["lidarseg"].append({"token": data, "sample_data_token": data, "filename": where})

    def _annotation(self, index: int, sample: str, box: TownBox, level: str) -> Row:
        length, width, height = box.size
        return {
            "token": self._token("annotation", index, box.object_id),
            "sample_token": sample,
            "instance_token": self._token("instance", box.object_id),
            "visibility_token": level,
            "attribute_tokens": [token("attribute", name) for name in _attributes(box)],
            **_placed(box.world_from_box),
            "size": [width, length, height],
            "num_lidar_pts": box.lidar_points,
            "num_radar_pts": 0,
            # The category belongs to the instance; it is moved there when the log is complete.
            "category": KINDS[box.kind - 1].category,
        }

    def rows(self) -> Rows:
        """The rows of the whole scene; to be called once, after the last frame."""
        tables, samples = self._tables, self._tables["sample"]
        _link(samples)
        for sample in samples:
            if sample["token"] in self.occ3d:
                self.occ3d[sample["token"]].update(prev=sample["prev"], next=sample["next"])
        _link_each(tables["sample_data"], "calibrated_sensor_token")
        for instance, boxes in _link_each(tables["sample_annotation"], "instance_token").items():
            categories = [box.pop("category") for box in boxes]
            tables["instance"].append(
                {
                    "token": instance,
                    "category_token": token("category", categories[0]),
                    "nbr_annotations": len(boxes),
                    "first_annotation_token": boxes[0]["token"],
                    "last_annotation_token": boxes[-1]["token"],
                }
            )
        used = {row["calibrated_sensor_token"] for row in tables["sample_data"]}
        tables["calibrated_sensor"] = [row for row in self._calibrations() if row["token"] in used]
        logfile = f"town-{self._key}"
        tables["log"] = [
            {
                "token": self._token("log"),
                "logfile": logfile,
                "vehicle": "town",
                "date_captured": "2023-11-14",
                "location": logfile,
            }
        ]
        tables["scene"] = [
            {
                "token": self._token("scene"),
                "log_token": self._token("log"),
                "nbr_samples": len(samples),
                "first_sample_token": samples[0]["token"],
                "last_sample_token": samples[-1]["token"],
                "name": self._name,
                "description": f"Simulated town {self._key}",
            }
        ]
        return {name: tables[name] for name in PER_LOG}

    def _calibrations(self) -> Iterable[Row]:
        sensors: list[tuple[str, Matrix, list[list[float]]]] = [(LIDAR, self._rig.lidar.ego_from_lidar, [])]
        sensors += [(c.name, c.ego_from_camera, c.intrinsics.tolist()) for c in self._rig.cameras]
        for channel, ego_from_sensor, intrinsics in sensors:
            yield {
                "token": self._token("calibration", channel),
                "sensor_token": token("sensor", channel),
                **_placed(ego_from_sensor),
                "camera_intrinsic": intrinsics,
            }


def _link(rows: list[Row]) -> None:
    """Sets ``prev`` and ``next`` along the list."""
    tokens = ["", *(row["token"] for row in rows), ""]
    for place, row in enumerate(rows):
        row["prev"], row["next"] = tokens[place], tokens[place + 2]


def _link_each(rows: list[Row], field: str) -> dict[str, list[Row]]:
    """The rows by ``field``, each list linked."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[row[field]].append(row)
    for group in groups.values():
        _link(group)
    return groups


def _sweep_bytes(scan: TownScan) -> bytes:
    """x, y, z, intensity 0..255, ring index."""
    sweep: NDArray[np.float32] = np.column_stack([scan.points, scan.rings]).astype("<f4")
    sweep[:, 3] = np.round(sweep[:, 3] * 255)
    return sweep.tobytes()


def _camera_info(camera: CameraModel, row: Row, pose: Row) -> Row:
    return {
        "img_path": row["filename"],
        "intrinsic": camera.intrinsics.tolist(),
        "extrinsic": _placed(camera.ego_from_camera),
        "ego_pose": {name: pose[name] for name in ("translation", "rotation")},
    }


def _attributes(box: TownBox) -> list[str]:
    kind, moves = KINDS[box.kind - 1], any(box.velocity)
    if kind.name in ("bicyclist", "motorcyclist"):
        return ["cycle.with_rider"]
    if kind.category in ("vehicle.bicycle", "vehicle.motorcycle"):
        return ["cycle.without_rider"]
    if kind.category.startswith("human"):
        return ["pedestrian.moving" if moves else "pedestrian.standing"]
    if kind.category.startswith("vehicle"):
        return ["vehicle.moving" if moves else "vehicle.parked"]
    return []


def _placed(transform: Matrix) -> dict[str, list[float]]:
    """``translation`` and ``rotation`` (w, x, y, z) of a rigid transform."""
    return {"translation": transform[:3, 3].tolist(), "rotation": _quaternion(transform[:3, :3])}


def _quaternion(rotation: NDArray[np.float64]) -> list[float]:
    """The unit quaternion (w, x, y, z), w >= 0, of a rotation: the eigenvector to the largest eigenvalue of the
    symmetric matrix of Bar-Itzhack (2000), which is well conditioned for every angle."""
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = rotation
    matrix = np.array(
        [
            [xx + yy + zz, zy - yz, xz - zx, yx - xy],
            [zy - yz, xx - yy - zz, xy + yx, xz + zx],
            [xz - zx, xy + yx, yy - xx - zz, yz + zy],
            [yx - xy, xz + zx, yz + zy, zz - xx - yy],
        ]
    )
    w, x, y, z = np.linalg.eigh(matrix)[1][:, -1]
    sign = 1.0 if w >= 0 else -1.0
    return [float(sign * value) for value in (w, x, y, z)]
