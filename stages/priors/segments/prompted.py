"""SAM and SAM 2: masks of what is in given boxes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, inference, pretrained
from occlabel.stages.priors.segments.lattice import Lattice, View
from occlabel.stages.priors.segments.slot import STRIDE, Image

MODELS = {"sam": "SamModel", "sam2": "Sam2Model", "sam2_video": "Sam2Model"}
"""By ``model_type``: the class of transformers. SAM 2 is published with its memory for videos, which is left out."""
_AT_ONCE = 32
"""Boxes that are asked for together."""
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of ImageNet, red, green, blue 0..1: SAM and SAM 2 were trained with pixels that are normalised by them."""


@dataclass(frozen=True, slots=True, eq=False)
class Segmenter:
    """A checkpoint that was loaded."""

    model: Any
    keeps_shape: bool
    """SAM sees an image as long as its input, padded; SAM 2 sees it stretched to a square."""

    @property
    def side(self) -> int:
        """Of the input, a square [pixels]."""
        return int(self.model.config.prompt_encoder_config.image_size)

    def view(self, height: int, width: int) -> View:
        """How the input shows an image of this size."""
        side, longer = self.side, max(height, width)
        scaled = (side, side)
        if self.keeps_shape:
            scaled = (int(height * side / longer + 0.5), int(width * side / longer + 0.5))
        return View(scaled, (side, side))

    def input(self, image: Image) -> NDArray[np.float32]:
        """[3, side, side]: resized, normalised, and padded with 0."""
        from PIL import Image as Pillow

        height, width = self.view(image.shape[0], image.shape[1]).scaled
        small = np.asarray(Pillow.fromarray(image).resize((width, height), Pillow.Resampling.BILINEAR))
        result = np.zeros((3, self.side, self.side), np.float32)
        normalised = (small / np.float32(255) - np.array(_MEAN, np.float32)) / np.array(_DEVIATION, np.float32)
        result[:, :height, :width] = normalised.transpose(2, 0, 1)
        return result

    def masks(self, image: Image, corners: NDArray[np.float32], hands: Hands) -> Iterator[NDArray[np.bool_]]:
        """For each box [n, 4] (left, top, right, bottom [pixels of the image]) the one mask [v, u] that the model takes
        for what is meant: at the pixels that the arrays hold, inside where its logit is above 0."""
        import torch

        if not len(corners):
            return
        height, width = image.shape[:2]
        view, lattice = self.view(height, width), Lattice((height, width), STRIDE)
        across = np.array([view.scaled[1] / width, view.scaled[0] / height] * 2, np.float32)
        boxes = torch.from_numpy(corners * across)[None].to(hands.device)
        with inference(hands):
            seen = self.model.get_image_embeddings(torch.from_numpy(self.input(image))[None].to(hands.device))
            for part in boxes.split(_AT_ONCE, dim=1):
                said = self.model(image_embeddings=seen, input_boxes=part, multimask_output=False)
                for logits in said.pred_masks[0, :, 0]:
                    yield (lattice.read(logits, view) > 0).cpu().numpy()


def loaded_segmenter(found: Checkpoint, hands: Hands) -> Segmenter:
    """Raises BadWeights for a checkpoint that is damaged or incomplete."""
    import transformers

    model_type = found.config["model_type"]
    load = getattr(transformers, MODELS[model_type]).from_pretrained
    if model_type == "sam2_video":
        load = partial(_without_memory, found.config)
    segmenter = Segmenter(pretrained(load, found, hands), model_type == "sam")
    if segmenter.side < 1:
        raise BadWeights(f"{found.name} says that its input has {segmenter.side} pixels; its config.json is wrong")
    return segmenter


def _without_memory(told: dict[str, Any], folder: Path, **options: Any) -> Any:
    """SAM 2 of a checkpoint for videos, whose config.json says ``told``; what it would remember by is passed over."""
    import transformers

    parts = ("vision_config", "prompt_encoder_config", "mask_decoder_config")
    config = transformers.Sam2Config(**{name: told[name] for name in parts if name in told})
    return transformers.Sam2Model.from_pretrained(folder, config=config, **options)
