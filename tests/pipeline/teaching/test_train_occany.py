"""OccAny is learned on logs on disk, and what it cannot be learned from is said before anything is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulated import ONE_ORACLE, Simulated, resembling

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.train_occany import train
from occlabel.schemas.errors import BadLog, BadRecipe, BadWeights
from occlabel.stages.completion.occany.options import Options
from occlabel.stages.ingest.kitti import KittiReader

FEW = Options(steps=1, epoch=1, batch=1, rows=24, columns=80, width=8, held_out_views=1, trusted_views=2)
SPACE = {"grid": "semantickitti", "taxonomy": "semantickitti"}
PRIORS = {"depth": {"kind": "lidar"}, "segments": {"kind": "glance_segments"}}


def recipe(**priors: object) -> Recipe:
    return Recipe.model_validate({**SPACE, "priors": priors})


def test_simulated_logs_teach_views_and_the_file_says_what_it_is(simulated: Simulated, tmp_path: Path) -> None:
    reader = KittiReader(simulated("kitti", ONE_ORACLE))
    out, others = tmp_path / "w.safetensors", KittiReader(resembling(reader.root, tmp_path / "others"))
    facts = train(recipe(**PRIORS), Roots(reader, others), out, FEW, "local", "occlabel train occany")
    assert out.is_file() and facts["priors"] == "lidar, glance_segments" and facts["logs"] == "1"
    assert "right 0." in facts["held_out"] and "alike 0." in facts["held_out"]


def test_what_cannot_work_is_said_before_anything_is_run(tmp_path: Path) -> None:
    out, reader = tmp_path / "w.safetensors", KittiReader(tmp_path)
    with pytest.raises(BadRecipe, match="no priors that write segments, of which other views are rendered"):
        train(recipe(depth=PRIORS["depth"]), Roots(reader), out, FEW, "local", "")
    blind = tmp_path / "blind/sequences/00"
    (blind / "velodyne").mkdir(parents=True)
    (blind / "velodyne/000000.bin").write_bytes(bytes(160))
    with pytest.raises(BadLog, match="has no poses and images of a calibrated camera"):
        lone = Recipe.model_validate({**SPACE, "priors": PRIORS})
        train(lone, Roots(KittiReader(tmp_path / "blind")), out, FEW, "local", "")
    gone = FEW.model_copy(update={"start": tmp_path / "gone.safetensors"})
    with pytest.raises(BadWeights, match=r"there is no weight file .*gone\.safetensors"):
        train(recipe(**PRIORS), Roots(reader), out, gone, "local", "")
    assert not out.with_suffix(".training").exists()
