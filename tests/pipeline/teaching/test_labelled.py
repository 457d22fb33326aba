"""What a training's recipe could not label is told, and nothing is learned from nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import MadeUpReader, Voxelise, small_recipe

from occlabel.pipeline.teaching.labelled import frames_of, labelled
from occlabel.schemas.errors import BadLog
from occlabel.workers.store import Store


def test_logs_and_clips_that_are_not_learned_from_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails = Voxelise(faults={"c/0": ("raise",) * 9}, notes=tmp_path / "notes")
    reader = MadeUpReader(tmp_path, {"a": 4, "b": 4, "c": 4}, blind=("b",))
    recipe = small_recipe(first=fails, gates={"min_labelled": 0})
    version = labelled(recipe, reader, Store(tmp_path / "store"), "local")
    assert list(version.logs) == ["a"]
    said = capsys.readouterr().err
    assert "not learned from: log b" in said and "labels out of range" in said
    labelled(recipe, reader, Store(tmp_path / "store"), "local", "without poses")
    assert "without poses: log b" in capsys.readouterr().err
    cured = small_recipe(first=fails.model_copy(update={"faults": {}}), gates={"min_labelled": 0})
    assert list(labelled(cured, reader, Store(tmp_path / "store"), "local").logs) == ["a", "c"]
    more = MadeUpReader(tmp_path, {"a": 4, "c": 4, "d": 4})
    assert list(labelled(cured, more, Store(tmp_path / "store"), "local").logs) == ["a", "c", "d"]
    logs = {log.id: log for log in reader.logs()}
    assert [list(frames_of(version, logs[name])) for name in "ab"] == [[f"{n:06d}" for n in range(4)], []]
    assert frames_of(None, logs["a"]) == {}


def test_where_too_little_was_labelled_nothing_is_learned(tmp_path: Path) -> None:
    fails = Voxelise(faults={"c/0": ("raise",) * 9}, notes=tmp_path / "notes")
    reader = MadeUpReader(tmp_path, {"a": 4, "c": 4})
    recipe = small_recipe(first=fails, gates={"min_labelled": 0.9})
    with pytest.raises(BadLog, match=r"could not be labelled to learn from: .*labels out of range"):
        labelled(recipe, reader, Store(tmp_path / "store"), "local")
