"""A model that does not fit the recipe is refused before the run, in one sentence, whatever it does to its process."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import own_models
import pytest
from chain import GRID, MadeUpReader

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.completion.own_model import EntryPoint, Onnx
from occlabel.stages.completion.stored import Stored
from occlabel.workers import rehearsal
from occlabel.workers.rehearsal import try_out
from occlabel.workers.store import Store

SPACE = LabelSpace(GRIDS["occ3d"].box((-4, -4, -1), (20, 20, 16)), TAXONOMIES["occ3d"])
EXITS = "import os\ndef load(space, device):\n    return lambda points: os._exit(3)\n"


def test_a_stage_without_anything_to_try_starts_no_process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[int] = []
    monkeypatch.setattr(rehearsal, "Hand", started.append)
    try_out("stage completion (stored)", Stored(path=tmp_path), SPACE, Hands(), 60)
    assert started == []


def test_how_a_model_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own_models.install(tmp_path, code=EXITS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "marks_hits", raising=False)
    with pytest.raises(OcclabelError, match="cannot be used: the worker process died: exit code 3"):
        try_out("stage completion (entry_point)", EntryPoint(model="mine"), SPACE, Hands(), 60)


def test_a_run_is_refused_before_it_begins(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    model = tmp_path / "model.onnx"
    model.write_bytes(own_models.onnx_that_marks_hits(SPACE))
    recipe = Recipe.model_validate({"grid": GRID, "taxonomy": "occ3d", "completion": Onnx(path=model)})
    reader = MadeUpReader(tmp_path, {"a": 4})
    with pytest.raises(OcclabelError) as error:
        label_logs(recipe, reader, tmp_path / "store", "v1", workplace=Workplace("local"), quiet=True)
    assert str(error.value) == (
        f"stage completion (onnx) was tried out before the run and cannot be used: {model} takes volumes "
        "[1, 20, 20, 16], the recipe's grid gives [1, 8, 8, 4] (batch, x, y, z)"
    )
    assert not (tmp_path / "store/artifacts").exists()


def test_another_content_of_weights_beside_a_model_is_labelled_anew(tmp_path: Path) -> None:
    """In one process too, which has the model loaded."""
    pytest.importorskip("onnxruntime")
    space = LabelSpace(GRID, TAXONOMIES["semantickitti"])
    model, data = tmp_path / "model.onnx", tmp_path / "model.onnx.data"
    model.write_bytes(own_models.onnx_that_marks_hits(space, {"weight": data.name}, tmp_path))
    recipe = Recipe.model_validate({"grid": GRID, "taxonomy": "semantickitti", "completion": Onnx(path=model)})
    reader, store = MadeUpReader(tmp_path, {"a": 4}), Store(tmp_path / "store")
    reports = [label_logs(recipe, reader, store, "v1", workplace=Workplace("local"), quiet=True)]
    weight = np.frombuffer(data.read_bytes(), np.float32).copy()
    weight[[own_models.CAR, 9]] = 0, 20
    data.write_bytes(weight.tobytes())
    reports.append(label_logs(recipe, reader, store, "v2", workplace=Workplace("local"), quiet=True))
    assert [report.run is not None for report in reports] == [True, True]
    labels = [
        set(np.unique(frame[SEMANTICS]))
        for v in ("v1", "v2")
        for frame in open_version(f"{store.location}@{v}").frames()
    ]
    assert labels == [{0, own_models.CAR}] * 4 + [{0, 9}] * 4


NAN_AT_SECOND = """
import itertools
import numpy as np

def load(space, device):
    calls = itertools.count(1)
    def predict(points):
        scores = np.zeros((len(space.taxonomy.classes), *space.grid.shape), np.float32)
        cells, inside = space.grid.cells(points)
        scores[(1, *cells[inside].T)] = np.nan if next(calls) == 2 else 4
        return scores
    return predict
"""


def test_a_clip_with_scores_that_are_nan_goes_to_quarantine_and_the_rest_is_labelled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own_models.install(tmp_path, code=NAN_AT_SECOND)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "marks_hits", raising=False)
    model = EntryPoint(model="mine")
    recipe = Recipe.model_validate({"grid": GRID, "taxonomy": "semantickitti", "clip_frames": 2, "completion": model})
    store = Store(tmp_path / "store")
    report = label_logs(recipe, MadeUpReader(tmp_path, {"a": 4}), store, "v1", workplace=Workplace("local"), quiet=True)
    assert report.state == "quarantine"
    (entry,) = report.entries
    assert entry.cause == "data"
    assert "frame 000001: entry point mine returns 43 scores that are NaN" in entry.error
    frames = {frame.name: frame for frame in open_version(f"{store.location}@v1").frames()}
    assert {name for name, frame in frames.items() if frame.holds(SEMANTICS)} == {"000002", "000003"}
