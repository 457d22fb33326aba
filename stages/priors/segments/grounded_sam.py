"""The kind ``grounded_sam``: Grounding DINO finds boxes of what phrases name, SAM or SAM 2 what in them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import util
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Process, Resources, Sensor
from occlabel.stages.priors.segments.detection import loaded_detector
from occlabel.stages.priors.segments.overlaps import PixelSegments, Segment, flattened
from occlabel.stages.priors.segments.prompted import MODELS, loaded_segmenter
from occlabel.stages.priors.segments.prompts import Prompts, prompts_for
from occlabel.stages.priors.segments.slot import STRIDE, Find, Image, Segments, clip_bytes, image_of, over_images
from occlabel.stages.priors.weights import Checkpoint, Weights, checkpoint, refuse_other_model, restriction


class GroundedSam(Segments):
    """Classes and objects of whatever can be named: no network was trained with the recipe's taxonomy, phrases ask for
    its classes. A pixel in several masks is of the box with the highest score."""

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False

    kind: Literal["grounded_sam"] = "grounded_sam"
    detector: Weights
    """Grounding DINO on the Hugging Face hub, such as ``IDEA-Research/grounding-dino-base``, or a folder in the same
    format. It must be on this machine already: nothing is downloaded."""
    detector_revision: str | None = None
    """Commit, tag or branch of the detector on the hub. [default: main]"""
    segmenter: Weights
    """SAM or SAM 2 likewise, such as ``facebook/sam2.1-hiera-large``."""
    segmenter_revision: str | None = None
    """Commit, tag or branch of the segmenter on the hub. [default: main]"""
    prompts: Prompts | None = None
    """What is asked for. [default: phrases for the classes of the recipe's taxonomy, where it is a preset]"""
    box_threshold: float = Field(default=0.3, gt=0, le=1)
    """Boxes with a lower score are left out (ViPOcc uses 0.3)."""
    text_threshold: float = Field(default=0.25, gt=0, le=1)
    """Words of the prompt with a lower score do not count for what a box is (ViPOcc uses 0.25)."""
    batch: int = Field(default=8, ge=1)
    """Images in which boxes are looked for at once on a GPU."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return tuple(path for found in self._checkpoints() for path in found.files)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the weights, read and held; features and masks of one image; the arrays."""
        memory = (5 << 30) + 2 * sum(found.nbytes for found in self._checkpoints())
        return Resources(gpus=1.0, memory=memory + clip_bytes(space, rig, clip_frames))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        if util.find_spec("transformers") is None:
            return "it needs transformers; install it with pip install occlabel[vfm]"
        try:
            self._checkpoints()
            prompts_for(self.prompts, space.taxonomy).class_ids(space.taxonomy)
        except (BadRecipe, BadWeights) as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        named = ((self.detector, self.detector_revision), (self.segmenter, self.segmenter_revision))
        return "; ".join(said for weights in named if (said := restriction(*weights)) is not None) or None

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        self._find(space, hands)([np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)])

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        at_once = self.batch if hands.device == "cuda" else 1
        return over_images(image_of, self._find(space, hands), space, rig, at_once)

    def _find(self, space: LabelSpace, hands: Hands) -> Find[Image]:
        asked = prompts_for(self.prompts, space.taxonomy)
        detecting, segmenting = self._checkpoints()
        detector = loaded_detector(detecting, asked, asked.class_ids(space.taxonomy), hands)
        segmenter = loaded_segmenter(segmenting, hands)

        def find(images: Sequence[Image]) -> list[PixelSegments]:
            result = []
            found = detector.boxes(images, self.box_threshold, self.text_threshold, hands)
            for image, boxes in zip(images, found, strict=True):
                masks = segmenter.masks(image, boxes.corners, hands)
                named = zip(masks, boxes.class_ids, boxes.scores, strict=True)
                shape = (-(-image.shape[0] // STRIDE), -(-image.shape[1] // STRIDE))
                result.append(flattened([Segment(*segment) for segment in named], shape, space.taxonomy))
            return result

        return find

    def _checkpoints(self) -> tuple[Checkpoint, Checkpoint]:
        """Detector and segmenter. Raises BadWeights."""
        detector = checkpoint(self.detector, self.detector_revision)
        refuse_other_model(detector, "grounding-dino")
        segmenter = checkpoint(self.segmenter, self.segmenter_revision)
        refuse_other_model(segmenter, *MODELS)
        return detector, segmenter
