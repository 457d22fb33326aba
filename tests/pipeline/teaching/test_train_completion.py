"""Learning without truth: statistics alone, and what the recipe is sure of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from tiny_streets import GRID, SPACE, TinyStreets

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.label_teacher import LabelTeacher
from occlabel.pipeline.teaching.train_completion import train
from occlabel.schemas.drive_log import Truth
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import Options
from occlabel.stages.completion.training import write_weights
from occlabel.stages.completion.weight_file import load_network
from occlabel.stages.learning.weight_header import read_facts

STREET = TinyStreets(1, 4, truth=Truth())
RECIPE = Recipe.model_validate({"grid": GRID, "taxonomy": SPACE.taxonomy, "completion": {"kind": "lmscnet"}})


@pytest.fixture
def start(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    network = LMSCNet(GRID, len(SPACE.taxonomy.classes), SPACE.taxonomy.free_id)
    write_weights(network, 1.5, tmp_path / "start.safetensors", SPACE, {})
    return tmp_path / "start.safetensors"


def options(start: Path, steps: int, **changes: object) -> Options:
    few = Options(truth="none", start=start, steps=steps, epoch=1, batch=1, crop=12.8, sweeps=0, held_out_frames=1)
    return few.model_copy(update={"voxels": 8 * 1024, "sure": 0.0} | changes)


def test_no_steps_change_statistics_alone(tmp_path: Path, start: Path) -> None:
    out = tmp_path / "out.safetensors"
    facts = train(RECIPE, STREET, out, options(start, 0), "local", "command")
    before, after = (load_network(path, SPACE)[0].state_dict() for path in (start, out))
    changed = {name.rsplit(".", 1)[1] for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"running_mean", "running_var"}
    assert facts["statistics"] == "of 4 frames" and float(facts["temperature"]) == 1.5
    assert not out.with_suffix(".training").exists(), "no log was labelled"


@pytest.mark.slow
def test_what_the_recipe_is_sure_of_is_learned(tmp_path: Path, start: Path) -> None:
    out = tmp_path / "out.safetensors"
    facts = train(RECIPE, STREET, out, options(start, 1), "local", "command")
    assert facts == read_facts(out)
    assert facts["labels"] == "completion" and facts["start"].startswith("start.safetensors")
    assert facts["held_out"] == "the last frames of the log, 1 of 4"
    assert float(facts["temperature"]) == 1.5, "labels of its own make nobody surer"
    with pytest.raises(BadLog, match=r"nothing is to be learned of 3 frames.*lower --sure 1"):
        train(RECIPE, STREET, tmp_path / "sure.safetensors", options(start, 1, sure=1.0), "local", "command")


def test_logs_without_lidar_are_refused(tmp_path: Path, start: Path) -> None:
    class Blind(TinyStreets):
        def _frame(self, log: str, number: int):  # type: ignore[no-untyped-def]
            return replace(super()._frame(log, number), sweep=None)

    with pytest.raises(BadLog, match="no frame with a LiDAR sweep"):
        train(RECIPE, Blind(1), tmp_path / "out.safetensors", options(start, 0), "local", "command")
    without = RECIPE.model_copy(update={"completion": None})
    with pytest.raises(BadRecipe, match="no completion"):
        train(without, STREET, tmp_path / "out.safetensors", options(start, 0), "local", "command")


def test_labels_teach_what_they_are_sure_of(tmp_path: Path) -> None:
    semantics = np.full(GRID.shape, UNKNOWN, np.uint8)
    semantics[0, 0, :3] = 9
    confidence = np.zeros_like(semantics)
    confidence[0, 0, :3] = 10, 128, 255
    arrays = {"semantics": semantics, "confidence": confidence}
    (log,) = STREET.logs()
    version = publish(MadeUpVersion([MadeUpFrame("00", "000002", arrays, 0)], SPACE), tmp_path)
    ((frame, ask),) = LabelTeacher(version, SPACE, 0.5).lessons(log)
    lesson = ask()
    assert frame is log.frames[2]
    assert lesson.semantics[0, 0, :3].tolist() == [UNKNOWN, 9, 9] and (lesson.semantics != UNKNOWN).sum() == 2
    assert lesson.trust is not None and lesson.trust[0, 0, 1:3].tolist() == [128, 255]
    with pytest.raises(BadRecipe, match="not of the grid and classes"):
        LabelTeacher(version, LabelSpace(GRID, TAXONOMIES["occ3d"]), 0.5)
