"""nuScenes: key frames, the car's motion between sensors, boxes and lidarseg, through the devkit."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import made_up_town as town
import numpy as np
import pytest

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.nuscenes import NuScenesReader
from occlabel.stages.town.writers.nuscenes import write_nuscenes

CAMERAS = ("CAM_FRONT", "CAM_BACK")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rig = town.rig("nuscenes", CAMERAS)
    write_nuscenes("scene-0001", town.frames(rig, 4), rig, tmp_path, seed=3, split="test")
    return tmp_path


def only(root: Path):
    return next(NuScenesReader(root).logs())


def edit(root: Path, table: str, change) -> None:
    path = root / "v1.0-mini" / f"{table}.json"
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))
    scene = root / "v1.0-mini/scene.json"
    os.utime(scene, ns=(1, scene.stat().st_mtime_ns + 1))


def test_scenes_of_one_place_share_a_world(root: Path) -> None:
    assert only(root).world == "town-test-3"
    edit(root, "log", lambda rows: rows[0].update(location="singapore-onenorth"))
    assert only(root).world == "singapore-onenorth"


def test_a_missing_scan_is_reported_and_shifts_nothing(root: Path) -> None:
    whole = only(root)
    whole.frames[1].sweep.path.unlink()
    whole.frames[2].cameras[1].path.unlink()
    log = only(root)
    assert [frame.name for frame in log.frames] == [frame.name for frame in whole.frames]
    assert [frame.sweep is None for frame in log.frames] == [False, True, False, False]
    assert [len(frame.cameras) for frame in log.frames] == [2, 2, 1, 2]
    assert log.stamp != whole.stamp
    assert any("1 of 4 frames have no file of LIDAR_TOP: frame 1" in sentence for sentence in log.warnings)
    np.testing.assert_allclose(log.frames[1].world_from_ego, whole.frames[1].world_from_ego, atol=1e-9)


def test_a_camera_that_fires_later_sees_from_where_the_car_is_then(root: Path) -> None:
    before = only(root).frames[0]
    moved: dict[str, Any] = {"row": None}

    def move(rows) -> None:
        samples = json.loads((root / "v1.0-mini/sample_data.json").read_text())
        token = next(row["ego_pose_token"] for row in samples if "CAM_BACK" in row["filename"])
        moved["row"] = next(row for row in rows if row["token"] == token)
        moved["row"]["translation"][0] += 0.7

    edit(root, "ego_pose", move)
    front, back = only(root).frames[0].cameras
    np.testing.assert_allclose(front.ego_from_camera, before.cameras[0].ego_from_camera, atol=1e-9)
    world_shift = before.world_from_ego[:3, :3] @ (back.ego_from_camera - before.cameras[1].ego_from_camera)[:3, 3]
    np.testing.assert_allclose(world_shift, [0.7, 0, 0], atol=1e-9)


def test_a_pose_that_is_not_a_number_costs_one_pose(root: Path) -> None:
    names = [frame.sweep.path.name for frame in only(root).frames]
    samples = json.loads((root / "v1.0-mini/sample_data.json").read_text())
    token = next(row["ego_pose_token"] for row in samples if row["filename"].endswith(names[2]))

    def spoil(rows) -> None:
        next(row for row in rows if row["token"] == token)["translation"][0] = float("nan")

    edit(root, "ego_pose", spoil)
    log = only(root)
    assert [frame.world_from_ego is None for frame in log.frames] == [False, False, True, False]
    assert len(log.frames[2].cameras) == 2
    assert "frame 2" in log.warnings[0]


def test_tables_that_do_not_fit_are_refused(root: Path) -> None:
    edit(root, "sample", lambda rows: rows.pop(1))
    with pytest.raises(BadLog, match=r"scene scene-0001: v1\.0-mini/sample\.json has no row '\w+', which another"):
        only(root)


def test_an_unknown_scene_is_refused(root: Path) -> None:
    with pytest.raises(BadLog, match="has no scene 'scene-9999'; it has scene-0001"):
        next(NuScenesReader(root).logs(["scene-9999"]))


def test_damaged_scans_and_labels_say_what_is_wrong(root: Path) -> None:
    reader, log = NuScenesReader(root), only(root)
    log.frames[0].truth.points.write_bytes(b"\0" * 7)
    with pytest.raises(DamagedFile, match="labels 7 points, its scan has 50"):
        reader.point_truth(log.frames[0])
    log.frames[1].sweep.path.write_bytes(b"\0" * 16)
    with pytest.raises(DamagedFile, match="truncated"):
        reader.points(log.frames[1].sweep)
    log.frames[2].truth.voxels.write_bytes(b"PK")
    with pytest.raises(DamagedFile, match="not a readable npz"):
        reader.voxel_truth(log.frames[2])


def test_panoptic_files_say_whose_a_point_is(root: Path) -> None:
    """Categories are those of the file, even where lidarseg has another."""
    sweep = only(root).frames[1].sweep
    path = root / f"panoptic/v1.0-mini/{sweep.name}_panoptic.npz"
    path.parent.mkdir(parents=True)
    codes = np.zeros(51, np.uint16)
    codes[:5] = [17_007, 2_007, 3_007, 24_000, 5_003]
    np.savez_compressed(path, data=codes)
    row = {"token": sweep.name, "sample_data_token": sweep.name, "filename": str(path.relative_to(root))}
    (root / "v1.0-mini/panoptic.json").write_text(json.dumps([row]))
    edit(root, "category", lambda rows: None)
    log, reader = only(root), NuScenesReader(root)
    assert [frame.truth.point_objects for frame in log.frames] == [None, path, None, None]
    assert reader.point_truth(log.frames[0]).segments is None
    found = reader.point_truth(log.frames[1]).segments
    assert found.semantics[:6].tolist() == [4, 7, 7, 11, UNKNOWN, UNKNOWN]
    assert found.instance[:6].tolist() == [7, 7, 7, 0, 3, 0]
    assert len(set(found.ids[:6].tolist())) == 6, "an adult and a child of one number are two"
    for wrong, complaint in ((codes[:9], r"\[9\], expected \[51\]"), (codes * 0.5, "float64")):
        np.savez_compressed(path, data=wrong)
        with pytest.raises(DamagedFile, match=complaint):
            reader.point_truth(log.frames[1])
    path.write_bytes(b"PK")
    with pytest.raises(DamagedFile, match="not a readable npz"):
        reader.point_truth(log.frames[1])


def test_the_reader_travels_without_its_database(root: Path) -> None:
    reader = NuScenesReader(root)
    list(reader.logs())
    assert len(pickle.dumps(reader)) < 1000


def test_truth_is_no_part_of_the_digest(root: Path) -> None:
    before = only(root)
    edit(root, "sample_annotation", lambda rows: rows[0].update(num_lidar_pts=77))
    assert (only(root).stamp, only(root).text) == (before.stamp, before.text)
    edit(root, "calibrated_sensor", lambda rows: rows[0]["translation"].__setitem__(2, 1.9))
    assert only(root).text != before.text


@pytest.fixture(scope="session")
def real(shared: Path):
    reader = NuScenesReader(shared / "data/nuscenes")
    return reader, next(reader.logs(["scene-0523"]))


def test_the_real_scene_is_whole(real) -> None:
    reader, log = real
    assert reader.log_ids() == ["scene-0523"]
    assert (len(log.frames), log.warnings) == (40, ())
    assert all(len(frame.cameras) == 6 and frame.cameras[0].size == (1600, 900) for frame in log.frames)
    positions = np.array([frame.world_from_ego[:3, 3] for frame in log.frames])
    assert np.linalg.norm(np.diff(positions, axis=0), axis=1).sum() == pytest.approx(126, abs=0.5)
    assert sum(len(frame.truth.boxes) for frame in log.frames) == 2625
    assert len({box.instance for frame in log.frames for box in frame.truth.boxes}) == 155


def test_real_boxes_hold_the_points_they_say(real) -> None:
    reader, log = real
    counted = agreeing = 0
    for frame in log.frames[::8]:
        points = transform_points(frame.world_from_ego @ frame.sweep.ego_from_lidar, reader.points(frame.sweep))
        for box in frame.truth.boxes:
            inside = (np.abs(transform_points(inverse(box.world_from_box), points)) <= np.array(box.size) / 2).all(
                axis=1
            )
            agreeing += inside.sum() == box.lidar_points
            counted += 1
    assert counted > 200
    assert agreeing / counted > 0.98


def test_real_cameras_look_where_their_names_say(real) -> None:
    _, log = real
    directions = {camera.name: camera.ego_from_camera[:2, 2] for camera in log.frames[5].cameras}
    assert directions["CAM_FRONT"][0] > 0.99
    assert directions["CAM_BACK"][0] < -0.99
    assert directions["CAM_FRONT_LEFT"][1] > 0.7
    assert directions["CAM_BACK_RIGHT"][1] < -0.7


def test_real_points_of_a_box_lie_in_its_picture(real) -> None:
    reader, log = real
    frame = log.frames[0]
    front = frame.cameras[0]
    camera_from_world = inverse(frame.world_from_ego @ front.ego_from_camera)
    seen = 0
    for box in frame.truth.boxes:
        uv, depth = project(transform_points(camera_from_world, box.world_from_box[:3, 3][None]), front.intrinsics)
        seen += bool(depth[0] > 0 and 0 <= uv[0, 0] < 1600 and 0 <= uv[0, 1] < 900)
    assert seen >= 10
    assert reader.point_truth(frame) is None
    assert reader.voxel_truth(frame) is None
