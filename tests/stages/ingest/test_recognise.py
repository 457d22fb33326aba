"""Which reader reads a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.kitti_raw import KittiRawReader
from occlabel.stages.ingest.nuscenes import NuScenesReader, versions
from occlabel.stages.ingest.recognise import open_logs


def test_each_layout_is_recognised_by_its_folders(tmp_path: Path) -> None:
    (tmp_path / "a/sequences/00").mkdir(parents=True)
    (tmp_path / "b/2011_09_26/2011_09_26_drive_0001_sync").mkdir(parents=True)
    (tmp_path / "c/v1.0-mini").mkdir(parents=True)
    (tmp_path / "c/v1.0-mini/scene.json").write_text("[]")
    assert isinstance(open_logs(tmp_path / "a"), KittiReader)
    assert isinstance(open_logs(tmp_path / "b"), KittiRawReader)
    assert isinstance(open_logs(tmp_path / "c"), NuScenesReader)


def test_what_fits_nothing_is_refused_with_what_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(BadLog, match=r"sequences/XX.*drive_NNNN_sync.*scene.json"):
        open_logs(tmp_path)
    with pytest.raises(BadLog, match="is not a folder"):
        open_logs(tmp_path / "nowhere")
    with pytest.raises(BadLog, match="unknown reader 'waymo'; known: kitti, kitti_raw, kitti360, nuscenes, argo"):
        open_logs(tmp_path, "waymo")
    (tmp_path / "sequences").mkdir()
    with pytest.raises(BadLog, match=r"there is no v1\.0-mini"):
        open_logs(tmp_path, "nuscenes")


def test_two_layouts_in_one_folder_need_a_name(tmp_path: Path) -> None:
    (tmp_path / "sequences/00").mkdir(parents=True)
    (tmp_path / "v1.0-test").mkdir()
    (tmp_path / "v1.0-test/scene.json").write_text("[]")
    with pytest.raises(BadLog, match=r"several layouts .kitti, nuscenes.; name one with --reader, .* reader='kitti'"):
        open_logs(tmp_path)
    assert isinstance(open_logs(tmp_path, "kitti"), KittiReader)


def test_the_mini_version_counts_last(tmp_path: Path) -> None:
    for version in ("v1.0-mini", "v1.0-test", "v1.0-trainval"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "scene.json").write_text("[]")
    assert versions(tmp_path) == ["v1.0-test", "v1.0-trainval", "v1.0-mini"]


@pytest.mark.parametrize("root", [None, 3, b"a", "", " ", ["a", 3], [None]])
def test_what_is_no_path_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Any) -> None:
    (tmp_path / "sequences").mkdir()
    (tmp_path / "a/sequences").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    assert isinstance(open_logs("."), KittiReader) and isinstance(open_logs(["a"]), KittiReader)
    with pytest.raises(BadLog, match="is no root of logs: give the path of a folder, or a list of such"):
        open_logs(root)


def test_the_name_of_a_reader_is_text(tmp_path: Path) -> None:
    reader: Any = ["kitti"]
    with pytest.raises(BadLog, match=r"reader=\['kitti'\]: give the name of a reader, or None"):
        open_logs(tmp_path, reader)
