"""Prompt Depth Anything on a tiny checkpoint: metres go in where an earlier stage knows them, and metres come out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from contract import BLIND, SPACES, run, street

from occlabel.schemas.arrays import DEPTH
from occlabel.stages.learning.preprocessing import normalised, size_for
from occlabel.stages.priors.depth.prompt_depth_anything import PromptDepthAnything, filled

transformers = pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_checkpoints")

SPACE = SPACES["occ3d"]


def prompts() -> dict[str, np.ndarray]:
    """What LiDAR might have left: a tenth of the elements known; nothing of frame 1, all in one distance of frame 2."""
    draw, result = np.random.default_rng(0), {}
    for camera in ("front", "back"):
        depth = draw.uniform(4, 40, (6, 12, 20)).astype(np.float16)
        depth[draw.random(depth.shape) < 0.9] = np.nan
        depth[1], depth[2] = np.nan, 7
        result[DEPTH.on(camera).name] = depth
    return result


def test_the_networks_metres_are_stored_where_there_was_a_prompt(tmp_path: Path) -> None:
    stage, (log, sensors) = PromptDepthAnything(weights=str(tiny.prompt_depth_anything(tmp_path)), side=70), street()
    told = prompts()
    depth = run(stage, SPACE, log, told, sensors=sensors)["depth/front"]
    assert all(np.isnan(depth[row]).all() for row in (1, 2, BLIND))
    model = transformers.PromptDepthAnythingForDepthEstimation.from_pretrained(tmp_path)
    for row in (0, 5):
        pixels = normalised(sensors.images[f"front/{row:06d}"], size_for(46, 80, 70, 14))
        prompt = filled(told["depth/front"][row].astype(np.float32))
        assert prompt is not None
        with torch.no_grad():
            said = model(torch.from_numpy(pixels)[None], prompt_depth=torch.from_numpy(prompt)[None, None])
        whole = torch.nn.functional.interpolate(said.predicted_depth[:, None], (46, 80), mode="bilinear")[0, 0].numpy()
        np.testing.assert_array_equal(depth[row], whole[::4, ::4].astype(np.float16))
        assert whole.min() >= prompt.min() - 1e-3, "the head says no less than the nearest metre it was told"


def test_other_metres_are_other_depth(tmp_path: Path) -> None:
    stage, (log, sensors) = PromptDepthAnything(weights=str(tiny.prompt_depth_anything(tmp_path)), side=70), street()
    told = prompts()
    near, far = (
        run(stage, SPACE, log, {name: factor * array for name, array in told.items()}, sensors=sensors)["depth/back"]
        for factor in (np.float16(1), np.float16(2))
    )
    np.testing.assert_allclose(far[0].astype(float), 2 * near[0].astype(float), rtol=5e-3)


def test_what_is_not_known_is_filled_by_the_nearest_that_is() -> None:
    depth = np.full((12, 20), np.nan, np.float32)
    depth[:, 0], depth[:, 19] = 5, 30
    whole = filled(depth)
    assert whole is not None
    assert (whole[:, :10] == 5).all() and (whole[:, 10:] == 30).all()
    assert filled(np.full((12, 20), np.nan, np.float32)) is None
    assert filled(np.full((12, 20), 8, np.float32)) is None


def test_another_model_is_refused(tmp_path: Path) -> None:
    other = PromptDepthAnything(weights=str(tiny.depth_anything(tmp_path)))
    assert "is a 'depth_anything' model, and here a 'prompt_depth_anything'" in (other.refuse(SPACE, None) or "")
