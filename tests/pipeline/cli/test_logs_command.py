"""``occlabel logs``: what a log holds, and a picture that shows a wrong frame convention."""

from __future__ import annotations

import json
from pathlib import Path

import made_up_town as town
import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from occlabel.pipeline.cli.logs import app
from occlabel.pipeline.delivery.pictures.overlay import depth_colours, paint_points
from occlabel.schemas.errors import BadLog
from occlabel.stages.town.writers.kitti import write_kitti


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rig = town.rig("kitti", ("image_2",))
    frames = town.frames(rig, 3, truth=False)
    # One wall of points 10 m before the camera, on its axis: x ahead of the ego frame is y of the turned LiDAR.
    ahead = np.linalg.inv(rig.lidar.ego_from_lidar) @ [11.0, 0.2, 1.5, 1.0]
    frames[0].scan.points[:, :3] = ahead[:3]
    write_kitti("00", frames, rig, tmp_path)
    (tmp_path / "sequences/01").mkdir()
    return tmp_path


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_list_tells_every_log_even_one_that_cannot_be_read(root: Path) -> None:
    good, bad = json.loads(run("list", root, "--json"))
    assert (good["id"], good["frames"], good["scans"], good["poses"]) == ("00", 3, 3, 3)
    assert good["duration"] == 1.0
    assert good["distance"] == pytest.approx(2 * np.hypot(2, 1), rel=0.05)
    known = {"intrinsics": True, "extrinsics": True, "above_road": None}
    assert good["cameras"] == [{"name": "image_2", "images": 3, "width": 64, "height": 48, **known}]
    assert good["truth"] == {"voxels": 0, "points": 3, "boxes": 3}
    assert "no frames" in bad["error"]
    title, *rows = run("list", root).splitlines()
    assert title.startswith(f"2 logs under {root}, 1 of them cannot be read")
    (row,) = (row for row in rows if row.startswith("│ 00"))
    assert "│ points boxes │" in row
    assert any(row.startswith("cannot be read: sequence 01 has no frames") for row in rows)


def test_show_draws_points_where_the_camera_sees_them(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "picture.png"
    facts = json.loads(run("show", root, "--log", "00", "--out", out, "--json").split("wrote")[0])
    assert facts["id"] == "00"
    picture = np.asarray(Image.open(out)).astype(int)
    height, width, _ = picture.shape
    plain = np.asarray(Image.open(root / "sequences/00/image_2/000000.png").resize((width, height))).astype(int)
    changed = np.argwhere(np.abs(picture - plain).sum(axis=2) > 60)
    changed = changed[changed[:, 0] > 20]  # below the camera's name
    centre = np.array([23.5, 31.5]) * picture.shape[1] / 64
    assert len(changed)
    assert np.abs(changed - centre).max() < 3


def test_a_frame_or_log_that_is_not_there_is_refused(root: Path, tmp_path: Path) -> None:
    with pytest.raises(BadLog, match="has 3 frames, counted from 0; there is no frame 3"):
        run("show", root, "--frame", 3, "--out", tmp_path / "a.png")
    with pytest.raises(BadLog, match="has no sequence '07'"):
        run("show", root, "--log", "07")
    (root / "sequences/00/velodyne/000001.bin").unlink()
    with pytest.raises(BadLog, match=r"frame 000001 has no scan.*; choose another: --frame 0"):
        run("show", root, "--frame", 1, "--out", tmp_path / "a.png")
    for file in (root / "sequences/00/image_2").iterdir():
        file.unlink()
    with pytest.raises(BadLog, match="log 00 has no images: there is nothing to draw"):
        run("show", root, "--frame", 1, "--out", tmp_path / "a.png")


def test_a_camera_whose_image_is_damaged_is_still_drawn(root: Path, tmp_path: Path) -> None:
    (root / "sequences/00/image_2/000002.png").write_bytes(b"")
    run("show", root, "--frame", 2, "--out", tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_show_says_that_poses_cannot_be_right(root: Path) -> None:
    poses = root / "sequences/00/poses.txt"
    assert json.loads(run("show", root, "--log", "00", "--json"))["fault_of_poses"] is None
    rows = np.loadtxt(poses)
    rows[2, [3, 7, 11]] += 12.0
    np.savetxt(poses, rows)
    fault = json.loads(run("show", root, "--log", "00", "--json"))["fault_of_poses"]
    assert fault.startswith("they leap by 2") and fault.endswith(" m at frame 000002")
    text = " ".join(run("show", root, "--log", "00").split())
    assert f"warning: its poses cannot be right: {fault}; the recipe needs geometry: {{kind: registration}}" in text
    assert json.loads(run("list", root, "--json"))[0]["fault_of_poses"] == fault


def test_scans_of_which_none_can_be_read_are_said(root: Path) -> None:
    assert json.loads(run("show", root, "--log", "00", "--json"))["fault_of_scans"] is None
    for scan in (root / "sequences/00/velodyne").iterdir():
        points = np.fromfile(scan, np.float32).reshape(-1, 4)
        (points * np.array([1000, 1000, 1000, 1], np.float32)).tofile(scan)
    fault = json.loads(run("show", root, "--log", "00", "--json"))["fault_of_scans"]
    assert fault.startswith("of its 3 scans none of those that were looked at can be read, probably none at all: ")
    assert "in other units" in fault
    assert f"warning: {fault}" in " ".join(run("show", root, "--log", "00").split())
    assert json.loads(run("list", root, "--json"))[0]["fault_of_scans"] == fault
    (row,) = (row for row in run("list", root).splitlines() if row.startswith("│ 00"))
    assert row.split("│")[-2].strip() == "1"


def test_scans_whose_copies_broke_off_are_said(root: Path) -> None:
    assert json.loads(run("show", root, "--log", "00", "--json"))["broken_off"] is None
    scan = sorted((root / "sequences/00/velodyne").iterdir())[1]
    scan.write_bytes(scan.read_bytes()[:160])
    fault = json.loads(run("show", root, "--log", "00", "--json"))["broken_off"]
    assert fault.startswith("1 of its 3 scans (000001) with less than a quarter of the bytes that most have")
    assert f"warning: {fault}: copy them again" in " ".join(run("show", root, "--log", "00").split())


def test_list_counts_what_show_warns_of_and_says_where_it_does_not(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poses = root / "sequences/00/poses.txt"
    rows = np.loadtxt(poses)
    rows[2, [3, 7, 11]] += 12.0
    np.savetxt(poses, rows)
    warned = [line for line in run("show", root, "--log", "00").splitlines() if line.startswith("warning: ")]

    def listed() -> tuple[str, bool]:
        text = run("list", root)
        (row,) = (row for row in text.splitlines() if row.startswith("│ 00"))
        return row.split("│")[-2].strip(), "without those that scans show" in text

    assert listed() == (str(len(warned)), False)
    monkeypatch.setattr("occlabel.pipeline.cli.logs._LOOKED", 1)
    assert listed() == (str(len(warned) - 1), True)


def test_the_nearest_point_is_on_top_and_points_behind_are_not_drawn() -> None:
    canvas = np.zeros((10, 10, 3), np.uint8)
    uv = np.array([[4.0, 4.0], [4.0, 4.0], [8.0, 1.0], [1e9, 0.0]])
    paint_points(canvas, uv, np.array([3.0, 30.0, -5.0, 4.0]))
    np.testing.assert_array_equal(canvas[4, 4], depth_colours(np.array([3.0]))[0])
    assert not canvas[:3].any()
