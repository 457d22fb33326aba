"""Models that a user might bring: each marks the voxels that hold points, by each of the three ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from occlabel.schemas.space import LabelSpace

CAR = 1


class MarksHits(torch.nn.Module):
    """Score of the class car: 4 where a point lies, -4 elsewhere; the other classes 0 for free, -9 for the rest."""

    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        car = occupancy * 8 - 4
        rest = torch.full_like(occupancy, -9)
        return torch.stack([torch.zeros_like(occupancy), car, *[rest] * 18], dim=1)


def export(path: Path, space: LabelSpace) -> Path:
    """A program saved with ``torch.export.save``."""
    torch.export.save(torch.export.export(MarksHits(), (torch.zeros(1, *space.grid.shape),)), path)
    return path


def install(folder: Path, code: str | None = None) -> None:
    """A package ``marks_hits`` 1.0 in ``folder``, to be put on the path, with the entry point ``mine``."""
    (folder / "marks_hits.py").write_text(_PACKAGE if code is None else code)
    info = folder / "marks_hits-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: marks-hits\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[occlabel.completion]\nmine = marks_hits:load\n")


_PACKAGE = """
import numpy as np

def load(space, device):
    def predict(points):
        scores = np.full((len(space.taxonomy.classes), *space.grid.shape), -9, np.float32)
        scores[0], scores[1] = 0, -4
        cells, inside = space.grid.cells(points)
        scores[(1, *cells[inside].T)] = 4
        return scores
    return predict
"""


def onnx_that_marks_hits(space: LabelSpace, beside: dict[str, str] | None = None, folder: Path | None = None) -> bytes:
    """The bytes of the ONNX model, written field by field: protobuf is simple, the onnx package is large.

    scores = occupancy[:, None] * weight[1, 20, 1, 1, 1] + bias[1, 20, 1, 1, 1]. Constants in ``beside`` lie in files of
    that name, as large weights do, and are written under ``folder``.
    """
    beside = beside or {}
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
        if name not in beside:
            return shape + field(2, kind) + field(8, name) + field(9, values.tobytes())
        if folder is not None:
            (folder / beside[name]).parent.mkdir(parents=True, exist_ok=True)
            (folder / beside[name]).write_bytes(values.tobytes())
        entries = {"location": beside[name], "length": str(values.nbytes)}
        told = b"".join(field(13, field(1, key) + field(2, value)) for key, value in entries.items())
        return shape + field(2, kind) + field(8, name) + told + field(14, 1)

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
