"""``occlabel calibrate`` on voted labels of a simulated log, and what it refuses."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import made_up_versions
import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.quality.calibrate import calibrate
from occlabel.pipeline.quality.evaluate import evaluate
from occlabel.pipeline.teaching.simulate import Drives, simulate_logs
from occlabel.schemas.arrays import CONFIDENCE, MARGIN
from occlabel.schemas.errors import BadPredictions, BadRecipe
from occlabel.schemas.grid import GRIDS, Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN, LabelClass, Taxonomy
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.voting.calibration import load
from occlabel.stages.voting.fitting import Tally, fit

FRAMES = 3


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A root of one log, and a recipe whose onboard model errs in a voxel of five."""
    root = tmp_path_factory.mktemp("drive")
    simulate_logs("kitti", root / "logs", Drives(logs=1, frames=FRAMES, seed=4, image_scale=None))
    reader, draw = open_logs(root / "logs"), np.random.default_rng(0)
    (log,) = reader.logs()
    place = root / "labels/sequences" / log.id / "predictions"
    place.mkdir(parents=True)
    for frame in log.frames:
        truth = reader.voxel_truth(frame)
        assert truth is not None
        wrong = draw.random(truth.semantics.shape) < 0.2
        labels = np.where(wrong, draw.integers(0, 20, wrong.shape), truth.semantics)
        (place / f"{frame.name}.label").write_bytes(TAXONOMIES["semantickitti"].to_raw[labels].astype("<u2").tobytes())
    recipe = root / "recipe.yaml"
    recipe.write_text(
        "{grid: semantickitti, taxonomy: semantickitti, "
        "voting: {kind: registration, movable_boost: 1, evidence: false}, "
        f"completion: {{kind: stored, path: {root / 'labels'}}}}}"
    )
    return root / "logs", recipe


