"""Files are there whole, or as they were."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats.appearing import appearing, write_whole


def test_what_ends_badly_leaves_what_was_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.json", "whole ä")
    with pytest.raises(KeyError), appearing(tmp_path / "new" / "a.json") as partial:
        partial.write_text("half")
        raise KeyError
    assert (tmp_path / "new" / "a.json").read_text(encoding="utf-8") == "whole ä"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a.json"]


def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OcclabelError, match=r"file/a\.json cannot be written: "):
        write_whole(tmp_path / "file" / "a.json", "text")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(OcclabelError, match=r"folder\.json cannot be written: Is a directory"):
        write_whole(tmp_path / "folder.json", "text")


def test_devices_and_pipes_are_written_to(tmp_path: Path) -> None:
    write_whole(Path("/dev/null"), "text")
    os.mkfifo(tmp_path / "pipe")
    heard: list[str] = []
    listener = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_text()), daemon=True)
    listener.start()
    write_whole(tmp_path / "pipe", "text")
    listener.join(10)
    assert heard == ["text"] and (tmp_path / "pipe").is_fifo()
