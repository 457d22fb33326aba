"""What a training on labels of a recipe cannot do is said before the logs are labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import save_file
from tiny_streets import GRID, SPACE, TinyStreets

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching import train_instances, train_propagation
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.stages.instances.options import Options as InstancesOptions
from occlabel.stages.propagation.options import Options as PropagationOptions

RECIPE = Recipe.model_validate({"grid": GRID, "taxonomy": SPACE.taxonomy, "completion": {"kind": "lmscnet"}})

Train = Callable[..., dict[str, str]]


class Labelled(Exception):
    """It came to that."""


@pytest.fixture(params=["instances", "propagation"])
def train(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """A training of so many tiny streets into ``tmp_path``, which raises ``Labelled`` where it would label them."""
    module = {"instances": train_instances, "propagation": train_propagation}[request.param]

    def labelled(*_: object) -> None:
        raise Labelled

    def boxes(log: DriveLog) -> bool:
        return True

    monkeypatch.setattr(module, "labelled", labelled)
    monkeypatch.setattr(train_instances, "_boxes", boxes)

    def trained(streets: int, held_out: LogReader | None = None, **options: Any) -> dict[str, str]:
        reader, out = TinyStreets(streets), tmp_path / "w.safetensors"
        if request.param == "instances":
            return train_instances.train(RECIPE, reader, out, InstancesOptions(**options), "local", "")
        roots = Roots(reader, held_out)
        return train_propagation.train(RECIPE, roots, out, PropagationOptions(**options), "local", "")

    return trained


def test_what_can_work_is_labelled(train: Train) -> None:
    with pytest.raises(Labelled):
        train(2)


def test_one_log_is_too_few(train: Train) -> None:
    with pytest.raises(BadLog, match=r"nowhere holds one log with voxel truth.*: give two or more, as one is held"):
        train(1)


def test_a_run_that_is_there_is_not_begun_anew(train: Train, tmp_path: Path) -> None:
    (tmp_path / "w.training").mkdir()
    (tmp_path / "w.training/last.ckpt").touch()
    with pytest.raises(OcclabelError, match="holds a training run; go on with --resume"):
        train(2)
    with pytest.raises(Labelled):
        train(2, resume=True)


def test_a_start_of_another_recipe_is_none(train: Train, tmp_path: Path) -> None:
    start = tmp_path / "start.safetensors"
    save_file({}, start, {"network": "another"})
    with pytest.raises(BadWeights, match="was made for the network another"):
        train(2, start=start)


def test_a_device_that_is_not_there_is_none(train: Train, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(OcclabelError, match="--device cuda: no CUDA device"):
        train(2, device="cuda")


@pytest.mark.parametrize("train", ["propagation"], indirect=True)
def test_one_log_will_do_where_others_are_held_out_and_no_log_twice(train: Train) -> None:
    with pytest.raises(Labelled):
        train(1, held_out=TinyStreets(1, first=5))
    with pytest.raises(OcclabelError, match="log 00 of --held-out is log 00 of --logs"):
        train(1, held_out=replace(TinyStreets(2), root=Path("elsewhere")))
