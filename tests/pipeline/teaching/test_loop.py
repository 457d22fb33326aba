"""The data loop on tiny streets: which rows there are, what each learns from, and that a killed loop goes on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_streets import GRID, SPACE, TinyStreets

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.teaching.loop import Loop, close_loop
from occlabel.pipeline.teaching.loop_rows import ALONE, BEFORE, BOTH, OFFBOARD, RAW, TRUTH, VOTED, rows_of
from occlabel.pipeline.teaching.loop_scores import Scores, score
from occlabel.pipeline.teaching.loop_table import LoopTable
from occlabel.schemas.drive_log import Frame, Truth, VoxelTruth
from occlabel.schemas.errors import BadLog, BadRecipe, BadWeights, DamagedFile, OcclabelError
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.labelled import Labelled, split_few
from occlabel.stages.completion.options import Options
from occlabel.stages.completion.point_teacher import PointTeacher
from occlabel.stages.completion.weight_file import load_network
from occlabel.stages.learning.weight_header import read_facts

OPTIONS = Options(
    steps=1, epoch=1, batch=1, crop=12.8, voxels=8 * 1024, held_out_frames=1, sure=0.0, calibration_frames=1
)
VOTING = {"kind": "registration", "sensor": "lidar", "radius": 1}
UNLABELLED = TinyStreets(2, 2, first=10, truth=Truth())


def recipe(**blocks: Any) -> Recipe:
    fields = {"grid": GRID, "taxonomy": SPACE.taxonomy, "completion": {"kind": "lmscnet"}, "voting": VOTING}
    fields["evidence"] = {"kind": "rays"}
    return Recipe.model_validate(fields | blocks)


def loop(unlabelled: TinyStreets = UNLABELLED, seeds: int = 1, **blocks: Any) -> Loop:
    held_out = TinyStreets(1, 2, first=20)
    return Loop(recipe(**blocks), TinyStreets(1, 3), unlabelled, held_out, OPTIONS, seeds, "local")


def test_rows_that_there_cannot_be_are_named() -> None:
    assert rows_of(recipe(), 0).names == (ALONE, RAW, VOTED, OFFBOARD)
    assert len(rows_of(recipe(), 0).left_out) == 2
    whole = rows_of(recipe(propagation={"kind": "dualflow4d"}), 1)
    assert whole.names == (ALONE, RAW, VOTED, BOTH, OFFBOARD, TRUTH) and not whole.left_out
    assert "40%" in rows_of(recipe(), 0.6).left_out[-1]
    assert rows_of(recipe(), 0, started=True).names[0] == BEFORE
    with pytest.raises(BadRecipe, match="the recipe has stored"):
        rows_of(recipe(completion={"kind": "stored", "path": "here"}), 0)


def test_each_row_labels_with_what_its_name_says() -> None:
    rows = rows_of(recipe(propagation={"kind": "dualflow4d"}, tracking=None), 1)
    chains = {row: rows.chain(row, Path("w")) for row in (RAW, VOTED, BOTH, OFFBOARD)}
    slots = {row: [step.name for step in chain.chain] for row, chain in chains.items()}
    assert slots[RAW] == ["completion"]
    assert slots[VOTED] == ["evidence", "completion", "voting"]
    assert slots[BOTH] == slots[OFFBOARD] == ["evidence", "completion", "propagation", "voting"]
    assert [getattr(chain.completion, "sweeps", None) for chain in chains.values()] == [0, 0, 0, 4]


def test_odds_of_other_streets_are_left_out() -> None:
    rows = rows_of(load_recipe("nuscenes_lidar"), 1)
    assert [sentence.split(" of ")[0] for sentence in rows.left_out] == ["completion.odds", "propagation.odds"]
    for row in (RAW, BOTH, OFFBOARD):
        chain = rows.chain(row, Path("w"))
        assert getattr(chain.completion, "odds", None) == {} and getattr(chain.propagation, "odds", {}) == {}
    assert [step.name for step in rows.chain(RAW, Path("w")).chain] == ["completion"]


@pytest.mark.slow
def test_a_row_that_would_teach_nothing_is_said(tmp_path: Path) -> None:
    sure = replace(loop(), options=OPTIONS.model_copy(update={"sure": 1.0}))
    with pytest.raises(BadLog, match=r"'\+ raw' would be 'labelled alone' once more; lower --sure 1"):
        close_loop(sure, tmp_path)


@pytest.mark.slow
def test_a_killed_loop_goes_on_and_ends_with_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from occlabel.stages.completion import training

    taught: list[tuple[str, int, bool]] = []
    original: Callable[..., dict[str, str]] = training.teach

    def teach(split: Any, out: Path, options: Options, told: dict[str, str]) -> dict[str, str]:
        taught.append((told["loop"], len(split.learned), split.learned.weighed))
        if len(taught) == 3:
            raise KeyboardInterrupt
        return original(split, out, options, told)

    monkeypatch.setattr(training, "teach", teach)
    with pytest.raises(KeyboardInterrupt):
        close_loop(loop(), tmp_path)
    table = close_loop(loop(), tmp_path)
    names = [ALONE, RAW, VOTED, VOTED, "offboard model", OFFBOARD]
    frames = [(2, False), (6, True), (6, True), (6, True), (2, False), (6, True)]
    assert taught == [(name, *rest) for name, rest in zip(names, frames, strict=True)]
    assert [line.split("  ")[0] for line in table.lines()][1:] == [ALONE, RAW, VOTED, OFFBOARD]
    assert len(json.loads((tmp_path / "loop.json").read_text())["left_out"]) == 2
    close_loop(loop(), tmp_path)
    assert len(taught) == 6, "nothing is trained again"
    with pytest.raises(OcclabelError, match="holds a loop with another recipe"):
        close_loop(loop(voting=None), tmp_path)


@pytest.mark.slow
def test_rows_go_on_from_the_model_that_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from occlabel.stages.completion import training

    start = tmp_path / "onboard.safetensors"
    training.train_completion(SPACE, TinyStreets(2, 2, first=30), start, OPTIONS, "test")
    asked = loop(voting=None)
    asked = replace(asked, options=OPTIONS.model_copy(update={"start": start}))
    table = close_loop(asked, tmp_path / "out")
    assert [line.split("  ")[0] for line in table.lines()][1:] == [BEFORE, ALONE, RAW, OFFBOARD]
    judged = Labelled.of_logs(asked.held_out, list(asked.held_out.logs()), SPACE)
    assert table.scores[BEFORE][0] == score(*load_network(start, SPACE), judged, "cpu")
    for row in (ALONE, RAW, OFFBOARD):
        facts = read_facts(tmp_path / "out" / "seed-0" / f"{row.replace('+ ', '').replace(' ', '-')}.safetensors")
        assert facts["start"].startswith("onboard.safetensors")
    other = tmp_path / "other" / "onboard.safetensors"
    other.parent.mkdir()
    training.train_completion(SPACE, TinyStreets(2, 2, first=40), other, OPTIONS, "test")
    start.write_bytes(other.read_bytes())
    with pytest.raises(OcclabelError, match="holds a loop with another recipe"):
        close_loop(asked, tmp_path / "out")


@pytest.mark.slow
def test_where_labels_of_points_are_silent_the_loop_learns_what_the_start_says(tmp_path: Path) -> None:
    from occlabel.stages.completion import training

    start = tmp_path / "onboard.safetensors"
    training.train_completion(SPACE, TinyStreets(2, 2, first=30), start, OPTIONS, "test")
    points = OPTIONS.model_copy(update={"truth": "points", "start": start})
    reader = TinyStreets(1, 3, truth=Truth(points=Path("here")))
    split = split_few(reader, SPACE, 10, PointTeacher(reader, SPACE))
    silent = split.learned.truth(0) == UNKNOWN
    lesson = training.recalling(split.learned, points).lesson(0)
    assert silent.any() and lesson.trust is not None
    assert (lesson.semantics[silent] != UNKNOWN).all() and (lesson.trust[silent] < 255).all()
    assert training.recalling(split.learned, points.model_copy(update={"start": None})) is split.learned


def test_a_loop_that_ended_before_its_first_score_is_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from occlabel.stages.completion import training

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(training, "teach", killed)
    with pytest.raises(KeyboardInterrupt):
        close_loop(loop(), tmp_path)
    with pytest.raises(OcclabelError, match="holds a loop with another recipe"):
        close_loop(replace(loop(), options=OPTIONS.model_copy(update={"rate": 0.1})), tmp_path)


def test_a_start_that_does_not_serve_leaves_nothing_behind(tmp_path: Path) -> None:
    wrong = replace(loop(), options=OPTIONS.model_copy(update={"start": tmp_path / "none.safetensors"}))
    with pytest.raises(BadWeights, match=r"none\.safetensors is not a readable weight file"):
        close_loop(wrong, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*"))


def test_logs_that_are_judged_by_are_not_learned_from(tmp_path: Path) -> None:
    with pytest.raises(OcclabelError, match="log 20 of --held-out is log 20 of --unlabelled"):
        close_loop(loop(TinyStreets(1, 2, first=20, truth=Truth())), tmp_path)
    with pytest.raises(OcclabelError, match="log 00 of --unlabelled is log 00 of --labelled: what has no labels must"):
        close_loop(loop(TinyStreets(1, 2, truth=Truth())), tmp_path)
    bare = Loop(
        recipe(), TinyStreets(1, 3), UNLABELLED, TinyStreets(1, 2, first=20, truth=Truth()), OPTIONS, 1, "local"
    )
    with pytest.raises(BadLog, match="nothing to judge by"):
        close_loop(bare, tmp_path)


class Broken(TinyStreets):
    """The truth of the last frame of each log cannot be read."""

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        if frame.name == f"{self.frames - 1:06d}":
            raise DamagedFile(f"{self.root}/{frame.name}.label holds 3 bytes of 8")
        return super().voxel_truth(frame)


@pytest.mark.parametrize("which", ["held_out", "unlabelled"])
def test_truth_that_rows_read_late_is_read_before_anything_is_trained(which: str, tmp_path: Path) -> None:
    held_out, unlabelled = loop().held_out, loop().unlabelled
    if which == "held_out":
        held_out = Broken(1, 2, first=20)
    else:
        unlabelled = Broken(1, 2, first=10)
    asked = replace(loop(), held_out=held_out, unlabelled=unlabelled)
    with pytest.raises(DamagedFile, match=r"000001\.label holds 3 bytes of 8"):
        close_loop(asked, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["loop.json"]


def test_the_table_says_mean_spread_and_gain_by_seed() -> None:
    found = {ALONE: (0.2, 0.3), RAW: (0.21, 0.33)}
    scores = {
        row: {n: Scores(iou=0.5, miou=v, classes={}) for n, v in enumerate(values)} for row, values in found.items()
    }
    table = LoopTable("x", rows_of(recipe(), 0), scores)
    np.testing.assert_allclose(table.gains(RAW), [0.05, 0.1])
    alone, raw = list(table.lines())[1:]
    assert alone.split() == ["labelled", "alone", "2", "50.0", "±", "0.0", "25.0", "±", "7.1"]
    assert raw.split()[-4:] == ["8.5", "+7.5", "±", "3.5%"]


def test_a_damaged_table_is_said(tmp_path: Path) -> None:
    (tmp_path / "loop.json").write_text("{")
    with pytest.raises(OcclabelError, match="cannot be read as a loop's scores"):
        LoopTable.read(tmp_path / "loop.json", "x", rows_of(recipe(), 0))
