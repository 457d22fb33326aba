"""KITTI odometry and SemanticKITTI: files belong to frames by name, and damage costs as little as it can."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from kitti_sequence import only, posed, written
from PIL import Image

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.formats.semantickitti import write_point_labels
from occlabel.schemas.taxonomy import UNKNOWN, taxonomy_preset
from occlabel.stages.ingest.kitti import KittiReader


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return written(tmp_path)


def test_a_missing_scan_is_reported_and_shifts_nothing(root: Path) -> None:
    whole = only(root)
    (root / "sequences/00/velodyne/000002.bin").unlink()
    log = only(root)
    assert [frame.name for frame in log.frames] == [frame.name for frame in whole.frames]
    assert log.frames[2].sweep is None
    assert log.frames[2].cameras
    for frame, before in zip(log.frames, whole.frames, strict=True):
        assert frame.time == before.time
        np.testing.assert_array_equal(frame.world_from_ego, before.world_from_ego)
        if frame.sweep is not None:
            assert frame.sweep.path.stem == frame.name
    assert log.warnings == ("1 of 6 frames have no scan: 000002",)
    assert log.stamp != whole.stamp


def test_a_frame_that_no_sensor_has_is_a_gap_in_the_names(root: Path) -> None:
    for name in ("velodyne/000003.bin", "image_2/000003.png", "velodyne/000004.bin", "image_2/000004.png"):
        (root / "sequences/00" / name).unlink()
    log = only(root)
    assert [frame.name for frame in log.frames] == ["000000", "000001", "000002", "000005"]
    assert log.frames[3].time == pytest.approx(2.5)
    assert log.warnings == ("no sensor has frame 000003-000004",)


def test_other_files_are_no_frames(root: Path) -> None:
    for name in ("._000001.bin", "backup.bin", "000009.bin.part", "000009.txt"):
        (root / "sequences/00/velodyne" / name).write_bytes(b"x")
    assert len(only(root).frames) == 6


def test_frames_numbered_from_1_with_as_many_rows_have_no_poses(root: Path) -> None:
    for scan in sorted((root / "sequences/00/velodyne").iterdir(), reverse=True):
        scan.rename(scan.with_name(f"{int(scan.stem) + 1:06d}.bin"))
    shutil.rmtree(root / "sequences/00/image_2")
    log = only(root)
    assert all(frame.world_from_ego is None for frame in log.frames)
    assert any("numbered from 1: whose row is which cannot be told" in said for said in log.warnings)


def test_files_in_formats_that_the_layout_does_not_have_are_said(root: Path) -> None:
    for image in (root / "sequences/00/image_2").iterdir():
        image.rename(image.with_suffix(".webp"))
    assert "image_2 has files .webp, which are not read; they must be .png, .jpg, .jpeg" in only(root).warnings


def test_frames_are_matched_by_number(root: Path) -> None:
    whole, folder = only(root), root / "sequences/00"
    for image in sorted((folder / "image_2").iterdir()):
        image.rename(image.with_name(f"{int(image.stem):010d}.PNG"))
    for labels in sorted((folder / "labels").iterdir()):
        labels.rename(labels.with_name(f"{int(labels.stem)}.label"))
    (folder / "velodyne/000003.bin").rename(folder / "velodyne/000003.BIN")
    (folder / "velodyne/000004.bin").unlink()
    log = only(root)
    assert [frame.name for frame in log.frames] == [frame.name for frame in whole.frames]
    assert all(len(frame.cameras) == 1 and frame.truth.points is not None for frame in log.frames)
    assert log.warnings == ("1 of 6 frames have no scan: 000004",)
    assert log.rig.cameras == whole.rig.cameras


def test_of_two_files_of_one_number_the_usual_one_is_used(root: Path) -> None:
    whole, folder = only(root), root / "sequences/00/velodyne"
    (folder / "02.bin").write_bytes(b"another")
    log = only(root)
    assert [frame.sweep.path for frame in log.frames] == [frame.sweep.path for frame in whole.frames]
    assert log.warnings == ("velodyne has 000002.bin and 02.bin, both of frame 2; 000002.bin is used",)
    assert (log.text, log.stamp) == (whole.text, whole.stamp)


def test_links_folders_and_pipes_are_said_and_cost_themselves(root: Path) -> None:
    folder = root / "sequences/00"
    for name in ("velodyne/000001.bin", "velodyne/000002.bin", "velodyne/000003.bin", "image_2/000004.png"):
        (folder / name).unlink()
    (folder / "velodyne/000001.bin").symlink_to("nowhere")
    (folder / "velodyne/000002.bin").mkdir()
    os.mkfifo(folder / "velodyne/000003.bin")
    (folder / "image_2/000004.png").symlink_to("000004.png")
    log = only(root)
    assert log.warnings == (
        "3 of 6 files of velodyne cannot be read (links that lead nowhere, folders): 000001.bin, 000002.bin, "
        "000003.bin",
        "1 of 6 files of image_2 cannot be read (links that lead nowhere, folders): 000004.png",
    )
    for index in (1, 2, 3):
        with pytest.raises(DamagedFile, match="cannot be read"):
            KittiReader(root).points(log.frames[index].sweep)
    with pytest.raises(DamagedFile, match="cannot be read"):
        KittiReader(root).check_image(log.frames[4].cameras[0])


def test_a_sequence_that_leads_nowhere_is_a_log_that_cannot_be_read(root: Path) -> None:
    sequences = root / "sequences"
    (sequences / "01").symlink_to("nowhere")
    (sequences / "02").symlink_to("02")
    (sequences / "03").mkdir()
    (sequences / "03/velodyne").symlink_to("velodyne")
    (sequences / "notes.txt").write_text("hello")
    reader = KittiReader(root)
    assert reader.log_ids() == ["00", "01", "02", "03"]
    for log, sentence in (("01", "leads nowhere"), ("02", "leads nowhere"), ("03", r"velodyne cannot be listed")):
        with pytest.raises(BadLog, match=f"sequence {log}.*{sentence}"):
            next(reader.logs([log]))
    assert len(only(root).frames) == 6


def test_a_frame_of_a_huge_number_is_one_frame(root: Path) -> None:
    folder = root / "sequences/00/velodyne"
    shutil.copy(folder / "000002.bin", folder / "1000000000000.bin")
    shutil.copy(folder / "000002.bin", folder / f"{10**30}.bin")
    log = only(root)
    assert [frame.name for frame in log.frames[5:]] == ["000005", "1000000000000"]
    assert posed(log) == "PPPPPP."
    assert log.warnings[0].startswith("velodyne has 1000000000000000000000000000000.bin, not read: the name of a file")
    assert log.warnings[1] == "no sensor has frame 000006-999999999999"


def test_images_that_cannot_be_read_have_no_size(root: Path) -> None:
    for path in (root / "sequences/00/image_2").iterdir():
        path.write_bytes(b"")
    log = only(root)
    assert log.rig.camera("image_2").size is None
    with pytest.raises(DamagedFile, match="is empty"):
        KittiReader(root).check_image(log.frames[0].cameras[0])


def test_a_sequence_without_frames_or_of_another_name_is_refused(root: Path) -> None:
    (root / "sequences/01/velodyne").mkdir(parents=True)
    with pytest.raises(BadLog, match="sequence 01 has no frames"):
        next(iter(KittiReader(root).logs(["01"])))
    for name in ("02", "", ".", "../sequences/00", "00/velodyne"):
        with pytest.raises(BadLog, match="has no sequence"):
            next(iter(KittiReader(root).logs([name])))


def test_a_test_sequence_has_scans_only(root: Path) -> None:
    for folder in ("labels", "image_2"):
        shutil.rmtree(root / "sequences/00" / folder)
    log = only(root)
    assert log.warnings == ()
    assert KittiReader(root).voxel_truth(log.frames[0]) is None
    assert KittiReader(root).point_truth(log.frames[0]) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\0" * 1000, "truncated"),
        (np.full(8, np.nan, "<f4").tobytes(), "NaN"),
        (None, "cannot be read"),
    ],
)
def test_a_damaged_scan_says_what_is_wrong(root: Path, content: bytes | None, reason: str) -> None:
    log = only(root)
    path = root / "sequences/00/velodyne/000001.bin"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DamagedFile, match=rf"000001\.bin.*{reason}"):
        KittiReader(root).points(log.frames[1].sweep)


def test_the_stamp_changes_with_what_a_stage_reads_and_only_then(root: Path) -> None:
    whole = only(root)
    assert only(root).stamp == whole.stamp
    (root / "sequences/00/labels/000000.label").write_bytes(b"other truth")
    assert only(root).stamp == whole.stamp
    os.utime(root / "sequences/00/velodyne/000000.bin", ns=(1, 1))
    touched = only(root)
    assert touched.stamp != whole.stamp
    assert touched.text == whole.text
    (root / "sequences/00/times.txt").write_text("0\n1\n2\n3\n4\n5\n")
    assert only(root).text != whole.text
    assert only(root).stamp not in (touched.stamp, whole.stamp)


def test_a_link_that_leads_nowhere_is_a_damaged_scan(root: Path) -> None:
    scan = root / "sequences/00/velodyne/000002.bin"
    scan.unlink()
    scan.symlink_to(root / "gone.bin")
    log = only(root)
    with pytest.raises(DamagedFile, match=r"000002\.bin cannot be read"):
        KittiReader(root).points(log.frames[2].sweep)


def test_point_labels_that_mean_nothing_are_not_scored(root: Path) -> None:
    log = only(root)
    raw = np.zeros(50, np.uint16)
    raw[:6] = [0, 1, 52, 99, 40, 255]
    write_point_labels(root / "sequences/00/labels/000000.label", raw, np.arange(50, dtype=np.uint16))
    truth = KittiReader(root).point_truth(log.frames[0])
    assert truth.taxonomy == taxonomy_preset("semantickitti")
    assert truth.semantics[:6].tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, 9, 8]
    assert truth.segments.instance.tolist() == list(range(50))
    np.testing.assert_array_equal(truth.segments.ids, np.fromfile(log.frames[0].truth.points, "<u4"))
    (root / "sequences/00/labels/000000.label").write_bytes(b"\0" * 40)
    with pytest.raises(DamagedFile, match="truncated"):
        KittiReader(root).point_truth(log.frames[0])


def test_the_reader_travels_and_needs_no_heavy_library(root: Path) -> None:
    assert pickle.loads(pickle.dumps(KittiReader(root))) == KittiReader(root)
    code = (
        "import sys; from pathlib import Path; from occlabel.stages.ingest.recognise import open_logs\n"
        f"list(open_logs(Path({str(root)!r})).logs())\n"
        "print(sorted({'torch', 'open3d', 'nuscenes', 'numba', 'ray', 'matplotlib'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"


@pytest.mark.parametrize("scale", [0.5, 2])
def test_k_of_larger_or_smaller_images_is_told(root: Path, scale: float) -> None:
    assert not any("by K" in said for said in only(root).warnings)
    for path in (root / "sequences/00/image_2").iterdir():
        with Image.open(path) as image:
            resized = image.resize((round(image.width * scale), round(image.height * scale)))
        resized.save(path)
    (said,) = [said for said in only(root).warnings if "by K" in said]
    assert said.startswith("camera image_2: the middle of its lens lies at pixel (") and "far from the middle" in said
