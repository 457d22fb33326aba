"""Checkpoints of foundation models in the hub's own format, with random weights and a few thousand parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors.torch import save_file
from transformers import (
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    PromptDepthAnythingConfig,
    PromptDepthAnythingForDepthEstimation,
)

from occlabel.stages.learning.dinov2 import Sizes
from occlabel.stages.learning.dpt import HeadSizes
from occlabel.stages.priors.depth.depth_anything_3_network import Metric
from occlabel.stages.priors.depth.moge_network import MogeNetwork


def depth_anything(folder: Path, estimates: Literal["relative", "metric"] = "relative", seed: int = 0) -> Path:
    """Writes a Depth Anything V2 of 0.1M parameters that takes images of 518 pixels' height, and returns its folder."""
    torch.manual_seed(seed)
    config = DepthAnythingConfig(
        backbone_config=_backbone(), reassemble_hidden_size=32, neck_hidden_sizes=[8, 12, 16, 16],
        fusion_hidden_size=16, head_hidden_size=8, depth_estimation_type=estimates,
        max_depth=80 if estimates == "metric" else 1,
    )  # fmt: skip
    model = DepthAnythingForDepthEstimation(config)
    _by_the_picture(model)
    model.save_pretrained(folder)
    return folder


def prompt_depth_anything(folder: Path, seed: int = 0) -> Path:
    """Writes a Prompt Depth Anything of 0.1M parameters, and returns its folder."""
    torch.manual_seed(seed)
    config = PromptDepthAnythingConfig(
        backbone_config=_backbone(), reassemble_hidden_size=32, neck_hidden_sizes=[8, 12, 16, 16],
        fusion_hidden_size=16, head_hidden_size=8,
    )  # fmt: skip
    model = PromptDepthAnythingForDepthEstimation(config)
    _by_the_picture(model)
    model.save_pretrained(folder)
    return folder


def depth_anything_3(folder: Path, seed: int = 0) -> Path:
    """Writes a metric Depth Anything 3 of 0.3M parameters, named as the official one names its tensors, and returns its
    folder."""
    torch.manual_seed(seed)
    network = Metric(Sizes(64, 4, 1), (0, 1, 2, 3), HeadSizes((8, 12, 16, 16), 16))
    for part in network.head.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d):  # so that the picture decides what it says
            torch.nn.init.kaiming_normal_(part.weight)
    head: Any = network.head.scratch
    with torch.no_grad():
        head["output_conv2"][2].weight.mul_(0.3)
        head["output_conv2"][2].bias.fill_(3.0)
        head["sky_output_conv2"][2].bias.fill_(0.3)
    folder.mkdir(parents=True, exist_ok=True)
    save_file({f"model.{name}": one for name, one in network.state_dict().items()}, folder / "model.safetensors")
    facts = {"model_name": "da3metric-large", "config": {"net": {"out_layers": [0, 1, 2, 3]}}}
    (folder / "config.json").write_text(json.dumps(facts))
    return folder


def _backbone() -> Dinov2Config:
    stages: dict[str, Any] = {"out_indices": [1, 2, 3, 4], "apply_layernorm": True, "reshape_hidden_states": False}
    return Dinov2Config(
        image_size=70, patch_size=14, hidden_size=32, num_hidden_layers=4, num_attention_heads=2, **stages
    )


def _by_the_picture(model: Any) -> None:
    """Makes the picture, not the bias, decide what an untrained network says."""
    for part in (*model.neck.modules(), *model.head.modules()):
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.kaiming_normal_(part.weight)


def cached(cache: Path, name: str, commit: str = "0" * 39 + "1") -> Path:
    """Where the hub's client would lay a model's files in its ``cache``, named by its branch ``main``."""
    place = cache / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True, exist_ok=True)
    (place / "refs/main").write_text(commit)
    return place / "snapshots" / commit


def changed(path: Path, **facts: Any) -> None:
    """Changes entries of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


def moge2_config() -> dict[str, Any]:
    """``model_config`` of a MoGe-2 as the released ones are, but small."""
    inner, ways = [16, 8, 8, 4, 4], ["conv_transpose", "conv_transpose", "conv_transpose", "bilinear"]
    plain = {"res_block_in_norm": "none", "res_block_hidden_norm": "none", "resamplers": ways, "dim_res_blocks": inner}

    def head(said: int) -> dict[str, Any]:
        return {"dim_in": inner, "dim_out": [None] * 4 + [said], "num_res_blocks": [0, 1, 1, 1, 0], **plain}

    neck = {"dim_in": [18, 2, 2, 2, 2], "dim_out": None, "num_res_blocks": [0, 1, 1, 1, 0], **plain}
    encoder = {"backbone": "dinov2_vits14", "intermediate_layers": [0, 1], "dim_out": 16}
    return {
        "encoder": encoder, "neck": neck, "points_head": head(3), "mask_head": head(1), "normal_head": head(3),
        "scale_head": {"dims": [64, 8, 1]}, "remap_output": "exp", "num_tokens_range": [12, 24],
    }  # fmt: skip


def moge2(folder: Path, official: bool = True, seed: int = 0) -> Path:
    """Writes a MoGe-2 of 0.2M parameters, ``official``: as ``model.pt``; and returns its folder."""
    torch.manual_seed(seed)
    config = moge2_config()
    network = MogeNetwork(config, Sizes(width=64, depth=2, heads=1))
    for part in network.modules():
        if isinstance(part, torch.nn.Conv2d | torch.nn.ConvTranspose2d):  # so that the picture decides what it says
            torch.nn.init.kaiming_normal_(part.weight)
    _look_ahead(network)
    folder.mkdir(parents=True, exist_ok=True)
    if official:
        torch.save({"model_config": config, "model": network.state_dict()}, folder / "model.pt")
    else:
        (folder / "config.json").write_text(json.dumps({"model_config": config}))
        save_file(network.state_dict(), folder / "model.safetensors")
    return folder


@torch.no_grad()
def _look_ahead(network: Any) -> None:
    """Makes the points lie near the rays of their pixels, as those of a trained network do, and most of the mask on."""
    for part in (network.neck, network.points_head):
        part.resamplers[3][1].weight.mul_(0.05)
        part.input_blocks[4].weight[:2] = torch.eye(2, part.input_blocks[4].in_channels)[:, :, None, None]
    last = network.points_head.output_blocks[4]
    last.weight[:2] = torch.eye(2, last.in_channels)[:, :, None, None]
    last.weight[2] *= 0.3
    last.bias[:] = torch.tensor([0.0, 0.0, 2.0])
    network.mask_head.output_blocks[4].weight.mul_(0.1)
    network.mask_head.output_blocks[4].bias.fill_(1.0)
