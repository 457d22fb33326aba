"""Checkpoints of foundation models in the hub's own format, with random weights and a few thousand parameters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config


def depth_anything(folder: Path, estimates: Literal["relative", "metric"] = "relative", seed: int = 0) -> Path:
    """Writes a Depth Anything V2 of 0.1M parameters that takes images of 518 pixels' height, and returns its folder."""
    torch.manual_seed(seed)
    stages: dict[str, Any] = {"out_indices": [1, 2, 3, 4], "apply_layernorm": True, "reshape_hidden_states": False}
    backbone = Dinov2Config(
        image_size=70, patch_size=14, hidden_size=32, num_hidden_layers=4, num_attention_heads=2, **stages
    )
    config = DepthAnythingConfig(
        backbone_config=backbone, reassemble_hidden_size=32, neck_hidden_sizes=[8, 12, 16, 16], fusion_hidden_size=16,
        head_hidden_size=8, depth_estimation_type=estimates, max_depth=80 if estimates == "metric" else 1,
    )  # fmt: skip
    model = DepthAnythingForDepthEstimation(config)
    for part in (*model.neck.modules(), *model.head.modules()):
        if isinstance(part, torch.nn.Conv2d):  # so that the picture, not the bias, decides what it says
            torch.nn.init.kaiming_normal_(part.weight)
    model.save_pretrained(folder)
    return folder


def cached(cache: Path, name: str, commit: str = "0" * 39 + "1") -> Path:
    """Where the hub's client would lay a model's files in its ``cache``, named by its branch ``main``."""
    place = cache / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True, exist_ok=True)
    (place / "refs/main").write_text(commit)
    return place / "snapshots" / commit


def changed(path: Path, **facts: Any) -> None:
    """Changes entries of a JSON file."""
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))
