"""A model of one's own, by each of the three ways, does what its file says; what does not fit is refused."""

import contextlib
import io
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import contract
import numpy as np
import own_models
import pytest
import torch
from contract import ScriptedSensors, facts_of, log_of
from own_models import CAR, MarksHits

from occlabel.schemas.drive_log import Frame, Sweep
from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands
from occlabel.stages.completion.own_model import EntryPoint, Onnx, TorchExport
from occlabel.stages.completion.program_archive import refuse_pickled_objects
from occlabel.stages.completion.scores import OwnModel
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
    with pytest.raises(
        BadWeights, match=r"model\.pt2 returns scores \[1, 5, 64, 64, 32\], the recipe needs \[1, 20, 64, 64, 32\]"
    ):
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
    monkeypatch.delitem(sys.modules, "marks_hits", raising=False)
    stage = EntryPoint(model="mine")
    assert stage.refuse(space, None) is None
    assert stage.files(space) == (tmp_path / "marks_hits.py",)
    extra = stage.fingerprint_extra(space, facts_of(log_of(())))
    assert extra == "marks_hits:load marks-hits 1.0 marks_hits.py"
    check_hits_marked(run(stage, space, points), space, points)


def test_entry_point_that_nobody_installed(space: LabelSpace) -> None:
    assert "no installed package has an entry point 'nobody'" in (EntryPoint(model="nobody").refuse(space, None) or "")


def said(returned: Callable[[int], object], space: LabelSpace, scans: Sequence[np.ndarray]) -> Arrays:
    """What a model makes of a clip that returns ``returned`` of its n-th scan, an array [classes, X, Y, Z]."""
    turn = iter(range(len(scans)))
    model = OwnModel("my model", space, (), lambda scan: returned(next(turn)))
    sweeps = [(f"{n:06d}", Sweep(Path(f"{n:06d}"), np.eye(4), n / 10)) for n in range(len(scans))]
    log = log_of([Frame(name, sweep.time, np.eye(4), (), sweep) for name, sweep in sweeps])
    stage, clip = EntryPoint(model="mine"), Clip("log", 0, len(scans))
    sensors = ScriptedSensors({name: scan for (name, _), scan in zip(sweeps, scans, strict=True)})
    return model.process(clip, contract.inputs_of(stage, log, clip, {}, sensors))


def scores_of(space: LabelSpace, seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(len(space.taxonomy.classes), *space.grid.shape)).astype(dtype)


@pytest.mark.parametrize(
    ("value", "said_of_it"),
    [(np.nan, "256 scores that are NaN and 0"), (np.inf, "0 .* and 256 "), (-np.inf, "0 .* and 256 ")],
)
def test_scores_that_are_not_finite_are_no_labels(
    space: LabelSpace, points: np.ndarray, value: float, said_of_it: str
) -> None:
    def returned(number: int) -> np.ndarray:
        scores = scores_of(space)
        if number == 1:
            scores[3, :8, :8, :4] = value  # of 20 classes x 64 x 64 x 32
        return scores

    with pytest.raises(BadPredictions, match=f"^frame 000001: my model returns {said_of_it}") as error:
        said(returned, space, [points] * 3)
    assert "in 256 of 131072 voxels" in str(error.value)


def test_scores_that_say_nothing_of_a_clip_are_no_labels(space: LabelSpace, points: np.ndarray) -> None:
    same = np.broadcast_to(np.arange(20, dtype=np.float32)[:, None, None, None], scores_of(space).shape)
    with pytest.raises(BadPredictions, match="log log, frames 000000-000002: my model returns the same scores"):
        said(lambda number: same, space, [points, points[:200]])
    nothing = points + np.float32(1000)
    assert (said(lambda number: same, space, [nothing, nothing[:0]])["semantics"] == 19).all(), "nothing to be seen"
    more = said(lambda number: same + np.float32(number), space, [points, points[:200]])
    assert (more["semantics"] == 19).all(), "other scores for another frame"
    said(lambda number: same if number else scores_of(space), space, [points, nothing])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scores_of_every_precision_and_probabilities(space: LabelSpace, points: np.ndarray, dtype: type) -> None:
    scores = np.round(scores_of(space, dtype=np.float64), 2)
    wanted = scores.astype(dtype).argmax(axis=0)
    result = said(lambda number: scores.astype(dtype), space, [points])
    np.testing.assert_array_equal(result["semantics"][0], wanted)
    sure = np.exp(scores).max(axis=0) / np.exp(scores).sum(axis=0)
    assert np.abs(result["confidence"][0] - sure * 255).max() < 1.5
    chances = np.exp(scores) / np.exp(scores).sum(axis=0)
    likely = said(lambda number: chances.astype(np.float32), space, [points])
    np.testing.assert_array_equal(likely["semantics"][0], scores.argmax(axis=0))


