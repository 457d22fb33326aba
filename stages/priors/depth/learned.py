"""What every kind of depth that a foundation model estimates has in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import util
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import INTRINSICS, resolved
from occlabel.schemas.errors import BadWeights, OcclabelError
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor
from occlabel.stages.learning.foundation import Checkpoint, restriction
from occlabel.stages.learning.pretrained import Pretrained
from occlabel.stages.priors.depth.slot import Depth, at_stride, blank, clip_bytes, image_bytes, refuse_other_size


@dataclass(frozen=True, slots=True)
class View:
    """One image as a model is asked about it."""

    n: int
    """Its frame, counted from the first of the clip."""
    camera: str
    image: NDArray[np.uint8]
    """[h, w, 3] RGB."""
    intrinsics: Matrix | None
    """K [3, 3] in pixels; None where it is not known."""
    prompt: NDArray[np.float32] | None = None
    """[v, u] metres, for a model that is told some."""


Estimate = Callable[[Sequence[View]], Sequence[NDArray[np.float32]]]
"""Takes views of one size, returns what the stage writes over every pixel of each: [h, w]; NaN: not known."""


class Learned(Pretrained, Depth):
    """A model that looks at single images. Those that show nothing (one colour throughout) never come here: the worker
    takes them for damaged."""

    exact: ClassVar[bool] = False
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    packages: ClassVar[tuple[str, ...]] = ("transformers",)
    """What has to be installed besides."""

    batch: int = Field(default=8, ge=1)
    """Images of one size, of any cameras and frames, that a GPU is given at once; a CPU does one after the other."""

    @abstractmethod
    def loaded(self, hands: Hands) -> Estimate:
        """The model. Raises BadWeights when it cannot be loaded."""

    @abstractmethod
    def suits(self, found: Checkpoint) -> None:
        """Raises BadWeights when the checkpoint is of another model."""

    @abstractmethod
    def working_bytes(self, found: Checkpoint, rig: Rig) -> int:
        """Of what the model computes for one image."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the weights, read and held; one image on its way through the model; the arrays."""
        found = self.found()
        image = 8 * image_bytes(rig) + self.working_bytes(found, rig)
        return Resources(
            gpus=1.0, memory=(1 << 30) + 2 * found.nbytes + image + clip_bytes(self, clip_frames, space, rig)
        )

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return super().refuse(space, rig)
        if lacking := [name for name in self.packages if util.find_spec(name) is None]:
            return f"it needs {' and '.join(lacking)}; install it with pip install occlabel[vfm]"
        try:
            self.suits(self.found())
        except BadWeights as error:
            return str(error)
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        return restriction(self.weights, self.revision)

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        image = np.random.default_rng(0).integers(0, 256, (70, 98, 3)).astype(np.uint8)
        view = View(0, "made up", image, np.array([[98.0, 0, 49], [0, 98, 35], [0, 0, 1]]))
        estimate = self.loaded(hands)
        try:
            estimate([view])
        except OcclabelError:
            raise
        except Exception as error:  # what a network raises whose configuration is odd is of any type
            raise BadWeights(
                f"{self.weights} fails on a made-up image, so its configuration does not fit its weights: {error}"
            ) from error

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        estimate, at_once = self.loaded(hands), self.batch if hands.device == "cuda" else 1
        (written,) = self.written
        specs = {str(spec.camera): spec for spec in resolved((written,), rig)}

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(self, clip.frames, space, rig)
            for views in batches(self.views(clip, inputs, rig), at_once):
                for view, whole in zip(views, estimate(views), strict=True):
                    spec = specs[view.camera]
                    result[spec.name][view.n] = at_stride(whole, spec)
            return result

        return process

    def views(self, clip: Clip, inputs: Inputs, rig: Rig) -> Iterator[View]:
        """The images of the clip that can be read, frame by frame."""
        told = any(spec.name == INTRINSICS.name for spec in self.needed)
        for n, row in enumerate(inputs.own(clip)):
            for camera in rig.names:
                if (image := inputs.image(row, camera)) is not None:
                    refuse_other_size(image, camera, rig)
                    yield View(n, camera, image, inputs.intrinsics(row, camera) if told else None)


def batches(views: Iterator[View], at_once: int) -> Iterator[list[View]]:
    """Up to so many views of one size together, each once."""
    waiting: dict[tuple[int, ...], list[View]] = {}
    for view in views:
        same = waiting.setdefault(view.image.shape, [])
        same.append(view)
        if len(same) == at_once:
            yield waiting.pop(view.image.shape)
    yield from waiting.values()
