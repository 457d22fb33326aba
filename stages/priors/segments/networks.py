"""The kinds ``panoptic`` and ``semantic``: segmentation networks of transformers, as road scenes are seen with."""

from __future__ import annotations

from functools import partial
from typing import ClassVar, Literal

from pydantic import Field

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import Checkpoint, Weights, checkpoint, refuse_other_model
from occlabel.stages.priors.segments.class_tables import ClassTable, class_table
from occlabel.stages.priors.segments.learned import LearnedSegments
from occlabel.stages.priors.segments.queries import Meaning
from occlabel.stages.priors.segments.segmentation import BY_PIXEL, BY_QUERY, Task, labels_of, loaded, segments_of
from occlabel.stages.priors.segments.slot import Find, Image


class _Networks(LearnedSegments):
    """What both kinds have in common."""

    working_bytes: ClassVar[int] = 4 << 30
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

    @property
    def _named(self) -> tuple[tuple[str, str | None], ...]:
        return ((self.weights, self.revision),)

    def _checkpoints(self) -> tuple[Checkpoint]:
        found = checkpoint(self.weights, self.revision)
        refuse_other_model(found, *self.model_types)
        return (found,)

    def _refuse_other_classes(self, space: LabelSpace) -> None:
        self._meaning(space)

    def _find(self, space: LabelSpace, hands: Hands) -> Find[Image]:
        (found,) = self._checkpoints()
        meaning, network = self._meaning(space), loaded(found, self.task, hands)
        return partial(segments_of, network, self.task, meaning, self._threshold, hands)

    @property
    def _threshold(self) -> float:
        return 0.0

    def _meaning(self, space: LabelSpace) -> Meaning:
        (found,) = self._checkpoints()
        table = class_table(self.classes, space.taxonomy)
        return Meaning(space.taxonomy, table.class_ids(labels_of(found), space.taxonomy))


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
