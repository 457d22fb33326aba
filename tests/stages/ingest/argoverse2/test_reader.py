"""Argoverse 2: everything by time stamps; what is damaged costs as little as it can."""

from __future__ import annotations

import shutil
from pathlib import Path

import argoverse_log as av2
import numpy as np
import pyarrow as pa
import pytest
from fuzzing.logs import label_them

from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import transform_points
from occlabel.stages.ingest.argoverse2.reader import Argoverse2Reader
from occlabel.stages.ingest.recognise import open_logs


def only(root: Path) -> DriveLog:
    reader = open_logs(root)
    assert isinstance(reader, Argoverse2Reader)
    return next(iter(reader.logs()))


def test_a_frame_is_a_sweep_with_the_image_next_to_it(tmp_path: Path) -> None:
    av2.write_log(tmp_path)
    log = only(tmp_path)
    assert (log.id, log.warnings) == (av2.LOG, ())
    assert [frame.name for frame in log.frames] == [str(stamp) for stamp in av2.stamps()]
    frame = log.frames[2]
    assert frame.world_from_ego is not None
    np.testing.assert_allclose(frame.world_from_ego[:3, 3], [2.0, 0, 0])
    (camera,) = frame.cameras
    assert (camera.name, camera.size, camera.path.stem) == (av2.CAMERA, (64, 48), str(av2.stamps()[2] + av2.LATER))
    np.testing.assert_array_equal(camera.intrinsics, np.array([[40, 0, 31.5], [0, 41, 23.5], [0, 0, 1]]))
    assert camera.ego_from_camera is not None
    drive = av2.SPEED * av2.LATER * 1e-9
    np.testing.assert_allclose(camera.ego_from_camera[:3, 3], [1.6 + drive, 0, 1.4])
    np.testing.assert_allclose(camera.ego_from_camera[:3, 2], [1, 0, 0], atol=1e-12)


def test_sweeps_are_told_in_the_frame_of_the_upper_lidar(tmp_path: Path) -> None:
    av2.write_log(tmp_path)
    frame = only(tmp_path).frames[1]
    assert frame.sweep is not None and frame.world_from_ego is not None
    points = Argoverse2Reader(tmp_path).points(frame.sweep)
    assert points.dtype == np.float32 and points[:, 3] == pytest.approx(51 / 255)
    in_lidar = av2.wall(1) - [1.3, 0, av2.LIDAR_HEIGHT]
    np.testing.assert_allclose(points[:, :3], in_lidar, atol=0.01)
    world = transform_points(frame.world_from_ego @ frame.sweep.ego_from_lidar, points)
    np.testing.assert_allclose(world[:, 0], 15.0, atol=0.01)


def test_boxes_stand_in_the_city(tmp_path: Path) -> None:
    av2.write_log(tmp_path)
    for number, frame in enumerate(only(tmp_path).frames):
        (box,) = frame.truth.boxes
        assert (box.instance, box.category, box.size, box.lidar_points) == ("a car", "REGULAR_VEHICLE", (4, 2, 1.5), 7)
        np.testing.assert_allclose(box.world_from_box[:3, 3], [12.0, 3, 0.8])
        assert number < av2.FRAMES


def test_such_a_log_is_labelled(tmp_path: Path) -> None:
    av2.write_log(tmp_path / "root")
    labels = label_them(tmp_path / "root")
    filled = [value for key, value in labels.values.items() if key.endswith("/semantics")]
    assert len(filled) == av2.FRAMES and labels.words == []
    assert all((volume != volume.flat[0]).any() for volume in filled)


def test_a_log_without_poses_boxes_and_calibration_goes_on(tmp_path: Path) -> None:
    folder = av2.write_log(tmp_path)
    (folder / "city_SE3_egovehicle.feather").unlink()
    (folder / "annotations.feather").unlink()
    (folder / "calibration/intrinsics.feather").write_bytes(b"ARROW1")
    log = only(tmp_path)
    assert all(frame.world_from_ego is None and frame.cameras[0].intrinsics is None for frame in log.frames)
    assert all(not frame.truth.boxes for frame in log.frames)
    assert "there is no city_SE3_egovehicle.feather; the log goes on without poses" in log.warnings
    assert any("intrinsics.feather is no whole feather file" in words for words in log.warnings)
    (folder / "calibration/egovehicle_SE3_sensor.feather").write_bytes(b"")
    log = only(tmp_path)
    assert not log.rig.lidar and log.frames[0].name == str(av2.START + av2.LATER)
    assert any("where up_lidar sits is not known" in words for words in log.warnings)
    shutil.rmtree(folder / "calibration")
    reader = Argoverse2Reader(tmp_path)
    assert next(reader.logs()).frames[0].name == log.frames[0].name
    shutil.rmtree(folder / "sensors/cameras")
    with pytest.raises(BadLog, match="has no frames that can be used: sweeps, and no image"):
        next(reader.logs())


