"""The kind ``grounded_sam``: Grounding DINO finds boxes of what phrases name, SAM or SAM 2 what in them is meant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

from pydantic import Field

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, Weights, checkpoint, refuse_other_model
from occlabel.stages.priors.segments.detection import loaded_detector
from occlabel.stages.priors.segments.learned import LearnedSegments
from occlabel.stages.priors.segments.overlaps import PixelSegments, Segment, flattened
from occlabel.stages.priors.segments.prompted import MODELS, loaded_segmenter
from occlabel.stages.priors.segments.prompts import Prompts, prompts_for
from occlabel.stages.priors.segments.slot import STRIDE, Find, Image


class GroundedSam(LearnedSegments):
    """Classes and objects of whatever can be named: no network was trained with the recipe's taxonomy, phrases ask for
    its classes. A pixel in several masks is of the box with the highest score."""

    working_bytes: ClassVar[int] = 5 << 30

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

    @property
    def _named(self) -> tuple[tuple[str, str | None], ...]:
        return (self.detector, self.detector_revision), (self.segmenter, self.segmenter_revision)

    def _refuse_other_classes(self, space: LabelSpace) -> None:
        prompts_for(self.prompts, space.taxonomy).class_ids(space.taxonomy)

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
