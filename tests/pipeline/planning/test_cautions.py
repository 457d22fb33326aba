"""What works and is probably not meant is said by the plan, log by log; what comes to nothing is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from chain import MadeUpReader

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.grid import GRIDS
from occlabel.stages.completion.stored import Stored
from occlabel.workers.store import Store

EGO = GRIDS["occ3d"]


def test_a_log_without_predictions_is_refused_and_frames_without_are_said(tmp_path: Path) -> None:
    folder = tmp_path / "predictions"
    for log, frames in (("a", 4), ("b", 3)):
        (folder / f"sequences/{log}/predictions").mkdir(parents=True)
        for frame in range(frames):
            path = folder / f"sequences/{log}/predictions/{frame:06d}.label"
            semantickitti.write_volume(path, np.zeros(EGO.shape, np.uint16))
    recipe = Recipe.model_validate({"grid": EGO, "taxonomy": "semantickitti", "completion": Stored(path=folder)})
    plan = make_plan(recipe, MadeUpReader(tmp_path, {"a": 4, "b": 4, "c": 4}), Store(tmp_path / "s"))
    assert [log.id for log in plan.logs] == ["a", "b"]
    assert plan.cautions == (f"log b: 1 of 4 frames have no prediction in {folder} and stay unknown: 000003",)
    assert plan.refused["c"].startswith(f"log c: 4 of 4 frames have no prediction in {folder}; ")
