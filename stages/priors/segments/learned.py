"""What every kind of segments has in common that asks networks of transformers about images."""

from __future__ import annotations

from abc import abstractmethod
from importlib import util
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Process, Resources, Sensor
from occlabel.stages.learning.foundation import Checkpoint, restriction
from occlabel.stages.priors.segments.slot import Find, Image, Segments, clip_bytes, image_of, over_images


class LearnedSegments(Segments):
    """Networks whose checkpoints lie on this machine, asked about one image after the other, or some at once on a
    GPU."""

    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False
    working_bytes: ClassVar[int]
    """Of the libraries, and of features and masks of one image."""

    batch: int = Field(default=8, ge=1)
    """Images that are looked at at once on a GPU."""

    @property
    @abstractmethod
    def _named(self) -> tuple[tuple[str, str | None], ...]:
        """The weights, each with its revision."""

    @abstractmethod
    def _checkpoints(self) -> tuple[Checkpoint, ...]:
        """Those of ``_named``. Raises BadWeights where one is not there, not whole, or of another model."""

    @abstractmethod
    def _refuse_other_classes(self, space: LabelSpace) -> None:
        """Raises BadRecipe or BadWeights when what the networks say cannot be made classes of the space."""

    @abstractmethod
    def _find(self, space: LabelSpace, hands: Hands) -> Find[Image]:
        """The networks, loaded. Raises BadWeights or BadRecipe."""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return tuple(path for found in self._checkpoints() for path in found.files)

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the weights, read and held; features and masks of one image; the arrays."""
        memory = self.working_bytes + 2 * sum(found.nbytes for found in self._checkpoints())
        return Resources(gpus=1.0, memory=memory + clip_bytes(space, rig, clip_frames))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        if util.find_spec("transformers") is None:
            return "it needs transformers; install it with pip install occlabel[vfm]"
        try:
            self._checkpoints()
            self._refuse_other_classes(space)
        except (BadRecipe, BadWeights) as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        return "; ".join(said for one in self._named if (said := restriction(*one)) is not None) or None

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        self._find(space, hands)([np.random.default_rng(0).integers(0, 256, (96, 160, 3), np.uint8)])

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        at_once = self.batch if hands.device == "cuda" else 1
        return over_images(image_of, self._find(space, hands), space, rig, at_once)
