"""Rows of the chain."""

from pathlib import Path
from typing import Any, cast

import pytest

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.quality.ablation.chain import below_parts, rows
from occlabel.schemas.errors import BadRecipe


def test_rows_are_the_chain_in_parts() -> None:
    found = rows("nuscenes_lidar", ["single", "both", "recipe", "eager: propagation.gate=0.5"], ["voting.radius=9"])
    single, both, recipe, eager = (cast(Any, row) for row in found.values())
    assert (single.propagation, single.voting, single.instances) == (None, None, None)
    assert (both.completion.sweeps, recipe.completion.sweeps) == (0, 3)
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


def test_what_is_below_its_parts_is_said() -> None:
    assert below_parts({"single": 30.0, "local": 29.0, "both": 31.0}) == ["local (29.0) is below single (30.0)"]
    assert not below_parts({"single": 30.0, "global": 31.0, "both": 32.0, "own row": 1.0})
    assert below_parts({"sweeps+global": 31.0, "recipe": 30.5}) == ["recipe (30.5) is below sweeps+global (31.0)"]


def test_a_row_that_does_not_exist_is_said() -> None:
    with pytest.raises(BadRecipe, match=r"no row 'sweep'; rows are single, ground, local"):
        rows("nuscenes_lidar", ["sweep"])
