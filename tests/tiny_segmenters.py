"""Segmentation networks in the hub's own format, with random weights and some ten thousand parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CLIPTokenizer,
    EomtConfig,
    EomtForUniversalSegmentation,
    Mask2FormerConfig,
    Mask2FormerForUniversalSegmentation,
    OneFormerConfig,
    OneFormerForUniversalSegmentation,
    SegformerConfig,
    SegformerForSemanticSegmentation,
    SwinConfig,
)

CITYSCAPES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
LABELS: dict[str, Any] = {"id2label": dict(enumerate(CITYSCAPES)), "label2id": {n: i for i, n in enumerate(CITYSCAPES)}}
_NORMALISED = {
    "do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255, "resample": 2,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip
_SWIN: dict[str, Any] = {
    "image_size": 64, "embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 1, 2, 2], "window_size": 4,
    "out_features": ["stage1", "stage2", "stage3", "stage4"],
}  # fmt: skip


def mask2former(folder: Path) -> Path:
    torch.manual_seed(0)
    config = Mask2FormerConfig(
        backbone_config=SwinConfig(**_SWIN), feature_size=32, mask_feature_size=32, hidden_dim=32,
        encoder_feedforward_dim=16, dim_feedforward=16, encoder_layers=1, decoder_layers=2, num_attention_heads=2,
        num_queries=12, **LABELS,
    )  # fmt: skip
    model = Mask2FormerForUniversalSegmentation(config)
    _sure(model.class_predictor)
    return _saved(model, folder, "Mask2Former", size={"shortest_edge": 64, "longest_edge": 128}, size_divisor=32)


def oneformer(folder: Path) -> Path:
    """Its processor names a file of classes on the hub, as the published ones do."""
    torch.manual_seed(0)
    config = OneFormerConfig(
        backbone_config=SwinConfig(**_SWIN), conv_dim=32, mask_dim=32, hidden_dim=32,
        encoder_feedforward_dim=16, dim_feedforward=16, encoder_layers=1, decoder_layers=2, num_attention_heads=2,
        num_queries=12, text_encoder_width=16, text_encoder_num_layers=1, text_encoder_vocab_size=40,
        query_dec_layers=1, **LABELS,
    )  # fmt: skip
    model = OneFormerForUniversalSegmentation(config)
    _sure(model.model.transformer_module.decoder.class_embed)
    facts = {"class_info_file": "cityscapes_panoptic.json", "repo_path": "shi-labs/oneformer_demo"}
    _saved(model, folder, "OneFormer", size={"shortest_edge": 64, "longest_edge": 128}, num_text=4, **facts)
    letters = sorted(set("the task is panoptic semantic instance") - {" "})
    pieces = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({piece: index for index, piece in enumerate(pieces)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt")).save_pretrained(folder)
    return folder


def eomt(folder: Path, parts: bool = False) -> Path:
    """``parts``: as those for Cityscapes, which look at an image in parts."""
    torch.manual_seed(0)
    config = EomtConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, image_size=64, patch_size=8, mlp_ratio=2,
        num_blocks=1, num_queries=12, num_register_tokens=1, num_upscale_blocks=1, **LABELS,
    )  # fmt: skip
    model = EomtForUniversalSegmentation(config)
    _sure(model.class_predictor)
    whole = {"size": {"shortest_edge": 64, "longest_edge": 64}, "do_pad": True, "do_split_image": False}
    split = {"size": {"shortest_edge": 64, "longest_edge": None}, "do_pad": False, "do_split_image": True}
    return _saved(model, folder, "Eomt", **(split if parts else whole))


def eomt_in_parts(folder: Path) -> Path:
    return eomt(folder, parts=True)


def segformer(folder: Path) -> Path:
    torch.manual_seed(0)
    config = SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[8, 8, 16, 16], num_attention_heads=[1, 1, 2, 2], decoder_hidden_size=16,
        **LABELS,
    )  # fmt: skip
    model = SegformerForSemanticSegmentation(config)
    _sure(model.decode_head.classifier)
    return _saved(model, folder, "Segformer", size={"height": 64, "width": 96})


EVERY: dict[str, Callable[[Path], Path]] = {
    "mask2former": mask2former,
    "oneformer": oneformer,
    "eomt": eomt,
    "eomt_in_parts": eomt_in_parts,
    "segformer": segformer,
}


def _sure(classifier: Any) -> None:
    """Random weights leave all classes alike; scaled up, they decide."""
    torch.nn.init.normal_(classifier.weight, 0.0, 8.0)


def _saved(model: Any, folder: Path, processor: str, **facts: Any) -> Path:
    model.save_pretrained(folder)
    told = _NORMALISED | facts | {"image_processor_type": f"{processor}ImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
    return folder
