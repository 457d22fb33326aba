"""Rows of the chain, and what figures of few logs are worth."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.quality.ablation.chain import Draws, below_parts, figure, gain, rows
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation import semantickitti

TAXONOMY = TAXONOMIES["semantickitti"]


def counts(right: int, wrong: int) -> np.ndarray:
    """Cars seen as cars, and seen as trucks."""
    result = np.zeros((len(TAXONOMY.classes),) * 2, np.int64)
    result[1, 1], result[4, 1] = right, wrong
    return result


def shares(logs: list[np.ndarray]) -> list[float]:
    return [100 * s.miou_present for s in Draws.of(len(logs)).scores(logs, semantickitti.score, TAXONOMY)]


def test_rows_are_the_chain_in_parts() -> None:
    found = rows("nuscenes_lidar", ["single", "both", "recipe", "eager: propagation.gate=0.5"], ["voting.radius=9"])
    single, both, recipe, eager = (cast(Any, row) for row in found.values())
    assert (single.propagation, single.voting, single.instances) == (None, None, None)
    assert (both.completion.sweeps, recipe.completion.sweeps) == (0, 2)
    assert (eager.propagation.gate, recipe.voting.radius, eager.voting.radius) == (0.5, 9, 9)
    assert recipe.propagation.gate != 0.5


def test_a_camera_alone_lifts_the_images_of_one_frame() -> None:
    single, window = (cast(Any, row) for row in rows("nuscenes_camera", ["single", "sweeps"]).values())
    assert (single.completion.radius, single.voting, window.completion.radius) == (0, None, 2)


def test_accumulated_lidar_is_named_by_the_network_of_the_other_rows(tmp_path: Path) -> None:
    told = load_recipe("nuscenes_lidar", ["completion.weights=/w.safetensors"]).to_yaml()
    (tmp_path / "mine.yaml").write_text(told)
    row = rows(str(tmp_path / "mine.yaml"), ["accumulated"], ["completion.intensity=ignored", "grid.voxel_size=0.2"])
    stage = cast(Any, row["accumulated"].completion)
    assert (stage.kind, stage.weights, stage.labels, stage.boxes) == ("accumulated", Path("/w.safetensors"), None, None)
    assert [step.name for step in row["accumulated"].chain] == ["geometry", "evidence", "completion"]
    assert row["accumulated"].grid.voxel_size == 0.2


def test_logs_that_are_alike_leave_no_doubt_and_others_do() -> None:
    alike = figure(shares([counts(80, 20)] * 6))
    assert (alike.low, alike.value, alike.high) == pytest.approx((80, 80, 80))
    mixed = figure(shares([counts(100, 0), counts(60, 40)] * 3))
    assert mixed.value == pytest.approx(80) and mixed.low < 74 and mixed.high > 86


def test_a_gain_in_every_log_is_surer_than_the_figures() -> None:
    """Logs differ by far more than the rows; log by log one row is always the better."""
    logs = [(90, 10), (50, 50), (20, 80), (70, 30)]
    better, base = shares([counts(a + 5, b - 5) for a, b in logs]), shares([counts(a, b) for a, b in logs])
    won, plain = gain(better, base), figure(base)
    assert plain.high - plain.low > 30
    assert won.low > 5 and won.high < 15 and won.value == pytest.approx(100 * 5 / 57.5)


def test_what_is_below_its_parts_is_said() -> None:
    assert below_parts({"single": 30.0, "local": 29.0, "both": 31.0}) == ["local (29.0) is below single (30.0)"]
    assert not below_parts({"single": 30.0, "global": 31.0, "both": 32.0, "own row": 1.0})
    assert below_parts({"sweeps+global": 31.0, "recipe": 30.5}) == ["recipe (30.5) is below sweeps+global (31.0)"]


def test_a_row_that_does_not_exist_is_said() -> None:
    with pytest.raises(BadRecipe, match=r"no row 'sweep'; rows are single, ground, local"):
        rows("nuscenes_lidar", ["sweep"])
