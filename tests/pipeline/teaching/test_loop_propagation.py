"""Propagation of a row goes on from the recipe's, on what the row's own model says; or stays as it is, and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.teaching import train_propagation
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.loop_propagation import with_own_propagation
from occlabel.pipeline.teaching.loop_rows import BOTH, rows_of
from occlabel.schemas.errors import BadLog
from occlabel.stages.completion.options import Options as Asked
from occlabel.stages.propagation.options import Options

CHAIN = rows_of(load_recipe("nuscenes_lidar"), 1).chain(BOTH, Path("alone.safetensors"))
ASKED = Asked(steps=7, seed=3)


def test_it_learns_from_what_the_model_of_the_row_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    taught: list[tuple[Recipe, Options]] = []

    def train(recipe: Recipe, logs: Roots, out: Path, options: Options, *_: str) -> dict[str, str]:
        assert logs.learned == "labelled" and logs.held_out is None
        taught.append((recipe, options))
        out.write_bytes(b"weights")
        return {}

    monkeypatch.setattr(train_propagation, "train", train)
    labelled: Any = "labelled"
    for _ in range(2):  # what is there is not trained again
        own = with_own_propagation(CHAIN, labelled, tmp_path / "a.safetensors", ASKED, "local", pytest.fail)
        assert own == CHAIN.model_copy(update={"propagation": own.propagation})
        assert getattr(own.propagation, "weights", None) == tmp_path / "a.safetensors"
    ((recipe, options),) = taught
    assert recipe == CHAIN and options.seed == 3 and options.resume and not options.halfway
    assert CHAIN.propagation is not None and (options.start,) == CHAIN.propagation.files(CHAIN.space)


def test_where_nothing_can_be_learned_it_stays_and_why_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def train(*_: object) -> dict[str, str]:
        raise BadLog("no windows")

    monkeypatch.setattr(train_propagation, "train", train)
    said: list[str] = []
    labelled: Any = "labelled"
    assert with_own_propagation(CHAIN, labelled, tmp_path / "a", ASKED, "local", said.append) is CHAIN
    assert said == ["local propagation stays that of the recipe: no windows"]
    bare = CHAIN.without(["propagation"])
    assert with_own_propagation(bare, labelled, tmp_path / "a", ASKED, "local", pytest.fail) is bare
