"""A path under which no log has anything."""

from __future__ import annotations

from pathlib import Path

from contract import SPACES

from occlabel.stages.geometry.stored.stage import StoredPoses

SPACE = SPACES["occ3d"]


def test_a_path_where_no_log_has_anything_is_named_before_what_later_stages_lack(tmp_path: Path) -> None:
    stage = StoredPoses(path=tmp_path / "{log}.tum")
    assert stage.refuse(SPACE, None) == f"{stage.path} cannot be read: no log has such a file; name others"
    (tmp_path / "other.tum").touch()
    assert stage.refuse(SPACE, None) is None, "each log has its own, and its own sentence"
    assert "no log has such a folder" in (StoredPoses(path=tmp_path / "{log}/sparse").refuse(SPACE, None) or "")
