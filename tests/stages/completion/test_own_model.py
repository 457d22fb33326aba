"""A model of one's own, by each of the three ways, does what its file says; what does not fit is refused."""

import io
import zipfile
from pathlib import Path

import contract
import numpy as np
import own_models
import pytest
import torch
from contract import ScriptedSensors, facts_of, log_of
from own_models import CAR, MarksHits

from occlabel.schemas.drive_log import Frame, Sweep
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Hands
from occlabel.stages.completion.own_model import EntryPoint, Onnx, TorchExport
from occlabel.stages.completion.slot import Completion


def run(stage: Completion, space: LabelSpace, points: np.ndarray) -> Arrays:
    frames = (Frame("a", 0.0, np.eye(4), (), Sweep(Path("a"), np.eye(4), 0.0)), Frame("b", 0.1, np.eye(4)))
    return contract.run(stage, space, log_of(frames), sensors=ScriptedSensors({"a": points}))


def check_hits_marked(result: Arrays, space: LabelSpace, points: np.ndarray) -> None:
    expected = np.zeros(space.grid.shape, np.uint8)
    cells, inside = space.grid.cells(points)
    expected[tuple(cells[inside].T)] = CAR
    np.testing.assert_array_equal(result["semantics"][0], expected)
    sure = 1 / (1 + np.exp(-4) + 18 * np.exp([-13.0, -9.0]))
    np.testing.assert_array_equal(result["confidence"][0], np.rint(sure * 255)[1 - expected])
    assert (result["semantics"][1] == 255).all(), "a frame without a scan is unknown"
    assert not result["confidence"][1].any()


@pytest.fixture
def points() -> np.ndarray:
    return np.random.default_rng(0).uniform([-1, -7, -3, 0], [14, 7, 5, 1], (500, 4)).astype(np.float32)


def test_torch_export(tmp_path: Path, space: LabelSpace, points: np.ndarray) -> None:
    path = own_models.export(tmp_path / "model.pt2", space)
    stage = TorchExport(path=path)
    assert stage.files(space) == (path,)
    check_hits_marked(run(stage, space, points), space, points)


def test_torch_export_of_another_grid(tmp_path: Path, space: LabelSpace, points: np.ndarray) -> None:
    class Smaller(MarksHits):
        def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
            return super().forward(occupancy)[:, :5]

    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(Smaller(), (torch.zeros(1, *space.grid.shape),)), path)
    with pytest.raises(BadWeights, match=r"model\.pt2 returned scores"):
        run(TorchExport(path=path), space, points)
    path.write_bytes(b"no program")
    with pytest.raises(BadWeights, match=r"model\.pt2"):
        run(TorchExport(path=path), space, points)


class Harmless:
    """Stands for an object whose unpickling runs code."""


def test_torch_export_with_pickled_objects_is_refused(tmp_path: Path, space: LabelSpace) -> None:
    good, bad = tmp_path / "good.pt2", tmp_path / "bad.pt2"
    own_models.export(good, space)
    smuggled = io.BytesIO()
    torch.save({"inputs": Harmless()}, smuggled)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, smuggled.getvalue() if name.endswith(".pt") else source.read(name))
    with pytest.raises(BadWeights, match="would run code"):
        TorchExport(path=bad).setup(space, Rig(), Hands())
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("good/data/constants/custom_obj_0", b"code")
    with pytest.raises(BadWeights, match="custom_obj_0"):
        TorchExport(path=bad).setup(space, Rig(), Hands())


def test_onnx(tmp_path: Path, space: LabelSpace, points: np.ndarray) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    path.write_bytes(own_models.onnx_that_marks_hits(space))
    check_hits_marked(run(Onnx(path=path), space, points), space, points)
    path.write_bytes(b"no model")
    with pytest.raises(BadWeights, match=r"model\.onnx"):
        run(Onnx(path=path), space, points)


def test_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: LabelSpace, points: np.ndarray) -> None:
    own_models.install(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    stage = EntryPoint(model="mine")
    assert stage.refuse(space, None) is None
    assert stage.fingerprint_extra(space, facts_of(log_of(()))) == "marks_hits:load marks-hits 1.0"
    check_hits_marked(run(stage, space, points), space, points)


def test_entry_point_that_nobody_installed(space: LabelSpace) -> None:
    assert "no installed package has an entry point 'nobody'" in (EntryPoint(model="nobody").refuse(space, None) or "")
