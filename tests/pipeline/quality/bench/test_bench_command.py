"""``occlabel bench voting``."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.bench import voting
from occlabel.pipeline.quality.bench.bandwidth import Bandwidth
from occlabel.pipeline.quality.bench.memory import Peak
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.pipeline.quality.bench.timing import cold_start
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.grid import Grid

GRID = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.4, shape=(24, 32, 12), frame="lidar")


@pytest.fixture()
def scene_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small scene; what needs a process or a lot of memory is left out."""
    monkeypatch.setattr(voting, "measure_peak", lambda file, name: Peak(1.0, 2.0))
    monkeypatch.setattr(voting, "measure_bandwidth", lambda: Bandwidth(1e9, 1e9))
    street_scene(3, GRID).save(tmp_path / "scene.npz")
    return tmp_path / "scene.npz"


def bench(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["bench", "voting", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_json_on_standard_output(scene_file: Path) -> None:
    facts = json.loads(bench("--json", "--scene", scene_file))
    assert {"splat", "paper_faithful", "numpy_tuned"} <= set(facts["methods"])
    splat, paper = facts["methods"]["splat"], facts["methods"]["paper_faithful"]
    assert splat["vs_paper_faithful"] == pytest.approx(paper["seconds_per_frame"] / splat["seconds_per_frame"])
    assert paper["vs_paper_faithful"] == 1.0
    assert (splat["peak_mb"], splat["peak_total_mb"]) == (1.0, 2.0)
    assert splat["seconds_per_frame"] <= splat["median_seconds"]
    assert splat["differs_from_paper_faithful"] == 0.0
    assert splat["iou"] == paper["iou"] > facts["scene"]["single_frame"]["iou"]
    floor = facts["machine"]["floor_seconds"]
    assert floor == pytest.approx(9 * GRID.voxels / 1e9)
    assert splat["bandwidth_share"] == pytest.approx(floor / splat["seconds_per_frame"])
    assert facts["scene"]["frames"] == 7


def test_json_to_a_file_the_table_and_the_labels(scene_file: Path, tmp_path: Path) -> None:
    text = bench("--scene", scene_file, "--json", tmp_path / "a.json", "--out", tmp_path / "labels", "--radius", 1)
    assert "splat" in text and "paper_faithful" in text and "3 frames of 24 x 32 x 12 voxels" in text
    facts = json.loads((tmp_path / "a.json").read_text())
    assert facts["scene"]["frames"] == 3
    labels = np.load(tmp_path / "labels")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, cold_start("splat", street_scene(1, GRID)).vote())


def test_one_method_without_baselines(scene_file: Path, tmp_path: Path) -> None:
    options = ("--scene", scene_file, "--skip-baselines", "--json")
    (splat,) = json.loads(bench(*options[:3], "--method", "splat", "--json"))["methods"].values()
    assert splat["vs_paper_faithful"] is splat["vs_numpy_tuned"] is splat["differs_from_paper_faithful"] is None
    assert not {"paper_faithful", "numpy_tuned"} & set(json.loads(bench(*options))["methods"])
    named = json.loads(bench(*options, "--method", "numpy_tuned", "--out", tmp_path / "tuned.npy"))["methods"]
    assert set(named) == {"numpy_tuned"}
    expected = cold_start("numpy_tuned", street_scene(3, GRID)).vote()
    np.testing.assert_array_equal(np.load(tmp_path / "tuned.npy"), expected)
    assert set(json.loads(bench(*options[:2], "--method", "splat", "--json"))["methods"]) == {
        "splat", "paper_faithful", "numpy_tuned"
    }  # fmt: skip


def test_without_a_scene_a_street_is_made_up(scene_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    radii = []

    def small_street(radius: int) -> object:
        radii.append(radius)
        return street_scene(min(radius, 2), GRID)

    monkeypatch.setattr(voting, "street_scene", small_street)
    assert json.loads(bench("--json", "--skip-baselines"))["scene"]["frames"] == 5
    assert json.loads(bench("--json", "--skip-baselines", "--radius", 1))["scene"]["frames"] == 3
    assert radii == [25, 1]


def test_what_is_refused(scene_file: Path, tmp_path: Path) -> None:
    with pytest.raises(BadRecipe, match="unknown voting method 'paper'; known: splat, "):
        bench("--scene", scene_file, "--method", "paper")
    for scene in (("--scene", scene_file), ()):
        with pytest.raises(BadRecipe, match="a radius of -1 leaves no source frame"):
            bench(*scene, "--radius", -1)
    with pytest.raises(BadLog, match="there is no scene file"):
        bench("--scene", tmp_path / "none.npz")
    for option in ("--out", "--json"):
        with pytest.raises(Exception, match=r"there is no folder .*; make it first"):
            bench("--scene", scene_file, option, tmp_path / "no" / "file")
