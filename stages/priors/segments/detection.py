"""Grounding DINO: boxes of what a prompt names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, inference, pretrained
from occlabel.stages.priors.segments.prompts import Prompts, meant_class
from occlabel.stages.priors.segments.slot import Image


@dataclass(frozen=True, slots=True, eq=False)
class Boxes:
    """What was found in an image, in the detector's order."""

    corners: NDArray[np.float32]
    """[n, 4]: left, top, right, bottom [pixels of the image]."""
    class_ids: tuple[int, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """A checkpoint that was loaded, and what it is asked."""

    model: Any
    processor: Any
    tokens: dict[str, Any]
    """The prompt [1, n]."""
    class_ids: dict[str, int]
    """By phrase."""

    def boxes(self, images: Sequence[Image], box: float, text: float, hands: Hands) -> list[Boxes]:
        """Those with a score above ``box``, of the class whose words have one above ``text``; a box none of whose words
        does is left out. Images of one size are looked at at once."""
        if len({image.shape for image in images}) > 1:
            return [found for image in images for found in self.boxes([image], box, text, hands)]
        made = self.processor.image_processor(list(images), return_tensors="pt", input_data_format="channels_last")
        asked = {name: ids.to(hands.device).expand(len(images), -1) for name, ids in self.tokens.items()}
        with inference(hands):
            said = self.model(**{name: part.to(hands.device) for name, part in made.items()}, **asked)
        found = self.processor.post_process_grounded_object_detection(
            said, asked["input_ids"], threshold=box, text_threshold=text, target_sizes=[i.shape[:2] for i in images]
        )
        return [self._named(one, image.shape[1], image.shape[0]) for one, image in zip(found, images, strict=True)]

    def _named(self, found: dict[str, Any], width: int, height: int) -> Boxes:
        means = [meant_class(label, self.class_ids) for label in found["text_labels"]]
        kept = [index for index, class_id in enumerate(means) if class_id is not None]
        corners = found["boxes"].float().cpu().numpy().reshape(-1, 4)[kept]
        corners = np.clip(corners, 0, np.array([width, height, width, height], np.float32))
        scores = found["scores"].float().cpu().tolist()
        return Boxes(
            corners, tuple(means[index] or 0 for index in kept), tuple(min(1.0, scores[index]) for index in kept)
        )


def loaded_detector(found: Checkpoint, prompts: Prompts, class_ids: dict[str, int], hands: Hands) -> Detector:
    """Raises BadWeights for a checkpoint that cannot be used, BadRecipe for a prompt longer than it reads."""
    import transformers

    model = pretrained(transformers.GroundingDinoForObjectDetection.from_pretrained, found, hands)
    try:
        processor = transformers.GroundingDinoProcessor(
            transformers.AutoImageProcessor.from_pretrained(found.folder, local_files_only=True, backend="pil"),
            transformers.AutoTokenizer.from_pretrained(found.folder, local_files_only=True),
        )
        tokens = processor.tokenizer([prompts.text], return_tensors="pt", return_token_type_ids=True)
    except Exception as error:  # what transformers raises for texts that are missing or damaged is of many types
        raise BadWeights(f"{found.name}: what says how its input is made cannot be read: {error}") from error
    length, most = tokens["input_ids"].shape[1], model.config.max_text_len
    if length > most:
        raise BadRecipe(f"the prompt has {length} tokens, and {found.name} reads {most}; ask for fewer phrases")
    return Detector(model, processor, dict(tokens), class_ids)
