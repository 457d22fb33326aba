"""nuScenes: key frames, the car's motion between sensors, boxes and lidarseg."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import made_up_town as town
import numpy as np
import pytest

from occlabel.pipeline.planning.catalogue import facts_of
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.grid import grid_preset
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


def edit(root: Path, table: str, change: Callable[[Any], object], version: str = "v1.0-mini") -> None:
    path = root / version / f"{table}.json"
    rows = json.loads(path.read_text())
    change(rows)
    path.write_text(json.dumps(rows))


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


@pytest.mark.parametrize("lost", [0, 2])
def test_a_frame_without_its_scan_has_its_grid_where_the_others_have_theirs(root: Path, lost: int) -> None:
    whole, grid = only(root), grid_preset("semantickitti")
    mount = whole.frames[lost].sweep.ego_from_lidar
    assert not np.allclose(mount, np.eye(4))
    whole.frames[lost].sweep.path.unlink()
    log = only(root)
    for part, row in ((log, lost), (log.part(lost, lost + 1), 0)):
        assert part.frames[row].sweep is None
        np.testing.assert_array_equal(part.frames[row].moment.ego_from_grid(grid), mount)
    assert facts_of(log).geometry == facts_of(whole).geometry, "of poses and mounts nothing changed"


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


@pytest.mark.parametrize("name", ["map.json", "attribute.json", "visibility.json"])
def test_tables_that_nobody_reads_may_be_missing(root: Path, name: str) -> None:
    whole = only(root)
    (root / "v1.0-mini" / name).unlink()
    for picture in (root / "maps").glob("*"):
        picture.unlink()
    log = only(root)
    assert (log.stamp, log.warnings) == (whole.stamp, ())
    assert [len(frame.truth.boxes) for frame in log.frames] == [len(frame.truth.boxes) for frame in whole.frames]


def test_fields_that_only_count_points_may_be_missing(root: Path) -> None:
    def drop(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            for field in ("num_lidar_pts", "num_radar_pts", "visibility_token", "attribute_tokens", "prev"):
                row.pop(field, None)

    whole = only(root)
    edit(root, "sample_annotation", drop)
    edit(root, "sample", drop)
    log = only(root)
    boxes = [box for frame in log.frames for box in frame.truth.boxes]
    assert len(boxes) == sum(len(frame.truth.boxes) for frame in whole.frames) > 0
    assert {box.lidar_points for box in boxes} == {-1}
    assert log.warnings == ()


@pytest.mark.parametrize("table", ["lidarseg", "sample_annotation", "instance", "category", "log"])
@pytest.mark.parametrize("damage", ["gone", "truncated"])
def test_a_table_of_truth_costs_the_truth(root: Path, table: str, damage: str) -> None:
    whole = only(root)
    path = root / f"v1.0-mini/{table}.json"
    path.write_bytes(path.read_bytes()[:-9]) if damage == "truncated" else path.unlink()
    log = only(root)
    assert (log.stamp, len(log.frames)) == (whole.stamp, 4)
    assert all(frame.world_from_ego is not None and frame.sweep is not None for frame in log.frames)
    said = [warning for warning in log.warnings if f"{table}.json" in warning]
    assert len(log.warnings) == len(said) == 1


@pytest.mark.parametrize("table", ["sample", "sample_data", "ego_pose", "calibrated_sensor", "sensor"])
@pytest.mark.parametrize(
    ("content", "sentence"),
    [(b"[{", "is no table: "), (b"null", "no list of rows"), (b"[" * 10**6, "is no table: "), (None, "cannot be read")],
)
def test_a_table_that_a_log_needs_is_named(root: Path, table: str, content: bytes | None, sentence: str) -> None:
    path = root / f"v1.0-mini/{table}.json"
    path.unlink() if content is None else path.write_bytes(content)
    reader = NuScenesReader(root)
    assert reader.log_ids() == ["scene-0001"]
    with pytest.raises(BadLog, match=rf"scene scene-0001: .*v1\.0-mini/{table}\.json .*{sentence}"):
        next(reader.logs())


@pytest.mark.parametrize(
    ("table", "field"),
    [("scene", "first_sample_token"), ("sample", "next"), ("sample_data", "filename"), ("sensor", "channel"),
     ("sample_data", "ego_pose_token"), ("calibrated_sensor", "sensor_token")],
)  # fmt: skip
def test_a_field_that_a_log_needs_is_named(root: Path, table: str, field: str) -> None:
    edit(root, table, lambda rows: [row.pop(field) for row in rows])
    with pytest.raises(BadLog, match=rf"v1\.0-mini/{table}\.json: the row '\w+' has no '{field}'"):
        only(root)


def test_samples_that_lead_back_elsewhere_or_nowhere_are_refused(root: Path) -> None:
    rig = town.rig("nuscenes", CAMERAS)
    write_nuscenes("scene-0002", town.frames(rig, 2), rig, root, seed=4, split="test")
    reader = NuScenesReader(root)
    frames, others = (next(reader.logs([f"scene-000{n}"])).frames for n in (1, 2))

    def lead(sample: str, to: str) -> None:
        edit(root, "sample", lambda rows: next(row for row in rows if row["token"] == sample).update(next=to))

    for to, sentence in (
        (frames[0].name, "leads back"),
        (others[0].name, "a sample of the scene"),
        ("gone", "has no row 'gone'"),
    ):
        lead(frames[3].name, to)
        with pytest.raises(BadLog, match=rf"scene scene-0001: v1\.0-mini/sample\.json.*{sentence}"):
            next(reader.logs(["scene-0001"]))
        assert len(next(reader.logs(["scene-0002"])).frames) == 2
    lead(frames[0].name, "")
    log = next(reader.logs(["scene-0001"]))
    assert (len(log.frames), len(log.warnings)) == (1, 1)
    assert "scene.json says that the scene has 4 samples" in log.warnings[0]


def test_times_that_are_equal_or_no_numbers_are_filled_in(root: Path) -> None:
    whole = only(root)

    def spoil(rows: list[dict[str, Any]]) -> None:
        rows[1]["timestamp"], rows[2]["timestamp"] = rows[0]["timestamp"], "soon"

    edit(root, "sample", spoil)
    log = only(root)
    assert [frame.time for frame in log.frames] == pytest.approx([frame.time for frame in whole.frames])
    assert [warning.partition(" at frame ")[2][:1] for warning in log.warnings] == ["2", "1"]


def test_values_of_another_type_are_none(root: Path) -> None:
    edit(root, "ego_pose", lambda rows: rows[0]["translation"].__setitem__(0, True))
    edit(root, "ego_pose", lambda rows: rows[3]["translation"].__setitem__(0, "1.5"))
    edit(root, "ego_pose", lambda rows: rows[6]["translation"].__setitem__(0, 10**400))
    log = only(root)
    assert len(log.warnings) >= 1
    assert all("v1.0-mini/ego_pose.json" in warning for warning in log.warnings)
    edit(root, "calibrated_sensor", lambda rows: [row["translation"].__setitem__(0, True) for row in rows])
    with pytest.raises(BadLog, match=r"v1\.0-mini/calibrated_sensor\.json: 'translation' and 'rotation' of LIDAR_TOP"):
        only(root)


def test_two_files_of_one_sensor_in_one_sample_are_refused(root: Path) -> None:
    edit(root, "calibrated_sensor", lambda rows: [row.update(sensor_token=rows[0]["sensor_token"]) for row in rows])
    with pytest.raises(BadLog, match=r"v1\.0-mini/calibrated_sensor\.json give the sample '\w+' two files of"):
        only(root)


def test_a_sensor_that_nobody_knows_is_said(root: Path) -> None:
    edit(root, "sensor", lambda rows: next(r for r in rows if r["channel"] == "CAM_BACK").update(channel="CAM_BACL"))
    log = only(root)
    assert [camera.name for camera in log.rig.cameras] == ["CAM_FRONT"]
    (warning,) = log.warnings
    assert "v1.0-mini/sensor.json has the channel 'CAM_BACL'" in warning and "(frame 0-3)" in warning


def test_rows_that_are_lost_are_said(root: Path) -> None:
    rig = town.rig("nuscenes", CAMERAS)
    write_nuscenes("scene-0002", town.frames(rig, 2), rig, root, seed=4, split="test")
    edit(root, "scene", lambda rows: rows.pop())
    edit(root, "sample_data", lambda rows: rows.remove(next(row for row in rows if "CAM_BACK" in row["filename"])))
    edit(root, "sample_annotation", lambda rows: rows.extend([None, {}, {**rows[0], "size": [1, 1, 1]}, rows[0]]))
    (log,) = NuScenesReader(root).logs()
    said = " ".join(log.warnings)
    assert "3 rows of v1.0-mini/sample_annotation.json are left out" in said
    assert "v1.0-mini/sample.json has samples of 1 scenes that v1.0-mini/scene.json does not have" in said
    edit(root, "scene", lambda rows: rows.clear())
    with pytest.raises(BadLog, match=r"has no scenes: v1\.0-mini/scene\.json has no rows"):
        NuScenesReader(root).log_ids()


def test_boxes_that_are_lost_are_said(root: Path) -> None:
    edit(root, "sample_annotation", lambda rows: rows.pop(3))
    edit(root, "sample_annotation", lambda rows: rows[0].update(sample_token=7))
    said = only(root).warnings
    assert any("sample_annotation.json has 1 rows fewer than" in sentence for sentence in said)
    assert any("1 rows of" in sentence and "are of no sample: their boxes" in sentence for sentence in said)


def test_a_camera_that_took_off_has_no_extrinsics(root: Path) -> None:
    data = json.loads((root / "v1.0-mini/sample_data.json").read_text())
    token = next(row["ego_pose_token"] for row in data if "CAM_BACK" in row["filename"])
    edit(root, "ego_pose", lambda rows: [r.update(translation=[1e12, 0, 0]) for r in rows if r["token"] == token])
    log = only(root)
    assert [c.ego_from_camera is None for c in log.frames[0].cameras if c.name == "CAM_BACK"] == [True]
    assert any("pose of CAM_BACK far from that of its frame" in sentence for sentence in log.warnings)


def test_two_rows_of_one_token_that_differ_are_refused(root: Path) -> None:
    edit(root, "ego_pose", lambda rows: rows.append(dict(rows[0])))
    assert only(root).warnings == ()
    edit(root, "ego_pose", lambda rows: rows.append({**rows[0], "translation": [0, 0, 0]}))
    with pytest.raises(BadLog, match=r"v1\.0-mini/ego_pose\.json has two different rows"):
        only(root)


def test_all_versions_give_their_scenes_once(root: Path) -> None:
    rig = town.rig("nuscenes", CAMERAS)
    write_nuscenes("scene-0002", town.frames(rig, 2), rig, root, seed=4, split="test")
    shutil.copytree(root / "v1.0-mini", root / "v1.0-test")
    edit(root, "scene", lambda rows: rows.pop(0), version="v1.0-test")
    edit(root, "sample", lambda rows: [row.pop("scene_token") for row in rows], version="v1.0-test")
    assert NuScenesReader(root).log_ids() == ["scene-0001", "scene-0002"]
    assert [(len(log.frames), log.warnings) for log in NuScenesReader(root).logs()] == [(4, ()), (2, ())]
    edit(root, "scene", lambda rows: rows[0].update(token="another", name="scene-0003"), version="v1.0-test")
    assert NuScenesReader(root).log_ids() == ["scene-0001", "scene-0002", "scene-0003"]
    edit(root, "scene", lambda rows: rows[0].update(name="scene-0001"), version="v1.0-test")
    (log,) = NuScenesReader(root).logs(["scene-0001"])
    assert log.warnings == ("v1.0-mini/scene.json has another scene scene-0001; that of v1.0-test is read",)


def test_a_version_whose_scenes_cannot_be_read_costs_no_other(root: Path) -> None:
    shutil.copytree(root / "v1.0-mini", root / "v1.0-test")
    (root / "v1.0-test/scene.json").write_bytes(b"[{")
    reader = NuScenesReader(root)
    assert reader.log_ids() == ["scene-0001", "v1.0-test"]
    assert [len(log.frames) for log in reader.logs(["scene-0001"])] == [4]
    with pytest.raises(BadLog, match=r"none of the scenes of v1\.0-test can be read: .*/v1\.0-test/scene\.json is no"):
        next(reader.logs(["v1.0-test"]))
    (root / "v1.0-mini/scene.json").write_bytes(b"")
    with pytest.raises(BadLog, match=r"^\S*/v1\.0-test/scene\.json is no table"):
        NuScenesReader(root).log_ids()


def test_a_scene_that_cannot_be_named_is_listed_with_the_reason(root: Path) -> None:
    for name in ("../../elsewhere", None, ".", "a/b"):
        renamed = {"name": name}
        edit(root, "scene", lambda rows: rows[0].update(renamed))  # noqa: B023 - called at once
        (log_id,) = NuScenesReader(root).log_ids()
        assert len(log_id) == 32
        with pytest.raises(BadLog, match=r"v1\.0-mini/scene\.json: "):
            next(NuScenesReader(root).logs([log_id]))


def test_links_that_lead_nowhere_cost_themselves(root: Path) -> None:
    frames = only(root).frames
    for path, target in ((frames[0].sweep.path, "nowhere"), (frames[1].sweep.path, frames[1].sweep.path.name)):
        path.unlink()
        path.symlink_to(target)
    (root / "samples/LOOP").symlink_to("LOOP")
    reader = NuScenesReader(root)
    assert reader.stamp()
    (log,) = reader.logs()
    assert log.warnings == ("2 of 4 frames have no file of LIDAR_TOP: frame 0-1",)


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
