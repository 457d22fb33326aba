"""A user's package brings a reader as an entry point."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import ClassVar

import pytest

from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.brought import BroughtReader
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.recognise import open_logs


class Tapes:
    LAYOUT_GLOB: ClassVar[str] = "tapes/*.tape"
    LAYOUT_WORDS: ClassVar[str] = "tapes/NAME.tape"

    def __init__(self, root: Path) -> None:
        self.root = root

    def log_ids(self) -> list[str]:
        return []

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        yield from ()

    def stamp(self) -> str | None:
        return None


class NoLayout:
    pass


class Anywhere:
    LAYOUT_GLOB = "/etc/*"
    LAYOUT_WORDS = "anything"


@pytest.fixture
def bring(monkeypatch: pytest.MonkeyPatch):
    def bring(**classes: str) -> None:
        points = [metadata.EntryPoint(name, value, "occlabel.readers") for name, value in classes.items()]
        monkeypatch.setattr(metadata, "entry_points", lambda group: points if group == "occlabel.readers" else [])

    return bring


def test_its_layout_is_recognised_and_can_be_named(tmp_path: Path, bring) -> None:
    bring(tapes=f"{__name__}:Tapes")
    (tmp_path / "tapes").mkdir()
    with pytest.raises(BadLog, match=r"scene\.json \(nuScenes\), .*film .*, tapes/NAME\.tape; give the folder"):
        open_logs(tmp_path)
    (tmp_path / "tapes/a.tape").touch()
    for named in (None, "tapes"):
        found = open_logs(tmp_path, named)
        assert isinstance(found, BroughtReader) and isinstance(found.reader, Tapes)
        assert found.root == tmp_path
    (tmp_path / "sequences").mkdir()
    with pytest.raises(BadLog, match=r"several layouts .kitti, tapes."):
        open_logs(tmp_path)


def test_a_package_that_takes_one_of_our_names_is_told(tmp_path: Path, bring) -> None:
    bring(kitti=f"{__name__}:Tapes", tapes=f"{__name__}:Tapes")
    (tmp_path / "sequences").mkdir()
    for named in (None, "kitti"):
        with pytest.raises(BadLog, match=r"kitti = .*:Tapes .* takes the name of a reader that comes with occlabel"):
            open_logs(tmp_path, named)


def test_a_package_that_is_broken_costs_only_itself(tmp_path: Path, bring) -> None:
    bring(gone="no_such_module:Reader", half=f"{__name__}:NoLayout")
    with pytest.raises(BadLog, match=r"give the folder.*'gone'.*cannot be imported: ModuleNotFoundError.*'half'"):
        open_logs(tmp_path)
    for name, complaint in (("gone", "cannot be imported"), ("half", "is no reader: it must be a class with")):
        with pytest.raises(BadLog, match=complaint):
            open_logs(tmp_path, name)
    (tmp_path / "sequences").mkdir()
    assert isinstance(open_logs(tmp_path), KittiReader)


def test_a_glob_must_lie_inside_the_root(tmp_path: Path, bring) -> None:
    bring(anywhere=f"{__name__}:Anywhere")
    with pytest.raises(BadLog, match="no pattern of something inside a root"):
        open_logs(tmp_path, "anywhere")


def test_one_of_ours_that_is_named_imports_no_package(tmp_path: Path, bring) -> None:
    bring(this="this:Reader")
    (tmp_path / "sequences").mkdir()
    sys.modules.pop("this", None)
    open_logs(tmp_path, "kitti")
    assert "this" not in sys.modules