@pytest.fixture(scope="module")
def store(drive: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the version ``margins``; each test adds others."""
    (logs, recipe), store = drive, tmp_path_factory.mktemp("margins") / "store"
    occlabel("run", recipe, "--logs", logs, "--store", store, "--executor", "local", "--version", "margins")
    return store


def occlabel(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_own_classes_in_an_own_grid_are_calibrated_through_a_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roads of margin 255 are right, vans of margin 100 half of the time; the truth calls them cars. Free of margin 2
    is right, and what is unknown, which has margin 0 and would not be free, says nothing of it."""
    kitti, own = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"]), ("van", "road", "free")
    true = np.zeros(kitti.grid.shape, np.uint8)
    true[:, :, 2], true[:, :128, 4], true[:, :, 6] = 9, 1, 1
    place = tmp_path / "truth/sequences/08/voxels"
    place.mkdir(parents=True)
    (place / "000000.label").write_bytes(kitti.taxonomy.to_raw[true].astype("<u2").tobytes())
    (place / "000000.invalid").write_bytes(bytes(262144))
    grid = Grid(origin=(0.0, -25.6, -2.0), voxel_size=0.1, shape=(128, 512, 64), frame="lidar")
    semantics = np.full(grid.shape, 2, np.uint8)
    semantics[:, :, 4:6], semantics[:, :, 8:10] = 1, 0
    semantics[:, :, 12:14] = UNKNOWN
    margins = np.array([100, 255, 2] + 253 * [0], np.uint8)
    arrays = {"semantics": semantics, "confidence": margins[semantics]}
    classes = tuple(LabelClass(id=i, name=name, colour=(i, i, i)) for i, name in enumerate(own))
    space = LabelSpace(grid, Taxonomy(name="mine", classes=classes, free_id=2))
    monkeypatch.setitem(made_up_versions.SPECS, "confidence", replace(CONFIDENCE, meaning=MARGIN))
    publish(MadeUpVersion([MadeUpFrame("08", "000000", arrays)], space), tmp_path / "store")
    arguments = [f"{tmp_path}/store@v1", "--truth", tmp_path / "truth", "--format", "semantickitti"]
    (tmp_path / "map.yaml").write_text("van: car\n")
    occlabel("calibrate", *arguments, "--map", tmp_path / "map.yaml", "--out", tmp_path / "fitted.json")
    fitted = load(str(tmp_path / "fitted.json"), space)
    van, road, free = fitted.confidence(np.arange(3, dtype=np.uint8), margins[:3]) / 255
    assert van == pytest.approx(0.5, abs=0.02) and road > 0.99 and free > 0.99
    with pytest.raises(BadRecipe, match="has not: van"):
        calibrate(str(arguments[0]), tmp_path / "truth", "semantickitti", tmp_path / "other.json")


def test_confidence_of_the_next_version_means_what_it_says(
    drive: tuple[Path, Path], store: Path, tmp_path: Path
) -> None:
    (logs, recipe), fitted = drive, tmp_path / "fitted.json"
    common = ["--logs", logs, "--store", store, "--executor", "local"]
    found = calibrate(f"{store}@margins", logs, "semantickitti", fitted)
    assert found.frames == FRAMES
    assert found.after.error() < found.before.error() / 3

    occlabel("run", recipe, *common, "--version", "sure", "--set", f"voting.calibration={fitted}")
    scored = ["--truth", logs, "--format", "semantickitti", "--diagram", tmp_path / "d.png", "--executor", "local"]
    said = re.search(r"confidence is off by (\d+\.\d) points", occlabel("evaluate", f"{store}@sure", *scored))
    assert said is not None
    assert float(said[1]) == pytest.approx(100 * found.after.error(), abs=0.15)
    assert (tmp_path / "d.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(BadPredictions, match="its confidence is: how likely the class is right"):
        calibrate(f"{store}@sure", logs, "semantickitti", fitted)
    ground = ["--set", "ground.kind=intensity"]
    occlabel("run", recipe, *common, "--version", "ground", *ground)
    assert open_version(f"{store}@ground").info.arrays["confidence"].spec.meaning == MARGIN
    with pytest.raises(BadPredictions, match=r"as ground changed labels after the vote.*label the logs with --skip g"):
        calibrate(f"{store}@ground", logs, "semantickitti", fitted)
    occlabel("run", recipe, *common, "--version", "both", "--set", f"voting.calibration={fitted}", *ground)
    both, sure = (open_version(f"{store}@{name}").info.arrays["confidence"] for name in ("both", "sure"))
    assert (both.stage, both.spec.meaning) == ("ground", sure.spec.meaning) and "calibrated to" in both.spec.meaning
    occlabel("run", recipe, *common, "--version", "single", "--skip", "voting")
    with pytest.raises(BadPredictions, match="not the margin of a vote"):
        calibrate(f"{store}@single", logs, "semantickitti", fitted)


def test_labelled_points_correct_a_calibration_of_voxels(drive: tuple[Path, Path], store: Path, tmp_path: Path) -> None:
    """The town's points are right as often as their voxels, so the points of another town take a boast back."""
    logs, recipe = drive
    boast, fitted = tmp_path / "boast.json", tmp_path / "fitted.json"
    common = ["--logs", logs, "--store", store, "--executor", "local"]
    tally, classes = Tally.empty(20), np.arange(20, dtype=np.uint8).repeat(256)
    tally.add(classes, np.tile(np.arange(256, dtype=np.uint8), 20), np.ones(20 * 256, bool))
    fit(tally, TAXONOMIES["semantickitti"], "a boast").save(boast)
    arguments = (f"{store}@margins", "--truth", logs, "--format", "semantickitti", "--at", "points")
    with pytest.raises(BadRecipe, match="say nothing of what nobody saw: name a calibration"):
        occlabel("calibrate", *arguments, "--out", fitted)
    said = " ".join(occlabel("calibrate", *arguments, "--start", boast, "--out", fitted).split())
    assert f"fitted to points of {FRAMES} frames of 1 log" in said
    errors = {}
    for name, calibration in (("boasting", boast), ("corrected", fitted)):
        occlabel("run", recipe, *common, "--version", name, "--set", f"voting.calibration={calibration}")
        scored = evaluate(f"{store}@{name}", logs, at="points").calibration
        assert scored is not None
        errors[name] = abs(scored.occupied().bias())
    assert errors["corrected"] < 0.02 < errors["boasting"]
    asked = (
        f"{store}@corrected",
        "--truth",
        logs,
        "--format",
        "semantickitti",
        "--at",
        "points",
        "--executor",
        "local",
    )
    assert "calibrated to points of 3 frames of 1 log" in " ".join(occlabel("evaluate", *asked).split())
    with pytest.raises(BadRecipe, match="starts from nothing; leave out --start"):
        calibrate(f"{store}@margins", logs, "semantickitti", fitted, start=str(boast))


def test_truth_that_scores_nothing_fits_nothing(drive: tuple[Path, Path], store: Path, tmp_path: Path) -> None:
    asked = ("calibrate", f"{store}@margins", "--format", "semantickitti", "--out", tmp_path / "c.json")
    for pattern, byte, options in (
        ("labels/*.label", b"\0", ("--at", "points", "--start", "semantickitti_lidar")),
        ("voxels/*.invalid", b"\xff", ()),
    ):
        truth = shutil.copytree(drive[0], tmp_path / pattern[:6])
        for file in truth.rglob(pattern):
            file.write_bytes(byte * file.stat().st_size)
        with pytest.raises(BadPredictions, match=rf"nothing to fit to: no \w+ of {FRAMES} frames is labelled both in"):
            occlabel(*asked, "--truth", truth, *options)
    assert not (tmp_path / "c.json").exists()


def test_a_damaged_truth_costs_its_frame(drive: tuple[Path, Path], store: Path, tmp_path: Path) -> None:
    truth = shutil.copytree(drive[0], tmp_path / "truth")
    file = next(truth.rglob("voxels/*.label"))
    file.write_bytes(file.read_bytes()[:-2])
    asked = ("--truth", truth, "--format", "semantickitti", "--out", tmp_path / "c.json")
    said = " ".join(occlabel("calibrate", f"{store}@margins", *asked).split())
    assert f"fitted to voxels of {FRAMES - 1} frames of 1 log" in said and "where voxels are labelled occupied" in said
    assert "not used: log" in said and file.name in said
