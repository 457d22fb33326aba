"""A model of one's own, by each of the three ways, does what its file says; what does not fit is refused."""

import io
import zipfile
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from occlabel.schemas.drive_log import Frame, Sweep
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace
from occlabel.stages.completion.own_model import EntryPoint, Onnx, TorchExport
from occlabel.stages.completion.slot import Completion

CAR = 1


class MarksHits(torch.nn.Module):
    """Score of the class car: 4 where a point lies, -4 elsewhere; the other classes 0 for free, -9 for the rest."""

    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        car = occupancy * 8 - 4
        rest = torch.full_like(occupancy, -9)
        return torch.stack([torch.zeros_like(occupancy), car, *[rest] * 18], dim=1)


def run(stage: Completion, space: LabelSpace, points: np.ndarray) -> Arrays:
    frames = (Frame("a", 0.0, np.eye(4), (), Sweep(Path("a"), np.eye(4), 0.0)), Frame("b", 0.1, np.eye(4)))
    return stage.setup(space, "cpu")(Clip("log", 0, 2), Inputs(0, frames, {}, (points, None)))


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
    path = tmp_path / "model.pt2"
    torch.export.save(torch.export.export(MarksHits(), (torch.zeros(1, *space.grid.shape),)), path)
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
    torch.export.save(torch.export.export(MarksHits(), (torch.zeros(1, *space.grid.shape),)), good)
    smuggled = io.BytesIO()
    torch.save({"inputs": Harmless()}, smuggled)
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, smuggled.getvalue() if name.endswith(".pt") else source.read(name))
    with pytest.raises(BadWeights, match="would run code"):
        TorchExport(path=bad).setup(space, "cpu")
    with zipfile.ZipFile(good) as source, zipfile.ZipFile(bad, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name))
        target.writestr("good/data/constants/custom_obj_0", b"code")
    with pytest.raises(BadWeights, match="custom_obj_0"):
        TorchExport(path=bad).setup(space, "cpu")


def test_onnx(tmp_path: Path, space: LabelSpace, points: np.ndarray) -> None:
    pytest.importorskip("onnxruntime")
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_that_marks_hits(space))
    check_hits_marked(run(Onnx(path=path), space, points), space, points)
    path.write_bytes(b"no model")
    with pytest.raises(BadWeights, match=r"model\.onnx"):
        run(Onnx(path=path), space, points)


def test_entry_point(monkeypatch: pytest.MonkeyPatch, space: LabelSpace, points: np.ndarray) -> None:
    found = metadata.EntryPoint("mine", f"{__name__}:load", "occlabel.completion")
    monkeypatch.setattr(metadata, "entry_points", lambda group: metadata.EntryPoints([found]))
    monkeypatch.setattr(metadata.EntryPoint, "load", lambda self: load)
    stage = EntryPoint(model="mine")
    assert stage.refuse(space) is None
    check_hits_marked(run(stage, space, points), space, points)


def test_entry_point_that_nobody_installed(space: LabelSpace) -> None:
    assert "no installed package has an entry point 'nobody'" in (EntryPoint(model="nobody").refuse(space) or "")


def load(space: LabelSpace, device: str):
    """What a user's package would offer."""

    def predict(points: np.ndarray) -> np.ndarray:
        volume = torch.zeros(1, *space.grid.shape)
        cells, inside = space.grid.cells(points)
        volume[0][tuple(cells[inside].T)] = 1
        return MarksHits()(volume)[0].numpy()

    return predict


def onnx_that_marks_hits(space: LabelSpace) -> bytes:
    """The bytes of the ONNX model, written field by field: protobuf is simple, the onnx package is large.

    scores = occupancy[:, None] * weight[1, 20, 1, 1, 1] + bias[1, 20, 1, 1, 1].
    """
    classes = len(space.taxonomy.classes)
    weight, bias = np.zeros(classes, np.float32), np.full(classes, -9, np.float32)
    weight[CAR], bias[CAR], bias[0] = 8, -4, 0

    def field(number: int, value: bytes | int | str) -> bytes:
        if isinstance(value, int):
            return varint(number << 3) + varint(value)
        content = value.encode() if isinstance(value, str) else value
        return varint(number << 3 | 2) + varint(len(content)) + content

    def varint(value: int) -> bytes:
        return bytes([value & 127 | 128]) + varint(value >> 7) if value > 127 else bytes([value])

    def constant(name: str, values: np.ndarray, dims: list[int]) -> bytes:
        kind = 1 if values.dtype == np.float32 else 7
        shape = b"".join(field(1, d) for d in dims)
        return shape + field(2, kind) + field(8, name) + field(9, values.tobytes())

    def node(operation: str, inputs: list[str], output: str) -> bytes:
        return b"".join(field(1, i) for i in inputs) + field(2, output) + field(4, operation)

    def tensor(name: str, dims: tuple[int, ...]) -> bytes:
        shape = b"".join(field(1, field(1, d)) for d in dims)
        return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))

    nodes = [
        node("Unsqueeze", ["occupancy", "axis"], "lifted"),
        node("Mul", ["lifted", "weight"], "product"),
        node("Add", ["product", "bias"], "scores"),
    ]
    constants = [
        constant("axis", np.array([1], np.int64), [1]),
        constant("weight", weight, [1, classes, 1, 1, 1]),
        constant("bias", bias, [1, classes, 1, 1, 1]),
    ]
    graph = b"".join(field(1, n) for n in nodes) + field(2, "g") + b"".join(field(5, c) for c in constants)
    graph += field(11, tensor("occupancy", (1, *space.grid.shape)))
    graph += field(12, tensor("scores", (1, classes, *space.grid.shape)))
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))
