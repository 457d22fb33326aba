"""KITTI raw: poses from GPS, calibration from three files, everything by name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import transform_points
from occlabel.stages.ingest.kitti_raw import KittiRawReader

DRIVE = "2011_09_26_drive_0005_sync"
LATITUDE = 49.0
EARTH = 6378137.0
VELO_FROM_IMU = "R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0.3 -0.8\n"
CAMERA_FROM_VELO = "calib_time: 15-Mar-2012\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.08 -0.27\n"
RECTIFIED = """calib_time: 09-Jan-2012
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 700 0 600 42 0 700 180 0 0 0 1 0
P_rect_03: 700 0 600 -336 0 700 180 0 0 0 1 0
"""


def oxts(east: float, yaw: float) -> str:
    """A measurement ``east`` metres from the first one, heading ``yaw`` (0 is east)."""
    longitude = 8.0 + np.degrees(east / (EARTH * np.cos(np.radians(LATITUDE))))
    return " ".join(map(str, [LATITUDE, longitude, 110.0, 0.0, 0.0, yaw] + [0.0] * 19 + [4, 10, 5, 5, 5]))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    date = tmp_path / "2011_09_26"
    folders = {name: date / DRIVE / name / "data" for name in ("velodyne_points", "image_02", "image_03", "oxts")}
    for folder in folders.values():
        folder.mkdir(parents=True)
    for index in range(4):
        name = f"{index:010d}"
        np.tile(np.array([index + 2, 0, 0, 0.5], "<f4"), (5, 1)).tofile(folders["velodyne_points"] / f"{name}.bin")
        for camera in ("image_02", "image_03"):
            Image.new("RGB", (1200, 360), (index, 0, 0)).save(folders[camera] / f"{name}.png")
        (folders["oxts"] / f"{name}.txt").write_text(oxts(3.0 * index, np.pi / 2))
    stamps = [f"2011-09-26 13:02:{25 + index / 10:012.9f}" for index in range(4)]
    (date / DRIVE / "velodyne_points/timestamps.txt").write_text("\n".join(stamps) + "\n")
    (date / "calib_imu_to_velo.txt").write_text(VELO_FROM_IMU)
    (date / "calib_velo_to_cam.txt").write_text(CAMERA_FROM_VELO)
    (date / "calib_cam_to_cam.txt").write_text(RECTIFIED)
    return tmp_path


def only(root: Path):
    return next(KittiRawReader(root).logs())


def test_poses_are_east_north_up_of_the_lidar(root: Path) -> None:
    log = only(root)
    assert (log.id, log.warnings) == (DRIVE, ())
    # Heading north (yaw 90 degrees): the LiDAR, 0.8 m ahead of the IMU and 0.3 m to its right, is north and east of it.
    for index, frame in enumerate(log.frames):
        np.testing.assert_allclose(frame.world_from_ego[:3, 3], [3.0 * index + 0.3, 0.8, 0.8], atol=1e-5)
        np.testing.assert_allclose(frame.world_from_ego[:3, 0], [0, 1, 0], atol=1e-9)
    assert np.diff([frame.time for frame in log.frames]) == pytest.approx([0.1, 0.1, 0.1], abs=1e-6)


def test_cameras_are_the_rectified_ones(root: Path) -> None:
    left, right = only(root).frames[0].cameras
    assert (left.name, left.size, right.name) == ("image_02", (1200, 360), "image_03")
    # The origin of camera 2 is t = K^-1 p4 = 0.06 m left of camera 0, which looks along the LiDAR's x axis.
    np.testing.assert_allclose(left.ego_from_camera[:3, 3], [0.27, 0.06, -0.08], atol=1e-9)
    np.testing.assert_allclose(right.ego_from_camera[:3, 3], [0.27, -0.48, -0.08], atol=1e-9)
    ahead = transform_points(left.ego_from_camera, np.array([[0.0, 0, 5]]))
    np.testing.assert_allclose(ahead, [[5.27, 0.06, -0.08]], atol=1e-9)


def test_what_is_missing_shifts_nothing(root: Path) -> None:
    whole = only(root)
    data = root / "2011_09_26" / DRIVE
    (data / "velodyne_points/data/0000000001.bin").unlink()
    (data / "oxts/data/0000000000.txt").write_text("not a measurement")
    log = only(root)
    assert [frame.sweep is None for frame in log.frames] == [False, True, False, False]
    assert KittiRawReader(root).points(log.frames[2].sweep)[0, 0] == 4
    assert log.frames[0].world_from_ego is None
    step = log.frames[3].world_from_ego[:3, 3] - log.frames[2].world_from_ego[:3, 3]
    np.testing.assert_allclose(step, [3, 0, 0], atol=1e-5)
    assert [frame.time for frame in log.frames] == [frame.time for frame in whole.frames]
    assert len(log.warnings) == 2


def test_a_drive_without_calibration_keeps_its_cameras(root: Path) -> None:
    date = root / "2011_09_26"
    (date / "calib_velo_to_cam.txt").unlink()
    (date / "calib_cam_to_cam.txt").write_text(RECTIFIED.replace("P_rect_03", "P_rect_04"))
    left, right = only(root).frames[0].cameras
    assert left.intrinsics[0, 0] == 700
    assert left.ego_from_camera is right.intrinsics is right.ego_from_camera is None
    assert len(only(root).warnings) == 2
    for path in date.glob("calib_*.txt"):
        path.unlink()
    log = only(root)
    assert len(log.warnings) == 3
    assert log.rig.lidar
    assert [(camera.name, camera.size, camera.intrinsics, camera.extrinsics) for camera in log.rig.cameras] == [
        ("image_02", (1200, 360), False, False),
        ("image_03", (1200, 360), False, False),
    ]
    assert all(frame.world_from_ego is None for frame in log.frames)


def test_poses_count_by_what_they_say(root: Path) -> None:
    before = only(root)
    path = root / "2011_09_26" / DRIVE / "oxts/data/0000000001.txt"
    os.utime(path, ns=(1, 1))
    assert only(root).stamp == before.stamp
    path.write_text(oxts(3.1, np.pi / 2))
    assert only(root).text != before.text


def test_half_a_matrix_is_none_and_its_line_is_named(root: Path) -> None:
    (root / "2011_09_26/calib_velo_to_cam.txt").write_text("R: 1 0 0\nT: 0 0 0\n")
    (root / "2011_09_26/calib_cam_to_cam.txt").write_text(RECTIFIED.replace(" 42 ", " "))
    log = only(root)
    left, right = log.frames[0].cameras
    assert left.intrinsics is left.ego_from_camera is right.ego_from_camera is None
    assert right.intrinsics is not None and log.frames[0].world_from_ego is not None
    assert log.warnings == (
        "calib_velo_to_cam.txt, line 1: R has 3 numbers, expected 9 numbers; the cameras go on without extrinsics",
        "calib_cam_to_cam.txt, line 3: P_rect_02 has 11 numbers, expected 12 numbers; image_02 goes on without "
        "calibration",
    )
    with pytest.raises(BadLog, match="has no drive"):
        next(KittiRawReader(root).logs(["2011_09_26_drive_0006_sync"]))


def test_blank_lines_are_the_places_of_times_that_are_missing(root: Path) -> None:
    whole, data = only(root), root / "2011_09_26" / DRIVE
    stamps = data / "velodyne_points/timestamps.txt"
    lines = stamps.read_text().splitlines()
    stamps.write_text("\n".join([lines[0], "", *lines[2:]]) + "\n")
    (data / "velodyne_points/data/0000000001.bin").unlink()
    log = only(root)
    assert [frame.time for frame in log.frames] == pytest.approx([frame.time for frame in whole.frames], abs=1e-6)
    assert log.warnings == (
        "1 of 4 frames have no scan: 0000000001",
        "velodyne_points/timestamps.txt, line 2: blank, taken for a missing row",
        "velodyne_points/timestamps.txt has no time at frame 0000000001; it is filled in from the frames around it",
    )


@pytest.mark.parametrize(
    "stamp", ["2011-09-26 13:02:25.1", "2011-02-30 13:02:25", "2011-09-26 13:02", "1316998945", ""]
)
def test_a_time_stamp_that_is_none_costs_one_time(root: Path, stamp: str) -> None:
    whole = only(root)
    stamps = root / "2011_09_26" / DRIVE / "velodyne_points/timestamps.txt"
    lines = stamps.read_text().splitlines()
    stamps.write_text("\n".join([*lines[:2], stamp, lines[3]]))
    log = only(root)
    assert [frame.time for frame in log.frames] == pytest.approx([frame.time for frame in whole.frames], abs=1e-6)
    assert any("at frame 0000000002; it is filled in" in warning for warning in log.warnings)


@pytest.mark.parametrize(
    "packet", [oxts(3000.0, 0.0), oxts(6.0, np.pi / 2).replace("49.0", "490", 1), "1 2 3", "", "x"]
)
def test_a_measurement_that_cannot_be_costs_one_pose(root: Path, packet: str) -> None:
    whole = only(root)
    (root / "2011_09_26" / DRIVE / "oxts/data/0000000002.txt").write_text(packet)
    log = only(root)
    assert [frame.world_from_ego is None for frame in log.frames] == [False, False, True, False]
    np.testing.assert_array_equal(log.frames[3].world_from_ego, whole.frames[3].world_from_ego)
    assert "0000000002" in log.warnings[0]


def test_a_drive_that_leads_nowhere_costs_itself(root: Path) -> None:
    (root / "2011_09_26/2011_09_26_drive_0007_sync").symlink_to("nowhere")
    (root / "2011_09_27").symlink_to("2011_09_27")
    reader = KittiRawReader(root)
    assert reader.log_ids() == [DRIVE, "2011_09_26_drive_0007_sync"]
    with pytest.raises(BadLog, match="drive_0007_sync has no frames"):
        next(reader.logs(["2011_09_26_drive_0007_sync"]))
    assert len(only(root).frames) == 4


def test_a_drive_in_the_folder_of_another_date_costs_itself(root: Path) -> None:
    shutil.copytree(root / "2011_09_26" / DRIVE, root / "2011_10_03" / DRIVE)
    reader, astray = KittiRawReader(root), "2011_09_30_drive_0002_sync"
    assert reader.log_ids() == [DRIVE], "it lies in its own as well"
    (root / "2011_10_03" / DRIVE).rename(root / "2011_10_03" / astray)
    assert reader.log_ids() == [DRIVE, astray]
    with pytest.raises(BadLog, match=r"lies in the folder of another date: move it to .*2011_09_30"):
        next(reader.logs([astray]))
    assert len(next(reader.logs([DRIVE])).frames) == 4
