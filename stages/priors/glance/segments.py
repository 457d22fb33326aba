"""The kind ``glance_segments``: the class of each pixel by the small network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import INTRINSICS, SEGMENT_CLASS, ArraySpec
from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.priors.glance import weight_file
from occlabel.stages.priors.glance.images import Calibrated
from occlabel.stages.priors.glance.labels import LABELS
from occlabel.stages.priors.segments.class_tables import ClassTable, class_table
from occlabel.stages.priors.segments.overlaps import PixelSegments
from occlabel.stages.priors.segments.queries import Meaning, semantic
from occlabel.stages.priors.segments.slot import Segments, clip_bytes, image_of, over_images


class GlanceSegments(Segments):
    """The likeliest class of each pixel, without objects, by glance, a small network that learned from simulated towns
    and needs neither a download nor a GPU."""

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS,)
    exact: ClassVar[bool] = False

    kind: Literal["glance_segments"] = "glance_segments"
    weights: Path | None = None
    """A safetensors file of ``occlabel train glance``; the one that comes with occlabel by default."""
    classes: str | ClassTable = "glance"
    """What its labels mean: ``glance`` for the taxonomies ``semantickitti`` and ``occ3d``, or a table of your own
    (``labels: {car: car, sky: null}``)."""
    batch: int = Field(default=8, ge=1)
    """Images of one camera that a GPU is given at once; a CPU does one after the other."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self.weights or weight_file.SHIPPED,)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return weight_file.resources(self.batch, clip_bytes(space, rig, clip_frames))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        try:
            self._meaning(space)
        except (BadRecipe, BadWeights) as error:
            return str(error)
        return weight_file.refusal(self.files(space)[0])

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.priors.glance.looking import look

        network, meaning = weight_file.load_network(self.files(space)[0], hands), self._meaning(space)

        def find(views: Sequence[Calibrated]) -> list[PixelSegments]:
            images, cameras = [view.image for view in views], [view.intrinsics for view in views]
            seen = look(network, images, cameras, SEGMENT_CLASS.stride, hands)
            return [semantic(one.labels, meaning) for one in seen]

        return over_images(_view, find, space, rig, self.batch if hands.device == "cuda" else 1)

    def _meaning(self, space: LabelSpace) -> Meaning:
        table = class_table(self.classes, space.taxonomy)
        return Meaning(space.taxonomy, table.class_ids(dict(enumerate(LABELS)), space.taxonomy))


def _view(clip: Clip, inputs: Inputs, row: int, camera: str) -> Calibrated | None:
    """The image and K; of a camera whose K is not known the middle of the image, on which the classes hardly depend."""
    image = image_of(clip, inputs, row, camera)
    if image is None:
        return None
    intrinsics = inputs.intrinsics(row, camera)
    if intrinsics is None:
        height, width = image.shape[:2]
        intrinsics = np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1]], np.float64)
    return Calibrated(row, image, intrinsics)
