"""Local propagation as a user meets it: train weights for the recipe's completion, run with them, be warned."""

import json
from pathlib import Path

import pytest
from command import occlabel

from occlabel.pipeline.teaching.simulate import Drives, simulate_logs

pytestmark = pytest.mark.slow

ONBOARD = (
    "grid: semantickitti\ntaxonomy: semantickitti\nevidence: {kind: rays}\ncompletion: {kind: lmscnet, mirror: false}\n"
)


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("propagation") / "logs"
    simulate_logs("kitti", root, Drives(logs=2, frames=4, seed=70, image_scale=None, rate=2.0))
    return root


@pytest.fixture(scope="module")
def weights(logs: Path) -> Path:
    out, recipe = logs.parent / "weights.safetensors", logs.parent / "onboard.yaml"
    recipe.write_text(ONBOARD)
    occlabel(
        "train", "propagation", recipe, "--logs", logs, "--out", out, "--executor", "local",
        "--steps", 1, "--epoch", 1, "--batch", 1, "--crop", 32, "--patches", 8, "--references", 0,
    )  # fmt: skip
    return out


@pytest.mark.slow
def test_a_run_with_trained_weights_refines_between_completion_and_voting(logs: Path, weights: Path) -> None:
    recipe = logs.parent / "recipe.yaml"
    local = f"propagation: {{kind: dualflow4d, weights: {weights}, references: 0}}\n"
    recipe.write_text(f"{ONBOARD}{local}voting: {{kind: registration}}\n")
    store = weights.with_suffix(".training") / "onboard"
    arguments = ("--logs", logs, "--store", store, "--executor", "local", "--json")
    report = json.loads(occlabel("run", recipe, *arguments, "--version", "v1").stdout)
    assert report["frames"] == 8
    assert report["cautions"] == []
    stages = [(stage["stage"], stage["total"]) for stage in report["run"]["stages"]]
    assert stages == [("evidence", 0), ("completion", 0), ("propagation", 2), ("voting", 2)], "training has left labels"
    without = json.loads(occlabel("run", recipe, *arguments, "--version", "without", "--skip", "propagation").stdout)
    assert [stage["total"] for stage in without["run"]["stages"]] == [0, 0, 2], "completion is not computed again"


@pytest.mark.slow
def test_weights_for_another_onboard_model_are_named(logs: Path, weights: Path) -> None:
    submitted = logs.parent / "submitted"
    (submitted / "sequences/00/predictions").mkdir(parents=True)
    (submitted / "sequences/00/predictions/000000.label").write_bytes(bytes(2 * 256 * 256 * 32))
    recipe = logs.parent / "stored.yaml"
    recipe.write_text(
        "grid: semantickitti\ntaxonomy: semantickitti\n"
        f"completion: {{kind: stored, path: {submitted}}}\n"
        f"propagation: {{kind: dualflow4d, weights: {weights}, evidence: false}}\n"
    )
    planned = occlabel("plan", recipe, "--logs", logs, "--store", logs.parent / "other", "--json")
    other_model, other_windows, *without = json.loads(planned.stdout)["cautions"]
    assert "trained on labels of lmscnet semantickitti_lidar.safetensors" in other_model
    assert "the recipe's completion is stored" in other_model
    assert "4 frames refined together and 0 references" in other_windows
    assert all("frames have no prediction in" in said for said in without)


def test_what_cannot_work_is_said_before_anything_is_labelled(logs: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    refused = occlabel(
        "train", "propagation", "semantickitti_lidar", "--logs", logs, "--out", out, "--crop", 50, code=1
    )
    assert refused.stderr == "occlabel: a crop of 50 columns is no multiple of 16, the encoder's coarsest cell\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_shipped_weights_correct_the_shipped_model(tmp_path: Path) -> None:
    roads, store = tmp_path / "logs", tmp_path / "store"
    simulate_logs("nuscenes", roads, Drives(logs=1, frames=5, seed=90, image_scale=None, rate=2.0))
    arguments: tuple[object, ...] = ("--logs", roads, "--store", store, "--executor", "local", "--json")
    arguments += ("--skip", "ground", "--skip", "instances", "--skip", "tracking")
    local = json.loads(occlabel("run", "nuscenes_lidar", *arguments, "--version", "local", "--skip", "voting").stdout)
    assert local["cautions"] == [], "the weights know the errors of the shipped model"
    skipped = ("--skip", "propagation", "--skip", "voting")
    single = json.loads(occlabel("run", "nuscenes_lidar", *arguments, "--version", "single", *skipped).stdout)
    assert single["run"] is None, "committed on the way"
    scores = {}
    for version in ("single", "local"):
        out = tmp_path / f"{version}.json"
        occlabel("evaluate", f"{store}@{version}", "--truth", roads / "gts", "--format", "occ3d", "--json", out)
        scores[version] = json.loads(out.read_text())
    before, after = (scores[version]["scores"]["full"] for version in ("single", "local"))
    assert after["iou"] > before["iou"] + 0.01
    assert after["miou_present"] > before["miou_present"]
