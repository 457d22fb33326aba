"""The page that a run writes of what it published."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chain import MadeUpReader, Voxelise, small_recipe

from occlabel.pipeline.cli.report import report_run
from occlabel.pipeline.quality.gates.labelled import label_logs
from occlabel.pipeline.running.workplace import Workplace

HERE = Workplace("local")


def reported(root: Path, version: str, first: Voxelise, **gates: Any) -> tuple[bool, Path]:
    reader, recipe = MadeUpReader(root, {"a": 4, "b": 3}), small_recipe(first=first, gates=gates)
    done = label_logs(recipe, reader, root / "store", version, workplace=HERE, quiet=True)
    return report_run(done, recipe.gates, reader, HERE, root / f"{version}.html"), root / f"{version}.html"


def test_a_run_writes_its_page_beside_the_version_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sound, first = reported(tmp_path, "v1", Voxelise())
    assert sound and "store@v1" in first.read_text()
    sound, second = reported(tmp_path, "v2", Voxelise(label=10))
    out, err = capsys.readouterr()
    assert sound and f"wrote {second}" in err and not out
    assert "of the occupied voxels changed" in second.read_text(), "held against v1, which was the latest"
    assert "of the occupied voxels changed" not in first.read_text()


def test_what_is_blocked_has_a_page_and_what_is_not_published_has_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sound, page = reported(tmp_path, "v1", Voxelise(), low_confidence={"below": 1.0, "most": 0.0})
    assert sound and "low_confidence" in page.read_text()
    sound, page = reported(
        tmp_path, "v2", Voxelise(faults={"a/0": ("raise",)}, notes=tmp_path / "notes"), min_labelled=1.0
    )
    assert not sound and not page.exists()
    assert f"no report is written to {page}: the run published nothing" in capsys.readouterr().err


def test_a_page_that_cannot_be_made_does_not_undo_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reader, recipe = MadeUpReader(tmp_path, {"a": 4}), small_recipe()
    done = label_logs(recipe, reader, tmp_path / "store", "v1", workplace=HERE, quiet=True)
    (tmp_path / "empty").mkdir()
    gates = recipe.gates.model_copy(update={"truth": tmp_path / "empty"})
    assert not report_run(done, gates, reader, HERE, tmp_path / "v1.html")
    assert f"occlabel: no report is written to {tmp_path / 'v1.html'}: " in capsys.readouterr().err
    assert done.state == "complete" and not (tmp_path / "v1.html").exists()
