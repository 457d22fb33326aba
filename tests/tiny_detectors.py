"""Grounding DINO, SAM and SAM 2 in the hub's own format, with random weights and some ten thousand parameters."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers import (
    BertConfig,
    BertTokenizer,
    GroundingDinoConfig,
    GroundingDinoForObjectDetection,
    Sam2Config,
    Sam2HieraDetConfig,
    Sam2MaskDecoderConfig,
    Sam2Model,
    Sam2PromptEncoderConfig,
    Sam2VideoConfig,
    Sam2VideoModel,
    Sam2VisionConfig,
    SamConfig,
    SamMaskDecoderConfig,
    SamModel,
    SamPromptEncoderConfig,
    SamVisionConfig,
    SwinConfig,
)

from occlabel.stages.priors.segments.prompts import PRESETS

_NORMALISED = {
    "do_resize": True, "do_rescale": True, "do_normalize": True, "rescale_factor": 1 / 255, "resample": 2,
    "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
}  # fmt: skip


def grounding_dino(folder: Path, seed: int = 0) -> Path:
    """With the words of the preset prompts in its vocabulary; the ids of [CLS] [SEP] . ? are those of the real one,
    which its code knows by heart."""
    torch.manual_seed(seed)
    words = sorted({word for asked in PRESETS.values() for word in asked.text.replace(".", "").split()})
    vocabulary = [f"[unused{index}]" for index in range(1030)] + words
    for index, piece in {
        0: "[PAD]",
        100: "[UNK]",
        101: "[CLS]",
        102: "[SEP]",
        103: "[MASK]",
        1012: ".",
        1029: "?",
    }.items():
        vocabulary[index] = piece
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    stages: dict[str, Any] = {"out_indices": [2, 3, 4]}
    config = GroundingDinoConfig(
        backbone_config=SwinConfig(
            image_size=64, embed_dim=16, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2], window_size=4, **stages
        ),
        text_config=BertConfig(
            vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=32, max_position_embeddings=256,
        ),
        d_model=32, encoder_layers=1, decoder_layers=2, encoder_ffn_dim=32, decoder_ffn_dim=32,
        encoder_attention_heads=2, decoder_attention_heads=2, num_queries=20, disable_custom_kernels=True,
    )  # fmt: skip
    GroundingDinoForObjectDetection(config).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    _processor(folder, "GroundingDino", size={"shortest_edge": 64, "longest_edge": 128}, do_pad=True)
    return folder


def sam(folder: Path) -> Path:
    torch.manual_seed(0)
    config = SamConfig(
        vision_config=SamVisionConfig(
            hidden_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=64, patch_size=8, window_size=4,
            global_attn_indexes=[1], output_channels=16, num_pos_feats=8, mlp_dim=32,
        ).to_dict(),
        prompt_encoder_config=SamPromptEncoderConfig(
            hidden_size=16, image_size=64, patch_size=8, mask_input_channels=4
        ).to_dict(),
        mask_decoder_config=SamMaskDecoderConfig(
            hidden_size=16, mlp_dim=16, num_hidden_layers=2, num_attention_heads=2, iou_head_hidden_dim=16
        ).to_dict(),
    )  # fmt: skip
    SamModel(config).save_pretrained(folder)
    pads = {"pad_size": {"height": 64, "width": 64}, "do_pad": True}
    _processor(folder, "Sam", size={"longest_edge": 64}, **pads)
    return folder


def sam2(folder: Path) -> Path:
    torch.manual_seed(0)
    backbone = Sam2HieraDetConfig(
        image_size=[64, 64], hidden_size=16, num_attention_heads=1, blocks_per_stage=[1, 2, 2, 1],
        embed_dim_per_stage=[16, 32, 64, 128], num_attention_heads_per_stage=[1, 2, 4, 8],
        window_size_per_stage=[4, 2, 4, 2], global_attention_blocks=[4],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone.to_dict(), backbone_channel_list=[128, 64, 32, 16],
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]], fpn_hidden_size=32,
    )  # fmt: skip
    config = Sam2Config(
        vision_config=vision.to_dict(),
        prompt_encoder_config=Sam2PromptEncoderConfig(
            hidden_size=32, image_size=64, patch_size=16, mask_input_channels=4
        ).to_dict(),
        mask_decoder_config=Sam2MaskDecoderConfig(
            hidden_size=32, mlp_dim=32, num_hidden_layers=2, num_attention_heads=2, iou_head_hidden_dim=16
        ).to_dict(),
    )  # fmt: skip
    Sam2Model(config).save_pretrained(folder)
    return folder


def sam2_video(folder: Path) -> Path:
    """As SAM 2 is published: with its memory, under another type."""
    facts = json.loads((sam2(folder) / "config.json").read_text())
    parts = {name: facts[name] for name in ("vision_config", "prompt_encoder_config", "mask_decoder_config")}
    config = Sam2VideoConfig(
        **parts, image_size=64, memory_attention_hidden_size=32, memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32, memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=32, memory_encoder_output_channels=8, mask_downsampler_embed_dim=32,
        memory_fuser_embed_dim=32, memory_fuser_intermediate_dim=32, memory_fuser_num_layers=1,
    )  # fmt: skip
    Sam2VideoModel(config).save_pretrained(folder)
    return folder


SEGMENTERS: dict[str, Callable[[Path], Path]] = {"sam": sam, "sam2": sam2, "sam2_video": sam2_video}


def _processor(folder: Path, name: str, **facts: Any) -> None:
    told = _NORMALISED | facts | {"image_processor_type": f"{name}ImageProcessor"}
    (folder / "preprocessor_config.json").write_text(json.dumps(told))
