"""The texts of a KITTI sequence: poses, times and calibration, where they are wrong, elsewhere or not there."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from kitti_sequence import assert_same, only, posed, rewrite, written

from occlabel.schemas.rig import RigCamera


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_one_bad_pose_costs_one_pose(root: Path) -> None:
    path = root / "sequences/00/poses.txt"
    rows = path.read_text().splitlines()
    rows[1] = rows[1].replace(rows[1].split()[0], "nan")
    rows[3] = " ".join(["2", *rows[3].split()[1:]])
    rows[4] = "half a line 0.5"
    whole = only(root)
    path.write_text("\n".join(rows))
    log = only(root)
    assert [frame.world_from_ego is None for frame in log.frames] == [False, True, False, True, True, False]
    np.testing.assert_array_equal(log.frames[5].world_from_ego, whole.frames[5].world_from_ego)
    assert "000001, 000003-000004" in log.warnings[0]


def test_short_poses_and_backward_times_are_warnings(root: Path) -> None:
    folder = root / "sequences/00"
    (folder / "poses.txt").write_text("\n".join((folder / "poses.txt").read_text().splitlines()[:4]))
    (folder / "times.txt").write_text("0\n0.1\n0.3\n0.2\n0.4\n0.5\n")
    log = only(root)
    assert [frame.world_from_ego is None for frame in log.frames] == [False] * 4 + [True] * 2
    assert any("time does not run forwards at frame 000003" in sentence for sentence in log.warnings)


def test_a_projection_is_that_of_a_camera(root: Path) -> None:
    def bend(lines: list[str]) -> list[str]:
        return [line.replace(" 0.000000000000e+00", " 1e300", 1) if line.startswith("P2") else line for line in lines]

    rewrite(root / "sequences/00/calib.txt", bend)
    log = only(root)
    assert log.frames[0].cameras[0].intrinsics is None
    assert any("P2 is not a projection of a pinhole camera" in said for said in log.warnings)


@pytest.mark.parametrize("first", ["r11 r12 r13 t1", "# a trajectory", ""])
@pytest.mark.parametrize("file", ["poses.txt", "times.txt"])
def test_a_first_line_without_numbers_shifts_nothing(root: Path, file: str, first: str) -> None:
    whole = only(root)
    rewrite(root / "sequences/00" / file, lambda lines: [first, *lines])
    log = only(root)
    assert_same(log, whole)
    (warning,) = log.warnings
    assert warning.startswith(f"{file}, line 1: ") and warning.endswith(", skipped")
    assert log.text != whole.text


@pytest.mark.parametrize("file", ["poses.txt", "times.txt", "calib.txt", "boxes.txt"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_texts_of_other_editors_are_read(root: Path, file: str, encoding: str) -> None:
    whole = only(root)
    path = root / "sequences/00" / file
    path.write_bytes((path.read_text().replace("\n", "\r\n") + "\r\n\r\n").encode(encoding))
    log = only(root)
    assert_same(log, whole)
    assert [frame.truth.boxes[0].size for frame in log.frames] == [frame.truth.boxes[0].size for frame in whole.frames]
    assert log.warnings == (() if file == "boxes.txt" else (f"{file}, line 1: a byte-order mark, skipped",))


def test_a_row_that_was_taken_out_costs_the_poses_from_there_on(tmp_path: Path) -> None:
    written(tmp_path, 8)
    whole = only(tmp_path)
    rewrite(tmp_path / "sequences/00/poses.txt", lambda lines: lines[:3] + lines[4:])
    log = only(tmp_path)
    assert posed(log) == "PPP....."
    for frame, before in zip(log.frames[:3], whole.frames[:3], strict=True):
        np.testing.assert_array_equal(frame.world_from_ego, before.world_from_ego)
    assert log.warnings[0] == "poses.txt has 7 rows, and there should be 8, one for each frame number from 0 to 7"
    assert "from frame 000002 to 000003" in log.warnings[1]
    assert log.warnings[2:] == ("poses.txt has no pose of frame 000003-000007; 5 of 8 frames are used without a pose",)


def test_a_pose_has_12_numbers_or_16(root: Path) -> None:
    whole, path = only(root), root / "sequences/00/poses.txt"
    lines = path.read_text().splitlines()
    path.write_text("".join(f"{line} 0 0 0 1\n" for line in lines))
    log = only(root)
    assert_same(log, whole)
    assert log.warnings == ()
    path.write_text("".join(f"{line} 0 0 0 2\n" for line in lines))
    assert posed(only(root)) == "......"
    for count in (8, 7, 13):
        path.write_text("".join(" ".join((f"{line} 1").split()[:count]) + "\n" for line in lines))
        log = only(root)
        assert posed(log) == "......" and log.frames[5].time == whole.frames[5].time
        (warning,) = log.warnings
        assert f"poses.txt has {count} numbers a line" in warning and "the log goes on without poses" in warning


def test_texts_that_cannot_be_opened_cost_what_they_say(root: Path) -> None:
    folder = root / "sequences/00"
    for name in ("calib.txt", "times.txt", "poses.txt", "boxes.txt"):
        (folder / name).unlink()
    os.mkfifo(folder / "calib.txt")
    (folder / "times.txt").mkdir()
    (folder / "poses.txt").symlink_to("poses.txt")
    (folder / "boxes.txt").mkdir()
    log = only(root)
    assert [warning.partition(" cannot be read: ")[0] for warning in log.warnings] == [
        str(folder / name) for name in ("calib.txt", "times.txt", "poses.txt", "boxes.txt")
    ]
    assert log.frames[5].time == pytest.approx(0.5)


def test_a_log_without_poses_times_or_calibration_is_valid(root: Path) -> None:
    folder = root / "sequences/00"
    (folder / "poses.txt").unlink()
    (folder / "times.txt").unlink()
    log = only(root)
    assert all(frame.world_from_ego is None and frame.cameras for frame in log.frames)
    assert log.frames[5].time == pytest.approx(0.5)
    (folder / "calib.txt").unlink()
    log = only(root)
    assert len(log.warnings) == 3
    assert "without calibration" in log.warnings[0]
    assert log.rig.cameras == (RigCamera(name="image_2", size=(64, 48), intrinsics=False, extrinsics=False),)
    assert all(len(frame.cameras) == 1 and frame.world_from_ego is None for frame in log.frames)


@pytest.mark.parametrize(
    ("lacking", "known", "posed", "sentence"),
    [("Tr", (True, False), False, "without extrinsics"), ("P2", (False, False), True, "has no P2; image_2 goes on")],
)
def test_half_a_calibration_is_kept(
    root: Path, lacking: str, known: tuple[bool, bool], posed: bool, sentence: str
) -> None:
    path = root / "sequences/00/calib.txt"
    whole = only(root).frames[0]
    path.write_text("".join(line for line in path.open() if not line.startswith(f"{lacking}:")))
    log = only(root)
    (camera,) = log.rig.cameras
    assert (camera.intrinsics, camera.extrinsics) == known
    assert [frame.world_from_ego is not None for frame in log.frames] == [posed] * 6
    assert [sentence in warning for warning in log.warnings] == [True]
    if lacking == "Tr":
        np.testing.assert_array_equal(log.frames[0].cameras[0].intrinsics, whole.cameras[0].intrinsics)


def test_poses_may_lie_in_the_odometry_folder(root: Path) -> None:
    whole = only(root)
    (root / "poses").mkdir()
    (root / "sequences/00/poses.txt").rename(root / "poses/00.txt")
    np.testing.assert_array_equal(only(root).frames[4].world_from_ego, whole.frames[4].world_from_ego)


def test_a_calibration_that_is_wrong_is_as_good_as_none_and_its_line_is_named(root: Path) -> None:
    path = root / "sequences/00/calib.txt"
    lines = path.read_text().splitlines()
    for wrong, sentence in (
        ("Tr: " + " ".join(str(2 * float(value)) for value in lines[-1].split()[1:]), "not a rigid transform"),
        (lines[-1].rpartition(" ")[0], "has 11 numbers, expected 12"),
        (lines[-1].replace("e+00", "e+O0"), "fields, not all of them numbers"),
        (lines[-1][:-5], "cut off in the middle of its last number"),
        ("Tr: 1 0 0 0 0 1 0 -76 0 0 1 -271", "moves by 271 m, and no car is so long"),
    ):
        path.write_text("\n".join([*lines[:-1], wrong]))
        log = only(root)
        (warning,) = (warning for warning in log.warnings if "goes on" in warning)
        assert f"calib.txt, line {len(lines)}: Tr" in warning and sentence in warning
        assert "the log goes on without poses, its cameras without extrinsics" in warning
        assert all(frame.world_from_ego is None and frame.cameras[0].intrinsics is not None for frame in log.frames)


def test_a_line_of_the_calibration_that_nobody_needs_costs_a_sentence(root: Path) -> None:
    path = root / "sequences/00/calib.txt"
    whole = only(root)
    lines = path.read_text().splitlines()
    lines[0] = "P0: what is this"
    lines[3] = "P3: 1 2 3"
    text = "\ufeff# calibrated in May\r\n\r\n" + "\r\n".join(["who wrote this?", *lines]) + "\r\n\r\n"
    path.write_text(text, encoding="utf-8")
    log = only(root)
    assert log.warnings == (
        "calib.txt, line 1: a byte-order mark, skipped",
        "calib.txt, line 3: not 'NAME: numbers', skipped",
        "calib.txt, line 4: P0 has something that is no number",
    )
    assert_same(log, whole)
