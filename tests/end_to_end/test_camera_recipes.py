"""The camera recipes label simulated towns from images alone, with files or with LiDAR for depth."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from simulated import ONE_ORACLE, Simulated

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import DEPTH, HIT, OBSERVED, SEGMENT_CLASS, SEMANTICS
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store

RECIPES = {"kitti": "semantickitti_camera", "nuscenes": "nuscenes_camera"}


@pytest.fixture(scope="module", params=sorted(RECIPES))
def root(request: pytest.FixtureRequest, simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In a folder of the layout's name."""
    folder = tmp_path_factory.mktemp("town") / str(request.param)
    return shutil.copytree(simulated(request.param, ONE_ORACLE), folder)


def stored(priors: Path) -> list[str]:
    files = priors / "exact"
    return [
        f"priors.depth={{kind: stored_depth, path: '{files}/depth/{{log}}/{{camera}}/{{frame}}.png'}}",
        f"priors.segments={{kind: stored_segments, path: '{files}/segments/{{log}}/{{camera}}/{{frame}}.npz'}}",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("depth", ["stored", "lidar"])
def test_a_camera_recipe_labels_a_town(root: Path, depth: str, tmp_path: Path) -> None:
    sets = [one for one in stored(root / "priors") if depth == "stored" or "segments" in one]
    sets += ["clip_frames=2", *(["priors.depth.kind=lidar"] if depth == "lidar" else [])]
    recipe = load_recipe(RECIPES[root.name], sets, ["propagation"])  # which knows the errors of glance
    reader = open_logs(root)
    report = label_logs(recipe, reader, Store(tmp_path), "v1", workplace=Workplace("local"), quiet=True)
    assert report.state == "complete"
    (log,) = reader.logs()
    free, right, seen = recipe.taxonomy.free_id, [], []
    for frame, labels in zip(log.frames, open_version(f"{tmp_path}@v1").frames(), strict=True):
        truth, found = reader.voxel_truth(frame), labels[SEMANTICS]
        assert truth is not None
        both = truth.scored & (truth.semantics != UNKNOWN) & (found != UNKNOWN)
        occupied = both & (truth.semantics != free) & (found != free)
        right.append((truth.semantics[occupied] == found[occupied]).mean())
        seen.append(
            ((truth.semantics != free) & both & (labels[OBSERVED] == HIT)).sum()
            / (both & (labels[OBSERVED] == HIT)).sum()
        )
    assert np.mean(right) > 0.75 and np.mean(seen) > 0.5


@pytest.mark.slow
def test_a_camera_recipe_needs_no_files(root: Path, tmp_path: Path) -> None:
    recipe, store = load_recipe(RECIPES[root.name], ["clip_frames=2"]), Store(tmp_path / "store")
    report = label_logs(recipe, open_logs(root), store, "v1", workplace=Workplace("local"), quiet=True)
    assert report.state == "complete"
    (log,) = open_logs(root).logs()
    for frame in open_version(f"{tmp_path}/store@v1").frames():
        for camera in log.rig.names:
            depth = frame[DEPTH.on(camera)].astype(float)
            assert np.isfinite(depth).mean() > 0.5 and np.nanmin(depth) > 0, "all but sky"
            assert (frame[SEGMENT_CLASS.on(camera)] != UNKNOWN).any()
        assert (frame[SEMANTICS] != UNKNOWN).any()


@pytest.mark.slow
def test_the_recipe_of_drocc_finds_what_is_there(simulated: Simulated, tmp_path: Path) -> None:
    root = simulated("nuscenes", ONE_ORACLE)
    path = root / "priors/exact/depth/{log}/{camera}/{frame}.png"
    sets = [f"priors.depth={{kind: stored_depth, path: '{path}'}}", "clip_frames=2"]
    recipe, reader = load_recipe("nuscenes_drocc", sets, ["voting", "instances", "tracking", "audit"]), open_logs(root)
    report = label_logs(recipe, reader, Store(tmp_path), "v1", workplace=Workplace("local"), quiet=True)
    assert report.state == "complete"
    (log,) = reader.logs()
    free, found, there, both = recipe.taxonomy.free_id, 0, 0, 0
    for frame, labels in zip(log.frames, open_version(f"{tmp_path}@v1").frames(), strict=True):
        truth = reader.voxel_truth(frame)
        assert truth is not None
        scored = truth.scored & (truth.semantics != UNKNOWN) & (labels[SEMANTICS] != UNKNOWN)
        said, true = (array[scored] != free for array in (labels[SEMANTICS], truth.semantics))
        found, there, both = found + said.sum(), there + true.sum(), both + (said & true).sum()
    assert both / (found + there - both) > 0.2, "chance is under 0.1"


def test_a_camera_recipe_says_which_files_it_lacks(root: Path, tmp_path: Path) -> None:
    plan = make_plan(load_recipe(RECIPES[root.name], stored(Path("priors"))), open_logs(root), Store(tmp_path))
    (said,) = plan.refused.values()
    assert "none of its" in said and "priors/exact/depth/{log}/{camera}/{frame}.png" in said
