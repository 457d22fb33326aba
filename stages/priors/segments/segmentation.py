"""Segmentation networks of transformers: their input made of an image, and what they say of it read at its pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, inference, pretrained
from occlabel.stages.priors.segments import queries
from occlabel.stages.priors.segments.lattice import Lattice, Size, View
from occlabel.stages.priors.segments.overlaps import PixelSegments
from occlabel.stages.priors.segments.queries import Meaning
from occlabel.stages.priors.segments.slot import STRIDE

Task = Literal["panoptic", "semantic"]

BY_QUERY = {
    "mask2former": "Mask2FormerForUniversalSegmentation",
    "oneformer": "OneFormerForUniversalSegmentation",
    "eomt": "EomtForUniversalSegmentation",
}
"""Networks that say masks by query: ``model_type`` and class of transformers."""
BY_PIXEL = {"segformer": "SegformerForSemanticSegmentation"}
"""Networks that say scores by pixel."""


def labels_of(found: Checkpoint) -> dict[int, str]:
    """The labels that the network was trained with, by number. Raises BadWeights where config.json names none."""
    told = found.config.get("id2label")
    try:
        labels = {int(index): str(label) for index, label in dict(told or {}).items()}
    except (TypeError, ValueError):
        labels = {}
    if not labels:
        raise BadWeights(f"the config.json of {found.name} names no labels (id2label), so nobody knows what it says")
    return labels


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A checkpoint that was loaded, with what its input is made by."""

    name: str
    model_type: str
    model: Any
    processor: Any
    task: Any | None
    """Of OneFormer: what it is told to do, as tokens [1, n]."""

    def shown(self, image: NDArray[np.uint8]) -> tuple[Any, tuple[View, ...]]:
        """The network's input [n, 3, h, w], and how each of the n shows ``image`` [h, w, 3]."""
        # The task in words is asked for and made nothing of: the tokens are what counts.
        words = ({"task_inputs": ["panoptic"]},) if self.model_type == "oneformer" else ({},)
        made = self.processor(image, return_tensors="pt", input_data_format="channels_last", **words[0])
        pixels, size = made["pixel_values"], (image.shape[0], image.shape[1])
        height, width = pixels.shape[-2:]
        starts = [int(offset[1]) for offset in made.get("patch_offsets") or []]
        if starts:
            tall = size[0] > size[1]
            views = [View(self._scaled(size), (height, width), (s, 0) if tall else (0, s)) for s in starts]
            return pixels, tuple(views)
        if "pixel_mask" in made:
            mask = made["pixel_mask"][0]
            return pixels, (View((int(mask.any(1).sum()), int(mask.any(0).sum())), (height, width)),)
        padded = self.model_type == "eomt" and getattr(self.processor, "do_pad", False)
        return pixels, (View(self._scaled(size) if padded else (height, width), (height, width)),)

    def _scaled(self, image: Size) -> Size:
        """Of an input that keeps the shape of the image."""
        from transformers.image_transforms import get_size_with_aspect_ratio

        size = self.processor.size
        height, width = get_size_with_aspect_ratio(image, size["shortest_edge"], size["longest_edge"])
        return int(height), int(width)

    def says(self, pixels: Any, hands: Hands) -> Any:
        """The network's outputs for inputs [n, 3, h, w]."""
        told = {} if self.task is None else {"task_inputs": self.task.to(hands.device).expand(len(pixels), -1)}
        with inference(hands):
            return self.model(pixel_values=pixels.to(hands.device), **told)


def loaded(found: Checkpoint, task: Task, hands: Hands) -> Network:
    """Raises BadWeights when the checkpoint is damaged, incomplete or made for what cannot be done here."""
    import transformers

    model_type = found.config["model_type"]
    network = getattr(transformers, {**BY_QUERY, **BY_PIXEL}[model_type])
    model = pretrained(network.from_pretrained, found, hands)
    # OneFormer's processor asks the hub for the names of classes, which nothing here needs.
    instead = {"class_info_file": None} if model_type == "oneformer" else {}
    try:
        processor = transformers.AutoImageProcessor.from_pretrained(
            found.folder, local_files_only=True, backend="pil", **instead
        )
        tokens = _task_tokens(found, task) if model_type == "oneformer" else None
    except Exception as error:  # what transformers raises for texts that are missing or damaged is of many types
        raise BadWeights(f"{found.name}: what says how its input is made cannot be read: {error}") from error
    if getattr(processor, "do_center_crop", False):
        raise BadWeights(f"{found.name} looks at the middle of an image only, so that the sides would have no segments")
    if task == "panoptic" and getattr(processor, "do_split_image", False):
        raise BadWeights(
            f"{found.name} looks at an image in parts, across which objects cannot be put together; use kind: semantic"
        )
    return Network(found.name, model_type, model, processor, tokens)


def _task_tokens(found: Checkpoint, task: Task) -> Any:
    """``the task is panoptic`` as OneFormer is told it: ids, 0 behind the end [1, n]."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(found.folder, local_files_only=True)
    length = found.config.get("task_seq_len", 77)
    made = tokenizer(
        [f"the task is {task}"], padding="max_length", max_length=length, truncation=True, return_tensors="pt"
    )
    return made["input_ids"] * made["attention_mask"]


def segments_of(
    network: Network, task: Task, meaning: Meaning, threshold: float, hands: Hands, images: Sequence[NDArray[np.uint8]]
) -> list[PixelSegments]:
    """The segments of ``images`` [h, w, 3]; those whose input is of one size are looked at at once."""
    import torch

    shown = [network.shown(image) for image in images]
    together = len({pixels.shape[-2:] for pixels, _ in shown}) == 1
    if not together and len(images) > 1:
        alone = partial(segments_of, network, task, meaning, threshold, hands)
        return [segments for image in images for segments in alone([image])]
    said = network.says(torch.cat([pixels for pixels, _ in shown]), hands)
    result, first = [], 0
    for image, (_, views) in zip(images, shown, strict=True):
        lattice = Lattice((image.shape[0], image.shape[1]), STRIDE)
        rows = range(first, first + len(views))
        first += len(views)
        if task == "panoptic":
            read = partial(lattice.read, view=views[0])
            classes, masks = said.class_queries_logits[rows[0]], said.masks_queries_logits[rows[0]]
            result.append(queries.panoptic(classes, masks, read, threshold, meaning))
        else:
            result.append(queries.semantic(_labels(network, said, rows, views, lattice), meaning))
    return result


def _labels(network: Network, said: Any, rows: range, views: Sequence[View], lattice: Lattice) -> Any:
    """[labels, v, u]: how much each label speaks for a pixel, the mean of the views that show it."""
    total: Any = 0
    count: Any = 0
    for row, view in zip(rows, views, strict=True):
        if network.model_type in BY_QUERY:
            masks = lattice.read(said.masks_queries_logits[row], view)
            labels = queries.by_pixel(said.class_queries_logits[row], masks)
        else:
            labels = lattice.read(said.logits[row], view).softmax(dim=0)
        inside = lattice.inside(view, labels.device)
        total, count = total + labels * inside, count + inside
    return total / count
