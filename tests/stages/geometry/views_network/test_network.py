"""Depth Anything 3's network of many views against the official one, and its weight files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_views as tiny
import torch
from safetensors.torch import load_file

from occlabel.schemas.errors import BadPredictions, BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.geometry.views_network.cameras import decoded
from occlabel.stages.geometry.views_network.looking import estimate_with
from occlabel.stages.geometry.views_network.weight_file import loaded_network, refuse_other_model
from occlabel.stages.learning.foundation import checkpoint

IMAGES = torch.from_numpy(np.random.default_rng(0).standard_normal((4, 3, 42, 70)).astype(np.float32))
PICTURES = list(np.random.default_rng(0).integers(0, 256, (2, 48, 80, 3)).astype(np.uint8))


def test_the_network_is_the_official_one() -> None:
    """What depth-anything-3 0.1.1 says of four views with the same weights, the first of them its reference: its
    backbone with 6 blocks of 128 numbers, alternating from the third on, its DualDPT with 16 features of 8, 12, 16 and
    16 channels, its CameraDec."""
    with torch.inference_mode():
        seen, cameras = tiny.network()(IMAGES)
    assert cameras is not None
    depth = [
        [0.8509738, 0.3735073, 0.4588885, 0.5854020],
        [0.2716032, 0.0416869, 0.0791977, 0.0937131],
        [0.2844341, 0.0441216, 0.0572588, 0.0741617],
    ]
    confidence = [
        [4.5110617, 5.8528447, 5.9200325, 5.9665160],
        [14.843109, 12.345407, 13.009256, 12.393410],
        [13.865293, 12.303091, 12.572268, 11.266068],
    ]
    rays = [
        [0.0296110, 0.0199768, 1.0237423, -0.6398463, -0.6199884, 0.8968049],
        [-0.3340806, 0.3315271, 0.9145229, -0.5386319, -0.3106143, 0.4507020],
        [0.1466365, 0.5298187, 1.0195421, 0.0367651, -0.0520774, 0.5726637],
    ]
    said = [
        [1.0128069, -0.6203360, -1.2755380, -0.8632106, 1.3269036, 0.6475127, 0.5531616, 0.2127283, 0.0],
        [1.0541205, -0.6296424, -1.3362635, -0.8619545, 1.3841525, 0.6095523, 0.6044918, 0.2551702, 0.0],
    ]
    np.testing.assert_allclose(seen.depth[1, ::14, ::20], depth, rtol=1e-4)
    np.testing.assert_allclose(seen.confidence[2, ::14, ::20], confidence, rtol=1e-4)
    np.testing.assert_allclose(seen.rays[3, ::9, ::15].reshape(-1, 6)[[0, 2, 8]], rays, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(seen.ray_confidence[1, ::8, 0], [1.6853751, 1.6401234, 1.6750600], rtol=1e-4)
    np.testing.assert_allclose(cameras[::2], said, rtol=1e-4, atol=1e-5)
    means = [float(part.mean()) for part in (seen.depth, seen.confidence, seen.rays.abs(), seen.ray_confidence)]
    assert means == pytest.approx([0.14343058, 11.295695, 0.42647862, 1.6970273], rel=1e-4)
    poses, intrinsics = decoded(cameras.numpy(), (42, 70))
    third_from_first = [
        [-0.3472095, -0.4856618, -0.8022333, -1.0117878],
        [-0.9196904, 0.3435910, 0.1900395, 1.4397469],
        [0.1833452, 0.8037897, -0.5659565, -0.4434349],
    ]
    np.testing.assert_allclose(np.linalg.inv(poses[2])[:3], third_from_first, rtol=1e-4, atol=1e-5)
    assert intrinsics[0, 1, 1] == pytest.approx(196.6898, rel=1e-4)


def test_views_see_each_other_and_their_order_but_for_the_first_means_nothing() -> None:
    network = tiny.network()
    with torch.inference_mode():
        seen, _ = network(IMAGES)
        alone, _ = network(IMAGES[:1])
        other, _ = network(IMAGES[[0, 3, 1, 2]])
    assert float((seen.depth[0] / alone.depth[0] - 1).abs().max()) > 1e-3
    torch.testing.assert_close(other.depth, seen.depth[[0, 3, 1, 2]])


def test_the_norm_that_all_levels_share_is_read_by_the_name_of_the_first(tmp_path: Path) -> None:
    folder = tiny.written(tiny.network(), tmp_path)
    assert "model.head.scratch.output_conv2_aux.3.2.weight" not in load_file(folder / "model.safetensors")
    loaded = loaded_network(checkpoint(str(folder)), Hands(), decodes=True)
    for name, tensor in tiny.network().state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)


DECODER = "model.cam_dec.fc_t.bias"


@pytest.mark.parametrize(
    ("name", "to", "said"),
    [
        (DECODER, None, rf"the weights of da3-small: 1 tensors are missing .* the first is {DECODER}"),
        (DECODER, torch.zeros(2), rf"the weights of da3-small: 1 tensors are missing .* the first is {DECODER}"),
        (DECODER, torch.tensor([torch.nan, 0, 0]), "holds NaN or infinity"),
        ("model.backbone.pretrained.cls_token", None, "is not a Depth Anything 3 that can be loaded"),
    ],
)
def test_weights_that_are_damaged_are_named(tmp_path: Path, name: str, to: torch.Tensor | None, said: str) -> None:
    folder = tiny.changed(tiny.written(tiny.network(), tmp_path), name, to)
    with pytest.raises(BadWeights, match=said):
        loaded_network(checkpoint(str(folder)), Hands(), decodes=True)


def test_rays_need_no_decoder(tmp_path: Path) -> None:
    folder = tiny.written(tiny.network(decodes=False), tmp_path, "da3-large")
    estimate = estimate_with(loaded_network(checkpoint(str(folder)), Hands(), decodes=False), 70, Hands(), "it")
    assert estimate(PICTURES).depth.shape == (2, 42, 70)
    with pytest.raises(BadWeights, match=r"the weights of da3-large: 10 tensors are missing"):
        loaded_network(checkpoint(str(folder)), Hands(), decodes=True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("da3metric-large", "is da3metric-large, and poses are found with DA3-SMALL, DA3-BASE or DA3-LARGE"),
        ("da3-giant", "is da3-giant, and poses are found with"),
        ("bert", "names no model of Depth Anything 3"),
    ],
)
def test_other_models_are_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(BadWeights, match=said):
        refuse_other_model(checkpoint(str(tiny.written(tiny.network(), tmp_path, name))))


@pytest.mark.parametrize(
    ("net", "said"),
    [
        ({"out_layers": [2, 3, 4, 5], **tiny.STARTS, "rope_start": 3}, "views see each other from block 2 on by its"),
        ({"out_layers": [2, 3, 4, 11]}, r"the encoder has 6 blocks, and the head would read the blocks \(2, 3, 4, 11"),
        ({}, r"the encoder has 6 blocks, and the head would read the blocks \(\)"),
    ],
)
def test_a_configuration_of_other_weights_is_refused(tmp_path: Path, net: dict[str, Any], said: str) -> None:
    folder = tiny.configured(tiny.written(tiny.network(), tmp_path), net)
    with pytest.raises(BadWeights, match=said):
        loaded_network(checkpoint(str(folder)), Hands(), decodes=True)


def test_what_is_infinite_is_said(tmp_path: Path) -> None:
    network: Any = tiny.network()
    with torch.no_grad():
        network.head.scratch["output_conv2"][2].bias.fill_(1e4)
    with pytest.raises(BadPredictions, match="it says NaN or infinity of an image"):
        estimate_with(network, 70, Hands(), "it")(PICTURES)
