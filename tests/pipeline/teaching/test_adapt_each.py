"""Weights of each log's own: made for each, kept where they are there, and missed where nothing can be learned."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from tiny_streets import GRID, SPACE, TinyStreets

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.pipeline.teaching.adapt_each import Adapted, adapt_each
from occlabel.schemas.drive_log import Frame, Truth
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import Options
from occlabel.stages.completion.training import write_weights
from occlabel.stages.learning.weight_header import read_facts
from occlabel.workers.store import Store


@dataclass(frozen=True)
class Streets(TinyStreets):
    """``blind`` logs have no LiDAR."""

    blind: tuple[str, ...] = ()

    def _frame(self, log: str, number: int) -> Frame:
        frame = super()._frame(log, number)
        assert frame.world_from_ego is not None
        frame.world_from_ego[1, 3] = int(log)
        return replace(frame, sweep=None) if log in self.blind else frame


STREETS = Streets(3, 2, truth=Truth(), blind=("01",))


@pytest.fixture
def recipe() -> Recipe:
    return Recipe.model_validate({"grid": GRID, "taxonomy": SPACE.taxonomy, "completion": {"kind": "lmscnet"}})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = LMSCNet(GRID, len(SPACE.taxonomy.classes), SPACE.taxonomy.free_id)
    write_weights(network, 1.5, tmp_path / "start.safetensors", SPACE, {})
    return tmp_path / "adapted" / "{log}.safetensors"


def adapted(recipe: Recipe, out: Path, seed: int = 0, steps: int = 0) -> Adapted:
    out.parent.mkdir(exist_ok=True)
    start = out.parent.parent / "start.safetensors"
    few = {
        "steps": steps,
        "sure": 0.0,
        "voxels": 8 * 1024,
        "epoch": 1,
        "batch": 1,
        "crop": 12.8,
        "sweeps": 0,
        "held_out_frames": 1,
        "seed": seed,
    }
    options = Options(truth="none", start=start, **few)
    return adapt_each(recipe, STREETS, out, options, "local", "command", lambda _: None)


def test_each_log_has_its_own_and_one_that_teaches_nothing_fails_alone(recipe: Recipe, out: Path) -> None:
    found = adapted(recipe, out)
    assert list(found.made) == ["00", "02"] and not found.kept
    assert list(found.failed) == ["01"] and "no frame with a LiDAR sweep" in found.failed["01"]
    facts = [read_facts(path) for path in found.made.values()]
    assert facts[0]["logs"].startswith("1 logs") and facts[0]["logs"] != facts[1]["logs"]
    assert found.made["00"].read_bytes() != found.made["02"].read_bytes()


def test_what_is_there_by_the_same_options_from_the_same_start_is_kept(recipe: Recipe, out: Path) -> None:
    first = adapted(recipe, out)
    first.made["02"].write_bytes(first.made["02"].read_bytes()[:-9])
    again = adapted(recipe, out)
    assert (list(again.made), list(again.kept)) == (["02"], ["00"]), "what broke off is made anew"
    assert list(adapted(recipe, out, seed=1).made) == ["00", "02"]
    start = out.parent.parent / "start.safetensors"
    network = LMSCNet(GRID, len(SPACE.taxonomy.classes), SPACE.taxonomy.free_id)
    write_weights(network, 1.5, start, SPACE, {})
    assert list(adapted(recipe, out, seed=1).made) == ["00", "02"]


@pytest.mark.slow
def test_what_is_out_of_date_is_made_anew_and_what_the_recipe_names_does_not_count(recipe: Recipe, out: Path) -> None:
    assert list(adapted(recipe, out, steps=1).made) == ["00", "02"]
    assert recipe.completion is not None
    own = recipe.model_copy(update={"completion": recipe.completion.model_copy(update={"weights": out})})
    assert list(adapted(own, out, steps=1).kept) == ["00", "02"]
    found = adapted(own, out, seed=1, steps=1)
    assert list(found.made) == ["00", "02"] and list(found.failed) == ["01"], "nobody has to remove old checkpoints"


def test_a_recipe_labels_each_log_by_its_own(recipe: Recipe, out: Path, tmp_path: Path) -> None:
    adapted(recipe, out)
    fields = {"grid": GRID, "taxonomy": SPACE.taxonomy, "completion": {"kind": "lmscnet", "weights": out}}
    own = Recipe.model_validate(fields)
    store = Store(tmp_path / "store")
    report = label_logs(own, STREETS, store, "v1", workplace=Workplace("local"), quiet=True)
    assert [log.id for log in report.plan.logs] == ["00", "02"]
    prints = {log.id: log.fingerprints for log in report.plan.logs}
    Path(str(out).replace("{log}", "00")).write_bytes(Path(str(out).replace("{log}", "02")).read_bytes())
    plan = make_plan(own, STREETS, store, None, "cpu")
    (told,) = [said for said in plan.cautions if "was adapted to a log with other poses" in said]
    assert told.startswith("log 00: ") and not any("was adapted to" in said for said in report.plan.cautions)
    after = {log.id: log.fingerprints for log in plan.logs}
    assert after["00"] != prints["00"] and after["02"] == prints["02"]
    Path(str(out).replace("{log}", "02")).unlink()
    assert "02.safetensors" in make_plan(own, STREETS, store, None, "cpu").refused["02"]
