"""The kinds ``panoptic`` and ``semantic``: segmentation networks of transformers, as road scenes are seen with."""

from __future__ import annotations

from functools import partial
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
from occlabel.stages.priors.segments.class_tables import ClassTable, class_table
from occlabel.stages.priors.segments.queries import Meaning
from occlabel.stages.priors.segments.segmentation import (
    BY_PIXEL,
    BY_QUERY,
    Network,
    Task,
    labels_of,
    loaded,
    segments_of,
)
from occlabel.stages.priors.segments.slot import Find, Image, Segments, clip_bytes, image_of, over_images
from occlabel.stages.priors.weights import Checkpoint, Weights, checkpoint, refuse_other_model, restriction


class _Networks(Segments):
    """What both kinds have in common."""

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False
    task: ClassVar[Task]
    model_types: ClassVar[tuple[str, ...]]

    weights: Weights
    """A model on the Hugging Face hub, such as ``facebook/mask2former-swin-large-cityscapes-panoptic``, or a folder in
    the same format. It must be on this machine already: nothing is downloaded."""
    revision: str | None = None
    """Commit, tag or branch of the model on the hub. [default: main]"""
    classes: str | ClassTable
    """What its labels mean: ``cityscapes``, ``mapillary_vistas`` or ``ade20k``, for a model trained with that data set,
    or a table of your own (``labels: {car: car, sky: null}``)."""
    batch: int = Field(default=8, ge=1)
    """Images that are looked at at once on a GPU."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return checkpoint(self.weights, self.revision).files

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the weights, read and held; features and masks of one image; the arrays."""
        memory = (4 << 30) + 2 * checkpoint(self.weights, self.revision).nbytes
        return Resources(gpus=1.0, memory=memory + clip_bytes(space, rig, clip_frames))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        if util.find_spec("transformers") is None:
            return "it needs transformers; install it with pip install occlabel[vfm]"
        try:
            self._meaning(space)
        except (BadRecipe, BadWeights) as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        return restriction(self.weights, self.revision)

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        self._find(space, hands)([np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)])

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        at_once = self.batch if hands.device == "cuda" else 1
        return over_images(image_of, self._find(space, hands), space, rig, at_once)

    def _find(self, space: LabelSpace, hands: Hands) -> Find[Image]:
        meaning, network = self._meaning(space), self._network(hands)
        return partial(segments_of, network, self.task, meaning, self._threshold, hands)

    @property
    def _threshold(self) -> float:
        return 0.0

    def _checkpoint(self) -> Checkpoint:
        found = checkpoint(self.weights, self.revision)
        refuse_other_model(found, *self.model_types)
        return found

    def _network(self, hands: Hands) -> Network:
        return loaded(self._checkpoint(), self.task, hands)

    def _meaning(self, space: LabelSpace) -> Meaning:
        table = class_table(self.classes, space.taxonomy)
        return Meaning(space.taxonomy, table.class_ids(labels_of(self._checkpoint()), space.taxonomy))


class Panoptic(_Networks):
    """Classes and objects by a network that says masks by query: Mask2Former, OneFormer, EoMT.

    Which classes have objects is the taxonomy's to say, not the model's.
    """

    task: ClassVar[Task] = "panoptic"
    model_types: ClassVar[tuple[str, ...]] = tuple(BY_QUERY)

    kind: Literal["panoptic"] = "panoptic"
    threshold: float = Field(default=0.8, ge=0, le=1)
    """Segments whose class is less likely are left out. The authors of the networks use 0.8."""

    @property
    def _threshold(self) -> float:
        return self.threshold


class Semantic(_Networks):
    """The likeliest class of each pixel, without objects: SegFormer, and the networks of ``panoptic``."""

    task: ClassVar[Task] = "semantic"
    model_types: ClassVar[tuple[str, ...]] = (*BY_PIXEL, *BY_QUERY)

    kind: Literal["semantic"] = "semantic"
