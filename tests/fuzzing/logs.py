"""Roots of drive logs in the layouts that we read, and all that can be read of them."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import made_up_town as town
import numpy as np
from chain import Smooth, Voxelise, small_recipe
from fuzzing.reading import Reading
from labelled_street import write_panoptic
from PIL import Image

from occlabel.pipeline.delivery.pictures.log_facts import log_facts
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.drive_log import Box, Camera, DriveLog, Frame, LogReader
from occlabel.schemas.grid import Grid
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.stages.town.writers.nuscenes import write_nuscenes

FRAMES = 4
AROUND = Grid(origin=(-20.0, -20.0, -20.0), voxel_size=4.0, shape=(10, 10, 10), frame="lidar")
DRIVE = "2011_09_26_drive_0001_sync"
_EARTH = 6378137.0


def kitti_root(root: Path) -> None:
    """One sequence with the truth of SemanticKITTI; the images of its first camera are PNG, of its second JPEG."""
    rig = town.rig("kitti", ("image_2",))
    rig = replace(rig, lidar=replace(rig.lidar, ego_from_lidar=town.placed(0.9, 0.1, 1.8)))
    write_kitti("00", town.frames(rig, FRAMES), rig, root)
    second = root / "sequences/00/image_3"
    second.mkdir()
    for image in (root / "sequences/00/image_2").iterdir():
        Image.open(image).save(second / f"{image.stem}.jpg", quality=90)


def raw_root(root: Path) -> None:
    """One drive of KITTI raw, northwards at 20 m/s."""
    date = root / "2011_09_26"
    parts = ("velodyne_points", "image_02", "oxts")
    data = {name: date / DRIVE / name / "data" for name in parts}
    for folder in data.values():
        folder.mkdir(parents=True)
    frames = town.frames(town.rig("kitti", ("image_2",)), FRAMES, truth=False)
    for index, frame in enumerate(frames):
        name = f"{index:010d}"
        frame.scan.points.astype("<f4").tofile(data["velodyne_points"] / f"{name}.bin")
        Image.fromarray(frame.images["image_2"].pixels).save(data["image_02"] / f"{name}.png")
        latitude = 49.0 + np.degrees(2.0 * index / _EARTH)
        packet = [latitude, 8.0, 110.0, 0.0, 0.0, np.pi / 2, *[0.0] * 19, 4, 10, 5, 5, 5]
        (data["oxts"] / f"{name}.txt").write_text(" ".join(map(str, packet)) + "\n")
    stamps = "".join(f"2011-09-26 13:02:{25 + index / 10:012.9f}\n" for index in range(FRAMES))
    for part in parts:
        (date / DRIVE / part / "timestamps.txt").write_text(stamps)
    (date / "calib_imu_to_velo.txt").write_text("R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0.3 -0.8\n")
    (date / "calib_velo_to_cam.txt").write_text("R: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.08 -0.27\n")
    rectified = "R_rect_00: 1 0 0 0 1 0 0 0 1\nP_rect_02: 40 0 31.5 2 0 41 23.5 0 0 0 1 0\n"
    (date / "calib_cam_to_cam.txt").write_text(rectified)


def nuscenes_root(root: Path) -> None:
    """Two scenes with boxes, lidarseg, panoptic and Occ3D truth."""
    rig = town.rig("nuscenes", ("CAM_FRONT", "CAM_BACK"))
    scenes = {f"scene-000{n}": town.frames(rig, 3 - n, truth=n == 0) for n in (0, 1)}
    for seed, (name, frames) in enumerate(scenes.items()):
        write_nuscenes(name, frames, rig, root, seed=seed, split="val")
    shutil.rmtree(root / ".town")
    write_panoptic(root, scenes)


def read_logs(root: Path) -> Reading:
    """All that a stage or an evaluation may read of the logs, and what ``logs show`` says of them."""
    reading = Reading()
    reader = reading.attempt(open_logs, root)
    if reader is None:
        return reading
    for log_id in reading.attempt(reader.log_ids) or []:
        log = reading.attempt(_only, reader, log_id)
        if log is not None:
            _read_log(reading, reader, log)
    return reading


def _only(reader: LogReader, log_id: str) -> DriveLog:
    return next(iter(reader.logs([log_id])))


def _read_log(reading: Reading, reader: LogReader, log: DriveLog) -> None:
    reading.words += log.warnings
    json.dumps(log_facts(log), allow_nan=False)
    reading.put(f"{log.id}/frames", [frame.name for frame in log.frames])
    reading.put(f"{log.id}/world", log.world)
    reading.put(f"{log.id}/boxes", sorted(_told(frame, box) for frame in log.frames for box in frame.truth.boxes))
    for frame in log.frames:
        key = f"{log.id}/{frame.name}"
        reading.put(f"{key}/time", frame.time)
        reading.put(f"{key}/pose", frame.world_from_ego)
        if frame.sweep is not None:
            reading.put(f"{key}/mount", frame.sweep.ego_from_lidar)
            reading.put(f"{key}/points", reading.attempt(reader.points, frame.sweep))
        for camera in frame.cameras:
            _read_camera(reading, reader, camera, f"{key}/{camera.name}")
        _read_truth(reading, reader, frame, key)


def _told(frame: Frame, box: Box) -> str:
    return f"{frame.name} {box.instance} {box.category} {box.size} {box.lidar_points} {box.world_from_box.tolist()}"


def _read_camera(reading: Reading, reader: LogReader, camera: Camera, key: str) -> None:
    reading.put(f"{key}/intrinsics", camera.intrinsics)
    reading.put(f"{key}/extrinsics", camera.ego_from_camera)
    reading.put(f"{key}/shot", camera.time)
    reading.put(f"{key}/image", reading.attempt(reader.image, camera))
    reading.attempt(reader.check_image, camera)


def _read_truth(reading: Reading, reader: LogReader, frame: Frame, key: str) -> None:
    voxels = reading.attempt(reader.voxel_truth, frame)
    if voxels is not None:
        reading.words += [voxels.remark] * (voxels.remark is not None)
        reading.put(f"{key}/voxels", voxels.semantics)
        reading.put(f"{key}/scored", voxels.scored)
    points = reading.attempt(reader.point_truth, frame)
    if points is not None:
        reading.words += [points.remark] * (points.remark is not None)
        reading.put(f"{key}/classes", points.semantics)
        if points.segments is not None:
            reading.put(f"{key}/segments", points.segments.ids)


def label_them(root: Path) -> Reading:
    """What ``run`` makes of the logs: the labels that it publishes, and what it says."""
    reading = Reading()
    store = root.with_name(f"{root.name}.store")

    def run() -> Report:
        recipe = small_recipe(grid=AROUND, first=Voxelise(), second=Smooth(), clip_frames=2)
        return label_logs(recipe, open_logs(root), store, "v1", workplace=Workplace("local"), quiet=True)

    report = reading.attempt(run)
    if report is None:
        return reading
    reading.words += [*report.plan.cautions, *report.plan.refused.values(), *(e.error for e in report.entries)]
    reading.words += [warning for log in report.plan.logs for warning in log.warnings]
    reading.words += [report.message] if report.message else []
    if report.info is not None:
        for frame in open_version(f"{store}@v1").frames():
            reading.put(f"{frame.log}/{frame.name}/semantics", frame.load("semantics"))
            reading.put(f"{frame.log}/{frame.name}/support", frame.load("support"))
            reading.put(f"{frame.log}/{frame.name}/pose", frame.world_from_grid)
    return reading


def read_and_label(root: Path) -> Reading:
    """Both."""
    read, labelled = read_logs(root), label_them(root)
    return Reading(read.values | {f"run/{key}": v for key, v in labelled.values.items()}, read.words + labelled.words)
