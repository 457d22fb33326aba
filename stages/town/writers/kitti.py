"""A drive through the town as a SemanticKITTI sequence, with voxel and point labels for every frame."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.drive_log import Box
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.formats.kitti_boxes import write_boxes
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.town.sensors.recording import Rig, TownBox, TownFrame, TownScan, TownTruth
from occlabel.stages.town.things.kinds import FREE, KINDS

FOLDERS = ("image_2", "image_3")
"""Folders of the rig's first and second camera."""

OFFSETS = {"P0": 0.0, "P1": -0.54, "P2": 0.06, "P3": -0.48}
"""Where camera 0 lies [m] along x of each rectified camera of KITTI's car; for the cameras that the rig has not."""

_RAW = np.array([FREE, *(kind.kitti for kind in KINDS)], np.uint16)
_RAW_MOVING = np.array([FREE, *(kind.kitti_moving for kind in KINDS)], np.uint16)


def write_kitti(log_id: str, frames: Iterable[TownFrame], rig: Rig, out: Path) -> None:
    """Writes ``out/sequences/<log_id>``; it appears whole or not at all. An existing sequence is replaced.

    The first camera becomes ``image_2``. Voxel ``.label`` files hold the true kind everywhere, as the official ones
    do; ``.invalid`` says which voxels no scan of the log has seen. ``boxes.txt``, which SemanticKITTI has not, holds
    the boxes of its thing classes.
    Raises OcclabelError when the rig's cameras are not rectified to each other.
    """
    final = out / "sequences" / log_id
    folder = final.with_name(f".{log_id}.partial")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    projections, camera0_from_lidar = _calibration(rig)
    times: list[float] = []
    world_from_lidar: list[Matrix] = []
    boxes: list[tuple[str, TownBox]] = []
    for index, frame in enumerate(frames):
        name = frame_name(index)
        _write_scan(folder, name, frame.scan)
        for camera, kind in zip(rig.cameras, FOLDERS, strict=False):
            if camera.name in frame.images:
                pixels = Image.fromarray(frame.images[camera.name].pixels)
                pixels.save(_in(folder, kind) / f"{name}.png", format="PNG")
        if frame.truth is not None:
            _write_voxels(_in(folder, "voxels"), name, frame.truth)
        boxes += [(name, box) for box in frame.boxes]
        times.append(frame.time)
        world_from_lidar.append(frame.world_from_ego @ rig.lidar.ego_from_lidar)
    first_from_world = inverse(world_from_lidar[0])
    lidar_from_camera0 = inverse(camera0_from_lidar)
    poses = [camera0_from_lidar @ first_from_world @ pose @ lidar_from_camera0 for pose in world_from_lidar]
    matrices = {**projections, "Tr": camera0_from_lidar[:3]}
    (folder / "calib.txt").write_text("".join(f"{name}: {_numbers(matrix)}\n" for name, matrix in matrices.items()))
    (folder / "poses.txt").write_text("".join(f"{_numbers(pose[:3])}\n" for pose in poses))
    (folder / "times.txt").write_text("".join(f"{time - times[0]:.6e}\n" for time in times))
    write_boxes(folder / "boxes.txt", _things(boxes, first_from_world))
    shutil.rmtree(final, ignore_errors=True)
    folder.rename(final)


def frame_name(index: int) -> str:
    """What the files of a frame are called."""
    return f"{index:06d}"


def _in(folder: Path, name: str) -> Path:
    (folder / name).mkdir(exist_ok=True)
    return folder / name


def _things(boxes: list[tuple[str, TownBox]], first_from_world: Matrix) -> Iterator[tuple[str, Box]]:
    """The boxes of thing classes, in the world of the first LiDAR frame."""
    taxonomy = taxonomy_preset("semantickitti")
    for frame, box in boxes:
        class_id = taxonomy.from_raw[KINDS[box.kind - 1].kitti]
        if class_id != UNKNOWN and taxonomy.classes[class_id].thing:
            pose = first_from_world @ box.world_from_box
            yield frame, Box(str(box.object_id), taxonomy.names[class_id], pose, box.size, box.lidar_points)


def _numbers(matrix: Matrix) -> str:
    return " ".join(f"{value:.12e}" for value in matrix.ravel())


def _calibration(rig: Rig) -> tuple[dict[str, Matrix], Matrix]:
    """P0..P3 [3, 4] and ``camera0_from_lidar`` [4, 4]: camera 0 is rectified to the rig's first camera."""
    first = rig.cameras[0]
    camera2_from_camera0 = np.eye(4)
    camera2_from_camera0[0, 3] = OFFSETS["P2"]
    ego_from_camera0 = first.ego_from_camera @ camera2_from_camera0
    projections = {name: first.intrinsics @ np.eye(3, 4) for name in OFFSETS}
    for name, offset in OFFSETS.items():
        projections[name][:, 3] = first.intrinsics @ [offset, 0, 0]
    for camera, name in zip(rig.cameras, ("P2", "P3"), strict=False):
        camera_from_camera0 = inverse(camera.ego_from_camera) @ ego_from_camera0
        if np.abs(camera_from_camera0[:3, :3] - np.eye(3)).max() > 1e-6:
            raise OcclabelError(
                f"camera {camera.name} looks elsewhere than {first.name}; KITTI holds rectified cameras only, so use a "
                "rig of parallel cameras or the nuscenes format"
            )
        projections[name] = camera.intrinsics @ camera_from_camera0[:3]
    return projections, inverse(ego_from_camera0) @ rig.lidar.ego_from_lidar


def _write_scan(folder: Path, name: str, scan: TownScan) -> None:
    (_in(folder, "velodyne") / f"{name}.bin").write_bytes(np.ascontiguousarray(scan.points, dtype="<f4").tobytes())
    raw = _raw_ids(scan.kinds, scan.moving)
    semantickitti.write_point_labels(_in(folder, "labels") / f"{name}.label", raw, scan.objects)


def _write_voxels(folder: Path, name: str, truth: TownTruth) -> None:
    semantickitti.write_flags(folder / f"{name}.bin", truth.hit_now)
    semantickitti.write_volume(folder / f"{name}.label", _raw_ids(truth.kinds, truth.moving))
    semantickitti.write_flags(folder / f"{name}.invalid", ~truth.seen_ever)
    semantickitti.write_flags(folder / f"{name}.occluded", ~truth.seen_now)


def _raw_ids(kinds: NDArray[np.uint8], moving: NDArray[np.bool_]) -> NDArray[np.uint16]:
    return np.where(moving, _RAW_MOVING[kinds], _RAW[kinds])
