"""The object module as a user meets it: train weights on a recipe's labels, run with them, be told what is missing."""

import json
import shutil
from pathlib import Path

import pytest
from command import occlabel
from simulated import TWO_SWEPT, Simulated

from occlabel.pipeline.published.version import open_version
from occlabel.stages.learning.weight_header import read_facts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def logs(simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(simulated("nuscenes", TWO_SWEPT), tmp_path_factory.mktemp("objects") / "logs")


@pytest.fixture(scope="module")
def recipe(logs: Path) -> Path:
    path = logs.parent / "recipe.yaml"
    path.write_text(
        "grid: occ3d\ntaxonomy: occ3d\ncompletion: {kind: lmscnet, mirror: false}\ninstances: {kind: components}\n"
    )
    return path


@pytest.mark.slow
def test_weights_are_trained_on_what_comes_before_and_serve_a_run(logs: Path, recipe: Path) -> None:
    out, store = logs.parent / "w.safetensors", logs.parent / "store"
    told = occlabel(
        "train", "instances", recipe, "--logs", logs, "--out", out, "--executor", "local",
        "--steps", 1, "--epoch", 1, "--batch", 1, "--crop", 12.8, "--queries", 8,
    ).stdout  # fmt: skip
    assert "network offsetocc-1, labels completion" in told
    assert json.loads(read_facts(out)["objects"])["car"] > 0
    # After one step it is sure of nothing; who is claimed by nobody is then parted by what touches.
    changes = ("kind=offsetocc", f"weights={out}", "unclaimed=components")
    options = [word for change in changes for word in ("--set", f"instances.{change}")]
    arguments = ("--logs", logs, "--store", store, "--executor", "local", "--json")
    report = json.loads(occlabel("run", recipe, *arguments, "--version", "v1", *options).stdout)
    assert report["frames"] == 2
    assert any(frame.load("instance").any() for frame in open_version(f"{store}@v1").frames())


@pytest.mark.slow
def test_logs_without_boxes_cannot_be_learned_from(recipe: Path, simulated: Simulated, tmp_path: Path) -> None:
    boxes = shutil.ignore_patterns("boxes.txt")
    bare = shutil.copytree(simulated("kitti", TWO_SWEPT), tmp_path / "bare", ignore=boxes)
    told = occlabel("train", "instances", recipe, "--logs", bare, "--out", tmp_path / "w.safetensors", code=1).stderr
    assert "has no log with voxel truth and boxes" in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bare"]
