"""MoGe-2 against the golden cases of the official code, and on tiny weights in its own file format."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contract import BLIND, SPACES, facts_of, log_of, run, street

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.stage import Hands
from occlabel.stages.priors.depth.moge import Moge2
from occlabel.stages.priors.depth.moge_camera import fitted, reading
from occlabel.stages.priors.depth.moge_network import MogeNetwork
from occlabel.stages.priors.depth.moge_weights import loaded_network

tiny = pytest.importorskip("tiny_checkpoints")

SPACE = SPACES["occ3d"]
CASES = [
    ("with_normal", "tokens54", {}),
    ("with_normal", "level9_fov70_noproj_nomask", {"masked": False, "projected": False}),
    ("no_normal", "level3_portrait", {}),
]


def golden(shared: Path, name: str, folder: Path) -> MogeNetwork:
    place = shared / "golden/moge2_tiny"
    (folder / "config.json").write_text((place / f"config_{name}.json").read_text())
    (folder / "model.safetensors").symlink_to(place / "model.safetensors")
    return loaded_network(Moge2(weights=str(folder)).found(), Hands())


def case(shared: Path, name: str) -> tuple[dict[str, np.ndarray], torch.Tensor]:
    """The arrays, and the image as the network takes it."""
    arrays = dict(np.load(shared / f"golden/moge2_tiny/case_{name}.npz"))
    image = torch.from_numpy(arrays["image_u8"].astype(np.float32) / 255)
    return arrays, image.permute(2, 0, 1)[None]


def test_the_encoder_is_the_official_one(shared: Path, tmp_path: Path) -> None:
    network, (arrays, image) = golden(shared, "with_normal", tmp_path), case(shared, "with_normal_encoder")
    features, token = network.encoder(image, int(arrays["token_rows"]), int(arrays["token_cols"]))
    np.testing.assert_allclose(features[0].numpy(), arrays["features"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(token[0].numpy(), arrays["class_token"], rtol=1e-5, atol=1e-5)


def test_the_network_is_the_official_one(shared: Path, tmp_path: Path) -> None:
    network, (arrays, image) = golden(shared, "with_normal", tmp_path), case(shared, "with_normal_forward")
    said = network(image, int(arrays["num_tokens"]))
    assert said.normals is not None
    for name, part in (("points", said.points), ("normal", said.normals), ("mask", said.mask)):
        np.testing.assert_allclose(part[0].numpy(), arrays[f"forward54_{name}"], rtol=1e-4, atol=1e-5, err_msg=name)
    assert float(said.scale[0]) == pytest.approx(float(arrays["forward54_metric_scale"]), rel=1e-5)


@pytest.mark.parametrize(("config", "name", "how"), CASES)
def test_what_is_read_of_an_image_is_what_the_official_code_reads(
    config: str, name: str, how: dict[str, bool], shared: Path, tmp_path: Path
) -> None:
    network, (arrays, image) = golden(shared, config, tmp_path), case(shared, f"{config}_infer_{name}")
    least, most = network.tokens
    level = int(arrays.get("resolution_level", 0))
    said = network(image, int(arrays.get("num_tokens", least + level * (most - least) // 9)))
    fov = np.radians(float(arrays["fov_x_deg"])) if "fov_x_deg" in arrays else None
    found = reading(said.points[0].numpy(), said.mask[0].numpy(), float(said.scale[0]), fov, **how)
    np.testing.assert_array_equal(found.mask, arrays["mask"])
    np.testing.assert_allclose(found.intrinsics, arrays["intrinsics"], rtol=1e-3)
    np.testing.assert_allclose(found.depth, arrays["depth"], rtol=1e-3)
    known = np.isfinite(arrays["points"])
    np.testing.assert_array_equal(np.isfinite(found.points), known)
    np.testing.assert_allclose(found.points[known], arrays["points"][known], rtol=1e-3, atol=1e-4)


def test_the_stage_stores_what_the_official_code_says_of_the_image(shared: Path, tmp_path: Path) -> None:
    golden(shared, "no_normal", tmp_path)
    arrays, _ = case(shared, "no_normal_infer_level3_portrait")
    log, sensors = street()
    height, width = arrays["image_u8"].shape[:2]
    first = replace(log.frames[0].cameras[0], size=(width, height), intrinsics=None)
    sensors = replace(sensors, images={str(first.path): arrays["image_u8"]})
    stage = Moge2(weights=str(tmp_path), level=3, field_of_view="guessed")
    depth = run(stage, SPACE, log_of([replace(log.frames[0], cameras=(first,))]), sensors=sensors)["depth/front"][0]
    expected = arrays["depth"][::4, ::4]
    np.testing.assert_array_equal(np.isnan(depth), np.isinf(expected))
    np.testing.assert_allclose(depth[~np.isnan(depth)].astype(float), expected[np.isfinite(expected)], rtol=2e-3)


@pytest.mark.parametrize("fov", [None, 1.1])
def test_a_camera_is_recovered_from_points_without_their_shift(fov: float | None) -> None:
    height, width, focal, scale, lost = 60, 100, 0.8, 3.0, 1.7
    u, v = np.meshgrid((np.arange(width) + 0.5) / width - 0.5, (np.arange(height) + 0.5) / height - 0.5)
    depth = 4 + 3 * np.abs(u) + 2 * v + np.random.default_rng(0).uniform(0, 2, u.shape)
    if fov is not None:
        focal = 0.5 / np.tan(fov / 2)
    points = np.stack([u / focal * depth, v / focal * height / width * depth, depth - lost], axis=2).astype(np.float32)
    found = reading(points, np.ones((height, width), np.float32), scale, fov)
    assert found.intrinsics[0, 0] == pytest.approx(focal, rel=1e-3)
    assert found.intrinsics[1, 1] == pytest.approx(focal * width / height, rel=1e-3)
    np.testing.assert_allclose(found.depth, scale * depth, rtol=2e-3)
    assert fitted(points, np.zeros((height, width), bool)) == (1.0, 0.0), "nothing seen, nothing fitted"


def test_both_forms_of_the_weights_say_the_same(tmp_path: Path) -> None:
    log, sensors = street()
    folders = [tiny.moge2(tmp_path / "pt"), tiny.moge2(tmp_path / "safe", official=False)]
    official, converted = (run(Moge2(weights=str(one)), SPACE, log, sensors=sensors) for one in folders)
    front = official[DEPTH.on("front").name]
    np.testing.assert_array_equal(front, converted[DEPTH.on("front").name])
    assert np.isnan(front[BLIND]).all() and np.unique(front[0][np.isfinite(front[0])]).size > 20
    files = [{path.name for path in Moge2(weights=str(one)).files(SPACE)} for one in folders]
    assert files == [{"model.pt"}, {"config.json", "model.safetensors"}]


def test_a_known_field_of_view_decides_and_an_unknown_one_is_said(tmp_path: Path) -> None:
    log, sensors = street()
    folder = str(tiny.moge2(tmp_path))
    known, guessed = (
        run(Moge2(weights=folder, field_of_view=how), SPACE, log, sensors=sensors)["depth/front"]
        for how in ("calibrated", "guessed")
    )
    assert not np.array_equal(known, guessed, equal_nan=True)
    lost = tuple(replace(frame, cameras=(replace(frame.cameras[0], intrinsics=None),)) for frame in log.frames)
    free = run(Moge2(weights=folder), SPACE, log_of(lost), sensors=sensors)["depth/front"]
    np.testing.assert_array_equal(free, guessed)
    stage = Moge2(weights=folder)
    assert "guesses the field of view of front, whose K is not known" in (
        stage.doubts(SPACE, facts_of(log_of(lost))) or ""
    )
    assert stage.doubts(SPACE, facts_of(log)) is None and stage.without("intrinsics") == Moge2(
        weights=folder, field_of_view="guessed"
    )
    assert "no cameras" in (stage.refuse(SPACE, Rig()) or "")


def test_a_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    stage = Moge2(weights=str(tiny.moge2(tmp_path / "a")))
    path = tmp_path / "a/model.pt"
    whole = path.read_bytes()
    assert stage.refuse(SPACE, None) is None
    stage.try_out(SPACE, Hands())

    path.write_bytes(whole[:-500])
    assert "is no file of torch.save: it was cut" in (stage.refuse(SPACE, None) or "")
    for wrong, said in (
        ({"model_config": tiny.moge2_config()}, "KeyError: 'model'"),
        ({"model_config": {**tiny.moge2_config(), "remap_output": "sinh"}, "model": {}}, "cannot|can be loaded"),
        ({"model_config": Rig}, "can be loaded"),
    ):
        torch.save(wrong, path)
        with pytest.raises(BadWeights, match=said):
            stage.try_out(SPACE, Hands())
    folder = tiny.moge2(tmp_path / "b", official=False)
    (folder / "config.json").write_text(json.dumps({"model_type": "dinov2"}))
    assert "no model_config in its config.json, so it is no MoGe-2" in (
        Moge2(weights=str(folder)).refuse(SPACE, None) or ""
    )
    assert "fetch it once with hf download" in (Moge2(revision="0" * 40).refuse(SPACE, None) or "")


def test_tensors_that_do_not_fit_or_are_no_numbers_are_named(tmp_path: Path) -> None:
    path = tiny.moge2(tmp_path) / "model.pt"
    stage, held = Moge2(weights=str(tmp_path)), torch.load(path, weights_only=True)
    tensors = held["model"]
    torch.save(held | {"model": {n: t for n, t in tensors.items() if n != "neck.input_blocks.2.bias"}}, path)
    with pytest.raises(
        BadWeights, match=r"1 tensors are missing or of another shape, the first is neck\.input_blocks\.2"
    ):
        stage.try_out(SPACE, Hands())
    torch.save(held | {"model": tensors | {"scale_head.0.bias": torch.full((8,), float("nan"))}}, path)
    with pytest.raises(BadWeights, match=r"the tensor scale_head\.0\.bias holds NaN"):
        stage.try_out(SPACE, Hands())
    torch.save(held | {"model": tensors | {"points_head.output_blocks.4.bias": torch.full((3,), 3e38)}}, path)
    log, sensors = street()
    with pytest.raises(BadPredictions, match="says NaN or infinity of an image"):
        run(stage, SPACE, log, sensors=sensors)