@pytest.mark.parametrize(
    ("returned", "word"),
    [
        (lambda scores: scores.argmax(axis=0), r"returns scores \[64, 64, 32\], the recipe needs \[20, 64, 64, 32\]"),
        (lambda scores: scores.astype(np.int64), "returns int64, the recipe needs a score of each class"),
        (lambda scores: scores > 0, "returns bool, the recipe needs a score of each class"),
        (lambda scores: [scores], "returns list, the recipe needs scores"),
        (lambda scores: None, "returns NoneType, the recipe needs scores"),
    ],
)
def test_what_are_no_scores(
    space: LabelSpace, points: np.ndarray, returned: Callable[[np.ndarray], object], word: str
) -> None:
    with pytest.raises(BadWeights, match=word):
        said(lambda number: returned(scores_of(space)), space, [points])


class Undecided(MarksHits):
    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        return super().forward(occupancy) * (occupancy.sum() / occupancy.sum())


class Labels(MarksHits):
    def forward(self, occupancy: torch.Tensor) -> torch.Tensor:
        return super().forward(occupancy).long()


def test_a_program_that_divides_by_zero_or_returns_labels(
    tmp_path: Path, space: LabelSpace, points: np.ndarray
) -> None:
    def exported(model: torch.nn.Module) -> TorchExport:
        program = torch.export.export(model, (torch.zeros(1, *space.grid.shape),))
        torch.export.save(program, tmp_path / "model.pt2")
        return TorchExport(path=tmp_path / "model.pt2")

    check_hits_marked(run(exported(Undecided()), space, points), space, points)
    with pytest.raises(BadPredictions, match=r"frame a: .*model\.pt2 returns \d+ scores that are NaN"):
        run(exported(Undecided()), space, points[:0])
    with pytest.raises(BadWeights, match=r"model\.pt2 returns int64"):
        run(exported(Labels()), space, points)


def test_a_model_for_another_grid_is_found_by_trying_it_out(tmp_path: Path, space: LabelSpace) -> None:
    other = LabelSpace(space.grid.box(space.grid.origin, (32, 64, 32)), space.taxonomy)
    own_models.export(tmp_path / "model.pt2", space)
    (tmp_path / "model.onnx").write_bytes(own_models.onnx_that_marks_hits(space))
    for stage in (TorchExport(path=tmp_path / "model.pt2"), Onnx(path=tmp_path / "model.onnx")):
        stage.try_out(space, Hands())
        with pytest.raises(BadWeights) as error:
            stage.try_out(other, Hands())
        assert str(error.value) == (
            f"{stage.path} takes volumes [1, 64, 64, 32], the recipe's grid gives [1, 32, 64, 32] (batch, x, y, z)"
        )


@pytest.mark.parametrize(
    ("code", "error", "word"),
    [
        (
            "import numpy as np\ndef load(space, device): return lambda points: np.zeros((20, 5, 5, 5))\n",
            BadWeights,
            r"entry point mine returns scores \[20, 5, 5, 5\], the recipe needs \[20, 64, 64, 32\]",
        ),
        (
            "def load(space, device): return lambda points: points[10**6]\n",
            BadPredictions,
            "a made-up scan: entry point mine fails with IndexError: index 1000000",
        ),
        (
            "import sys\ndef load(space, device): return lambda points: sys.exit(0)\n",
            BadPredictions,
            "a made-up scan: entry point mine fails with SystemExit: 0",
        ),
        (
            "import sys\ndef load(space, device): sys.exit(3)\n",
            BadWeights,
            "entry point mine cannot be loaded: SystemExit: 3",
        ),
        ("def load(): pass\n", BadWeights, "entry point mine cannot be loaded: TypeError"),
        ("import nothing_of_that_name\n", BadWeights, "entry point mine cannot be loaded: ModuleNotFoundError"),
        ("load = 3\n", BadWeights, "entry point mine cannot be loaded: TypeError"),
    ],
)
def test_trying_out_an_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, space: LabelSpace, code: str, error: type[Exception], word: str
) -> None:
    own_models.install(tmp_path, code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "marks_hits", raising=False)
    with pytest.raises(error, match=word):
        EntryPoint(model="mine").try_out(space, Hands())


def test_a_damaged_program_is_a_sentence(tmp_path: Path, space: LabelSpace) -> None:
    path, draw = own_models.export(tmp_path / "model.pt2", space), np.random.default_rng(0)
    content = path.read_bytes()
    for number in range(20):
        broken = bytearray(content)
        if number % 2:
            del broken[int(draw.integers(len(broken))) :]
        else:
            broken[draw.integers(len(broken))] ^= 1 << int(draw.integers(8))
        path.write_bytes(broken)
        with contextlib.suppress(BadWeights):
            refuse_pickled_objects(path)
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, b"no JSON" if name.endswith("_config.json") else source.read(name))
    with pytest.raises(BadWeights, match="is not a program that torch"):
        refuse_pickled_objects(path)
