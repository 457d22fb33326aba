"""Depth Anything on tiny checkpoints in the official format: plumbing, sizes, and every way in which weights are wrong.

What is said of pictures is the weights' own affair; that the right numbers come to the right pixels is ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from contract import BLIND, FRAMES, SPACES, ScriptedSensors, facts_of, inputs_of, log_of, run, street
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from occlabel.schemas.arrays import DEPTH, RELATIVE_DEPTH, Extent
from occlabel.schemas.errors import BadPredictions, BadWeights, OcclabelError
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Clip, Hands
from occlabel.stages.learning.preprocessing import normalised, size_for
from occlabel.stages.priors.depth.depth_anything import DepthAnything
from occlabel.stages.priors.depth.learned import View

transformers = pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_checkpoints")

SPACE = SPACES["occ3d"]


@pytest.fixture(scope="module")
def metric(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(tiny.depth_anything(tmp_path_factory.mktemp("metric"), "metric"))


def stage(folder: Path | str, **options: object) -> DepthAnything:
    return DepthAnything.model_validate({"weights": str(folder), "side": 70, **options})


@pytest.mark.parametrize("size", [(375, 1242), (900, 1600), (46, 80), (1000, 500), (518, 518)])
def test_images_are_prepared_as_the_models_own_processor_does(size: tuple[int, int]) -> None:
    pil = pytest.importorskip("transformers.models.dpt.image_processing_pil_dpt")
    processor = pil.DPTImageProcessorPil(
        size={"height": 518, "width": 518}, keep_aspect_ratio=True, ensure_multiple_of=14, resample=3,
        image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225],
    )  # fmt: skip
    image = np.random.default_rng(0).integers(0, 256, (*size, 3)).astype(np.uint8)
    theirs = processor(images=image, return_tensors="np")["pixel_values"][0]
    ours = normalised(image, size_for(*size, 518, 14))
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_the_models_numbers_come_to_the_pixels_they_are_of(metric: Path) -> None:
    log, sensors = street()
    depth = run(stage(metric), SPACE, log, sensors=sensors)[DEPTH.on("back").name]
    model = transformers.DepthAnythingForDepthEstimation.from_pretrained(metric)
    for row in (0, 5):
        image = sensors.images[f"back/{row:06d}"]
        with torch.no_grad():
            said = model(torch.from_numpy(normalised(image, size_for(46, 80, 70, 14)))[None]).predicted_depth
        whole = torch.nn.functional.interpolate(said[:, None], (46, 80), mode="bilinear")[0, 0].numpy()
        expected = whole[::4, ::4].astype(np.float16)
        expected[expected <= 0] = np.nan  # too near for float16 is no depth
        np.testing.assert_array_equal(depth[row], expected)
        assert np.unique(depth[row]).size > 50, "the weights say something of the picture"


def test_relative_weights_write_relative_depth(tmp_path: Path) -> None:
    relative = tiny.depth_anything(tmp_path, "relative")
    log, sensors = street()
    result = run(stage(relative, estimates="relative"), SPACE, log, sensors=sensors)
    assert set(result) == {"relative_depth/front", "relative_depth/back"}
    one = result[RELATIVE_DEPTH.on("front").name].astype(float)
    assert np.isnan(one[BLIND]).all() and (np.delete(one, BLIND, 0) >= 0).all()
    said = stage(relative).refuse(SPACE, None)
    assert said is not None and "estimates relative depth; set estimates: relative" in said


def test_images_are_asked_about_together_on_a_gpu(metric: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def estimate(views: Sequence[View]) -> list[NDArray[np.float32]]:
        asked.append(len(views))
        return [np.ones((46, 80), np.float32) for _ in views]

    monkeypatch.setattr(DepthAnything, "loaded", lambda self, hands: estimate)
    log, sensors = street()
    together = stage(metric, batch=4).setup(SPACE, log.rig, Hands(device="cuda"))
    clip = Clip(log.id, 0, FRAMES)
    out = together(clip, inputs_of(stage(metric), log, clip, {}, sensors))
    assert asked == [4, 4, 2], "of two cameras in five frames that can be read"
    seen = np.delete(out["depth/front"], BLIND, 0)
    assert (seen == 1).all() and np.isnan(out["depth/front"][BLIND]).all()


def test_weights_that_say_no_number_are_named(tmp_path: Path) -> None:
    folder = tiny.depth_anything(tmp_path, "relative")
    tensors = load_file(folder / "model.safetensors")
    tensors["head.conv3.bias"][:] = 3e38
    tensors["head.conv3.weight"][:] = 3e38
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    log, sensors = street()
    with pytest.raises(BadPredictions, match="says NaN or infinity of an image"):
        run(stage(folder, estimates="relative"), SPACE, log, sensors=sensors)


def test_an_image_of_another_size_is_named(metric: Path) -> None:
    log, sensors = street()
    odd = ScriptedSensors(sensors.scans, {**sensors.images, "back/000002": sensors.images["back/000002"][:20, :30]})
    with pytest.raises(OcclabelError, match="an image of back is 30x20, and those of the log are 80x46"):
        run(stage(metric), SPACE, log, sensors=odd)


def test_what_cannot_work_is_said_before_the_work(metric: Path, tmp_path: Path) -> None:
    assert stage(metric).refuse(SPACE, None) is None
    assert "no cameras" in (stage(metric).refuse(SPACE, Rig()) or "")
    assert "does not exist" in (stage(tmp_path / "nothing").refuse(SPACE, None) or "")
    tiny.changed(tiny.depth_anything(tmp_path) / "config.json", model_type="zoedepth")
    assert "'zoedepth' model, and here a 'depth_anything'" in (stage(tmp_path).refuse(SPACE, None) or "")
    stage(metric).try_out(SPACE, Hands())


def test_the_size_that_weights_were_trained_with_stands_beside_them(tmp_path: Path) -> None:
    folder = tiny.depth_anything(tmp_path, "metric")
    given = stage(folder, side=None)
    log, sensors = street()
    usual = run(given, SPACE, log, clip=Clip(log.id, 0, 1), sensors=sensors)["depth/front"]
    (folder / "preprocessor_config.json").write_text('{"size": {"height": 70, "width": 70}}')
    own = run(given, SPACE, log, clip=Clip(log.id, 0, 1), sensors=sensors)["depth/front"]
    asked = run(stage(folder), SPACE, log, clip=Clip(log.id, 0, 1), sensors=sensors)["depth/front"]
    np.testing.assert_array_equal(own, asked)
    assert not np.array_equal(own, usual, equal_nan=True)
    assert folder / "preprocessor_config.json" in given.files(SPACE), "it decides what is said"


def test_a_configuration_that_fails_on_images_is_named_before_the_work(tmp_path: Path) -> None:
    folder = tiny.depth_anything(tmp_path, "metric")
    tiny.changed(folder / "config.json", reassemble_factors=[float("nan"), 2, 1, 0.5])
    with pytest.raises(BadWeights, match="fails on a made-up image, so its configuration"):
        stage(folder).try_out(SPACE, Hands())


def test_a_licence_that_forbids_commercial_use_is_in_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    log = facts_of(log_of(street()[0].frames))
    large = "depth-anything/Depth-Anything-V2-Metric-Outdoor-Large-hf"
    assert f"the weights {large} are under cc-by-nc-4.0" in (stage(large).doubts(SPACE, log) or "")
    assert DepthAnything().doubts(SPACE, log) is None


def test_a_longer_image_takes_more_memory(metric: Path) -> None:
    rig = street()[0].rig
    wide = Rig(cameras=(rig.cameras[0].model_copy(update={"size": (1242, 375)}),))
    needs = [DepthAnything(weights=str(metric)).resources(SPACE, one, 16).memory for one in (Rig(), wide)]
    assert needs[1] > needs[0] + 4 * Extent(16, SPACE.grid, wide).frames * 311 * 94 * 2
