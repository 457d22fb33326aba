"""The content of a log: what counts is what the files say, not where and when they were written."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import made_up_town as town
import pytest

from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.stages.ingest.digest import content_of
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.stages.town.writers.nuscenes import write_nuscenes


@pytest.fixture(params=["kitti", "nuscenes"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    root = tmp_path / "here"
    if request.param == "kitti":
        rig = town.rig("kitti", ("image_2",))
        write_kitti("00", town.frames(rig, 3), rig, root)
    else:
        rig = town.rig("nuscenes", ("CAM_FRONT", "CAM_BACK"))
        write_nuscenes("scene-0001", town.frames(rig, 3), rig, root, seed=3, split="test")
    return root


def only(root: Path) -> DriveLog:
    reader: LogReader = open_logs(root)
    return next(iter(reader.logs()))


def flip(path: Path) -> None:
    """Changes one bit and leaves size and time alone."""
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_copy_elsewhere_of_another_time_has_the_same_content(root: Path, tmp_path: Path) -> None:
    shutil.copytree(root, tmp_path / "there", copy_function=shutil.copyfile)
    for path in (tmp_path / "there").rglob("*"):
        os.utime(path, ns=(10**18, 10**18))
    log, copy = only(root), only(tmp_path / "there")
    assert content_of(copy) == content_of(log)
    assert copy.text == log.text
    assert copy.stamp != log.stamp


def test_one_bit_of_a_scan_or_an_image_is_another_content(root: Path) -> None:
    log = only(root)
    digests = {content_of(log).digest}
    for path in (log.frames[1].sweep.path, log.frames[2].cameras[0].path):
        flip(path)
        digests.add(content_of(only(root)).digest)
    assert len(digests) == 3


def test_truth_is_no_content(root: Path) -> None:
    before = content_of(only(root))
    changed = 0
    for frame in only(root).frames:
        for path in (frame.truth.voxels, frame.truth.points):
            if path is not None:
                path.unlink() if "lidarseg" not in str(path) else flip(path)
                changed += 1
    assert changed == 6
    assert content_of(only(root)) == before


def test_a_file_that_goes_away_is_another_content_and_no_error(root: Path) -> None:
    log = only(root)
    whole = content_of(log)
    log.frames[1].sweep.path.unlink()
    lacking = content_of(log)
    assert lacking.lasting
    assert lacking.digest != whole.digest


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_cannot_be_read_is_not_known_for_long(root: Path, make: Callable[[Path], None]) -> None:
    log = only(root)
    log.frames[0].sweep.path.unlink()
    make(log.frames[0].sweep.path)
    assert not content_of(log).lasting


def test_large_files_are_read_as_small_ones_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = content_of(only(root))
    monkeypatch.setattr("occlabel.stages.ingest.digest._LARGE", 0)
    assert content_of(only(root)) == small
