"""Depth Anything 3's metric model against the official network, and its metres by the focal length."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from contract import SPACES, facts_of, street
from safetensors.torch import load_file, save_file

from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.dinov2 import Sizes
from occlabel.stages.learning.dpt import HeadSizes
from occlabel.stages.learning.preprocessing import size_within
from occlabel.stages.priors.depth.depth_anything_3 import DepthAnything3
from occlabel.stages.priors.depth.depth_anything_3_network import Metric
from occlabel.stages.priors.depth.learned import View

tiny = pytest.importorskip("tiny_checkpoints")

SPACE = SPACES["semantickitti"]
PICTURE = np.kron(np.random.default_rng(0).integers(0, 256, (6, 10, 3)), np.ones((8, 8, 1))).astype(np.uint8)
K = np.array([[60.0, 0, 40], [0, 60, 24], [0, 0, 1]])


def drawn(name: str, shape: tuple[int, ...]) -> torch.Tensor:
    """Weights that depend on nothing but their name and shape."""
    spread = np.sqrt(np.prod(shape[1:]) if len(shape) > 1 else 4)
    draw = np.random.default_rng(zlib.crc32(name.encode()))
    return torch.from_numpy((draw.standard_normal(shape) / spread).astype(np.float32))


def test_the_network_is_the_official_one() -> None:
    """Depth and sky that depth-anything-3 0.1.1 says with the same weights: its backbone with 4 blocks of 64 numbers,
    its DPT with 16 features of 8, 12, 16 and 16 channels."""
    network = Metric(Sizes(64, 4, 1), (0, 1, 2, 3), HeadSizes((8, 12, 16, 16), 16))
    network.load_state_dict({name: drawn(name, tuple(one.shape)) for name, one in network.state_dict().items()})
    image = torch.from_numpy(np.random.default_rng(0).standard_normal((2, 3, 42, 70)).astype(np.float32))
    with torch.inference_mode():
        said = network.eval()(image)
    depth = [
        [1.0947611, 0.6346769, 0.5197238, 0.6213247],
        [0.2787997, 0.0825240, 0.0709851, 0.0895197],
        [0.2751741, 0.0821487, 0.0624035, 0.0681945],
    ]
    sky = [
        [0.0, 0.0, 0.0, 0.0],
        [0.0, 0.4680811, 0.5522523, 0.6580419],
        [0.0, 0.2327471, 0.6517911, 1.0228978],
    ]
    np.testing.assert_allclose(said.depth[0, ::14, ::20], depth, rtol=1e-4)
    np.testing.assert_allclose(said.sky[0, ::14, ::20], sky, rtol=1e-4, atol=1e-5)
    assert float(said.depth.mean()) == pytest.approx(0.1501096, rel=1e-4)
    assert float(said.sky.mean()) == pytest.approx(0.4300244, rel=1e-4)


@pytest.mark.parametrize(
    ("image", "size"),
    [((375, 1242), (154, 504)), ((900, 1600), (280, 504)), ((1600, 900), (504, 280)), ((9, 900), (14, 504))],
)
def test_the_longer_side_of_an_image_is_504_pixels(image: tuple[int, int], size: tuple[int, int]) -> None:
    assert size_within(*image, 504, 14) == size


def seen(folder: Path, *views: View) -> list[np.ndarray]:
    return list(DepthAnything3(weights=str(folder), side=70).loaded(Hands())(views))


def test_metres_grow_with_the_focal_length_and_the_sky_has_none(tmp_path: Path) -> None:
    folder = tiny.depth_anything_3(tmp_path)
    near, far = seen(folder, View(0, "a", PICTURE, K), View(1, "a", PICTURE, K * [[2.0], [2.0], [1.0]]))
    known = np.isfinite(near)
    assert near.shape == PICTURE.shape[:2] and known.any() and not known.all()
    np.testing.assert_array_equal(known, np.isfinite(far))
    np.testing.assert_allclose(far[known], 2 * near[known], rtol=1e-5)
    cloudy(folder)
    assert np.isnan(seen(folder, View(0, "a", PICTURE, K))).all()


def cloudy(folder: Path) -> None:
    """Makes all of it sky."""
    tensors = load_file(folder / "model.safetensors")
    tensors["model.head.scratch.sky_output_conv2.2.bias"].fill_(1e3)
    save_file(tensors, folder / "model.safetensors")


def changed(folder: Path, name: str, to: torch.Tensor | None) -> Path:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop(name)
    save_file(tensors if to is None else {**tensors, name: to}, folder / "model.safetensors")
    return folder


LAST = "model.head.scratch.output_conv2.2.bias"


@pytest.mark.parametrize(
    ("name", "to", "said"),
    [
        (LAST, None, rf"1 tensors are missing or of another shape, the first is {LAST}"),
        (LAST, torch.zeros(2), rf"1 tensors are missing or of another shape, the first is {LAST}"),
        (LAST, torch.tensor([torch.nan]), "holds NaN or infinity"),
        ("model.backbone.pretrained.cls_token", None, "is not a Depth Anything 3 that can be loaded"),
    ],
)
def test_weights_that_are_damaged_are_named(tmp_path: Path, name: str, to: torch.Tensor | None, said: str) -> None:
    folder = changed(tiny.depth_anything_3(tmp_path), name, to)
    with pytest.raises(BadWeights, match=said):
        DepthAnything3(weights=str(folder)).try_out(SPACE, Hands())


def test_depth_that_is_infinite_is_no_depth(tmp_path: Path) -> None:
    folder = changed(tiny.depth_anything_3(tmp_path), LAST, torch.tensor([1e4]))
    with pytest.raises(BadPredictions, match="says NaN or infinity of an image"):
        DepthAnything3(weights=str(folder)).try_out(SPACE, Hands())


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (
            {"model_name": "da3-large"},
            "is da3-large, whose depth has no metres by a single image; take DA3METRIC-LARGE",
        ),
        ({"model_name": None}, "names no model of Depth Anything 3"),
        ({"model_name": "bert"}, "names no model of Depth Anything 3"),
    ],
)
def test_other_models_are_refused_by_the_plan(tmp_path: Path, facts: dict[str, Any], said: str) -> None:
    tiny.changed(tiny.depth_anything_3(tmp_path) / "config.json", **facts)
    assert said in (DepthAnything3(weights=str(tmp_path)).refuse(SPACE, None) or "")


def test_layers_that_the_encoder_does_not_have_are_named(tmp_path: Path) -> None:
    tiny.changed(tiny.depth_anything_3(tmp_path) / "config.json", config={"net": {"out_layers": [0, 1, 2, 23]}})
    with pytest.raises(
        BadWeights, match=r"the encoder has 4 blocks, and the head would read the blocks \(0, 1, 2, 23\)"
    ):
        DepthAnything3(weights=str(tmp_path)).try_out(SPACE, Hands())


def test_cameras_without_k_are_named() -> None:
    stage = DepthAnything3()
    rig = Rig(cameras=(RigCamera(name="a", intrinsics=False), RigCamera(name="b")))
    assert stage.refuse(SPACE, rig) is None
    blind = rig.model_copy(update={"cameras": rig.cameras[:1]})
    assert "no camera has a known K (a), and it makes metres by the focal length" in (stage.refuse(SPACE, blind) or "")
    log = facts_of(street()[0]).model_copy(update={"rig": rig})
    assert "a without a known K get no depth" in (stage.doubts(SPACE, log) or "")
