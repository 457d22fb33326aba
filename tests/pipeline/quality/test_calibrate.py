"""``occlabel calibrate`` on voted labels of a simulated log, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.quality.calibrate import calibrate
from occlabel.pipeline.teaching.simulate import simulate_logs
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.recognise import open_logs

FRAMES = 3


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A root of one log, and a recipe whose onboard model errs in a voxel of five."""
    root = tmp_path_factory.mktemp("drive")
    simulate_logs("kitti", root / "logs", logs=1, frames=FRAMES, seed=4, image_scale=None)
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
        f"{{grid: semantickitti, taxonomy: semantickitti, voting: {{kind: registration, movable_boost: 1}}, "
        f"completion: {{kind: stored, path: {root / 'labels'}}}}}"
    )
    return root / "logs", recipe


def occlabel(*arguments: object) -> str:
    result = CliRunner().invoke(app, list(map(str, arguments)), catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_confidence_of_the_next_version_means_what_it_says(drive: tuple[Path, Path], tmp_path: Path) -> None:
    logs, recipe = drive
    store, fitted = tmp_path / "store", tmp_path / "fitted.json"
    common = ["--logs", logs, "--store", store, "--executor", "local"]
    occlabel("run", recipe, *common, "--version", "margins")
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
    occlabel("run", recipe, *common, "--version", "single", "--skip", "voting")
    with pytest.raises(BadPredictions, match="not the margin of a vote"):
        calibrate(f"{store}@single", logs, "semantickitti", fitted)
