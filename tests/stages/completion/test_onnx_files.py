"""All files of an ONNX model decide what it says, so all of them are in the fingerprint."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import own_models
import pytest
from contract import ScriptedSensors, log_of, run

from occlabel.pipeline.planning.fingerprint import stage_digest
from occlabel.schemas.drive_log import Frame, Sweep
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.onnx_files import files_of
from occlabel.stages.completion.own_model import Onnx

BESIDE = {"weight": "model.onnx.data", "bias": "parts/bias.bin"}


def split(folder: Path, space: LabelSpace, beside: dict[str, str] = BESIDE) -> Path:
    (folder / "model.onnx").write_bytes(own_models.onnx_that_marks_hits(space, beside, folder))
    return folder / "model.onnx"


def test_weights_beside_the_model_are_found_and_used(tmp_path: Path, space: LabelSpace) -> None:
    pytest.importorskip("onnxruntime")
    path = split(tmp_path, space)
    assert files_of(path) == (path, tmp_path / "model.onnx.data", tmp_path / "parts/bias.bin")
    points = np.array([[3.0, 0.1, -1.0, 0.5]], np.float32)
    log = log_of([Frame("a", 0.0, np.eye(4), (), Sweep(Path("a"), np.eye(4), 0.0))])
    result = run(Onnx(path=path), space, log, sensors=ScriptedSensors({"a": points}))
    assert (result["semantics"][0] == own_models.CAR).sum() == 1


def test_another_content_of_any_file_is_another_fingerprint(tmp_path: Path, space: LabelSpace) -> None:
    path = split(tmp_path, space)
    stage = Onnx(path=path)
    assert stage.refuse(space, None) is None
    digests = {stage_digest(stage, space, 16, "cpu")}
    for file in stage.files(space):
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        digests.add(stage_digest(stage, space, 16, "cpu"))
    assert len(digests) == 4


def test_a_link_is_followed_to_its_content(tmp_path: Path, space: LabelSpace) -> None:
    stage = Onnx(path=split(tmp_path, space))
    data, blobs = tmp_path / "model.onnx.data", tmp_path / "blobs"
    blobs.mkdir()
    before = stage_digest(stage, space, 16, "cpu")
    for name, change in (("first", b""), ("second", b"retrained")):
        (blobs / name).write_bytes(np.float32(8).tobytes() * 20 if change else data.read_bytes())
    data.unlink()
    data.symlink_to(blobs / "first")
    assert stage_digest(stage, space, 16, "cpu") == before
    data.unlink()
    data.symlink_to(blobs / "second")
    assert stage_digest(stage, space, 16, "cpu") != before


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/passwd", "a/../../b", ""])
def test_weights_outside_of_the_folder_are_refused(tmp_path: Path, space: LabelSpace, location: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(own_models.onnx_that_marks_hits(space, {"bias": location}))
    refused = Onnx(path=path).refuse(space, None)
    assert refused == f"{path} names weights in {location!r}, outside of its folder; export it again"


def test_a_file_of_one_piece_is_one_file(tmp_path: Path, space: LabelSpace) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(own_models.onnx_that_marks_hits(space))
    assert files_of(path) == (path,)
    assert Onnx(path=tmp_path / "none.onnx").files(space) == (tmp_path / "none.onnx",), "the plan says that it is gone"


@pytest.mark.parametrize("content", [b"", b"no model", b"\x3a\xff\xff\xff\xff\x0f", b"\x80" * 30])
def test_what_is_no_model_is_said(tmp_path: Path, space: LabelSpace, content: bytes) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(BadWeights, match=r"model\.onnx is not an ONNX model"):
        files_of(path)
    assert "is not an ONNX model" in str(Onnx(path=path).refuse(space, None))


def test_damaged_models_are_sentences(tmp_path: Path, space: LabelSpace) -> None:
    path = split(tmp_path, space)
    content, draw, found = path.read_bytes(), np.random.default_rng(0), 0
    for number in range(100):
        broken = bytearray(content)
        if number % 3 == 0:
            del broken[int(draw.integers(len(broken))) :]
        else:
            broken[draw.integers(len(broken))] = draw.integers(256)
        path.write_bytes(broken)
        with contextlib.suppress(BadWeights):
            found += len(files_of(path)) == 3
    assert 0 < found < 100