def test_rows_that_are_no_poses_cost_their_frames(tmp_path: Path) -> None:
    folder = av2.write_log(tmp_path)
    level = np.tile([1.0, 0, 0, 0], (3, 1))
    level[1, 0] = np.nan
    poses = av2.pose_columns([[0, 0, 0], [1, 0, 0], [2, 0, 0]], level)
    av2.write_table(folder / "city_SE3_egovehicle.feather", timestamp_ns=av2.stamps(3), **poses)
    log = only(tmp_path)
    known = [frame.world_from_ego for frame in log.frames]
    assert [pose is None for pose in known] == [False, False, False, True], "the second lies between its neighbours"
    assert known[1] is not None and known[1][0, 3] == pytest.approx(1.0)
    assert any("1 of 3 rows are no poses" in words for words in log.warnings)
    assert any("1 boxes are of no frame with a pose" in words for words in log.warnings)
    times = [av2.stamps(4)[0], av2.stamps(40)[-1]]
    far = av2.pose_columns([[0, 0, 0], [30, 0, 0]], level[[0, 2]])
    av2.write_table(folder / "city_SE3_egovehicle.feather", timestamp_ns=times, **far)
    assert [f.world_from_ego is None for f in only(tmp_path).frames] == [False, True, True, True], "a gap of seconds"


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"x": [1.0], "y": [1.0], "z": [0.0]}, "has no column intensity; it has x, y, z"),
        ({"x": ["a"], "y": [1.0], "z": [0.0], "intensity": [1]}, "the column x is of the type string"),
        ({"x": [None, 2.0], "y": [1.0, 1], "z": [0.0, 0], "intensity": [1, 1]}, "1 rows of the column x hold nothing"),
        ({"x": [900.0], "y": [1.0], "z": [0.0], "intensity": [1]}, "further than 500 m away"),
        ({"x": [9.0], "y": [1.0], "z": [0.0], "intensity": [300]}, "the columns x, y, z and intensity"),
        ({"x": [np.nan], "y": [1.0], "z": [0.0], "intensity": [3]}, "holds NaN"),
        ({name: pa.array([], pa.float32()) for name in ("x", "y", "z", "intensity")}, "is empty"),
    ],
)
def test_a_sweep_that_is_none_is_refused(tmp_path: Path, columns: dict[str, object], words: str) -> None:
    folder = av2.write_log(tmp_path)
    sweep = only(tmp_path).frames[0].sweep
    assert sweep is not None
    av2.write_table(folder / "sensors/lidar" / sweep.path.name, **columns)
    with pytest.raises(DamagedFile, match=words):
        Argoverse2Reader(tmp_path).points(sweep)


def test_a_sweep_that_was_cut_off_or_overwritten_is_refused(tmp_path: Path) -> None:
    av2.write_log(tmp_path)
    sweep = only(tmp_path).frames[0].sweep
    assert sweep is not None
    whole = sweep.path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 3):
        sweep.path.write_bytes(whole[:length])
        with pytest.raises(DamagedFile, match="no whole feather file"):
            Argoverse2Reader(tmp_path).points(sweep)
    draw = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        damaged[draw.integers(len(whole))] ^= 1 << draw.integers(8)
        sweep.path.write_bytes(bytes(damaged))
        try:
            points = Argoverse2Reader(tmp_path).points(sweep)
        except DamagedFile as error:
            assert str(sweep.path) in str(error)
        else:
            assert np.isfinite(points).all() and points.shape[1] == 4


def test_a_log_without_frames_says_what_it_lacks(tmp_path: Path) -> None:
    av2.write_table(tmp_path / "log/calibration/egovehicle_SE3_sensor.feather", sensor_name=["up_lidar"])
    with pytest.raises(BadLog, match="has no frames: neither sensors/lidar"):
        only(tmp_path)
    with pytest.raises(BadLog, match="has no log 'other'; it has log"):
        next(iter(open_logs(tmp_path).logs(["other"])))
