"""The methods that the voting benchmark compares, each a small class of one protocol."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench import baselines
from occlabel.pipeline.quality.bench.bandwidth import cpus
from occlabel.pipeline.quality.bench.scene import FREE, Scene
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.gather import Gather
from occlabel.stages.voting.methods import Ballots, Voters, cell_from_voxel
from occlabel.stages.voting.rolling import Rolling
from occlabel.stages.voting.splat import Splat


class Contender(ABC):
    """One method on one scene.

    A running log is imitated by a cold start, in which every source frame is prepared and the target voted, and then
    steps, in each of which the newest frame is prepared again and the target voted again.
    """

    baseline: ClassVar[bool] = False
    """Takes seconds a step and prepares nothing: measured once or twice."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @abstractmethod
    def prepare(self, frame: int) -> None:
        """Computes what the method wants to know of source ``frame``, a row of the scene, ahead of the votes it is in.

        Called for all rows in order, then again for the last row before every further vote.
        """

    @abstractmethod
    def vote(self) -> NDArray[np.uint8]:
        """The target's class ids [X, Y, Z] by the votes of all prepared frames; 0 where there is no vote."""

    def rewind(self) -> None:  # noqa: B027 - most methods have nothing to do here
        """Returns to the state before the last frame came. Called before every further step, and not timed.

        Only a method that carries something from one target to the next needs it; prepared frames may stay.
        """


class _Ours(Contender):
    """A method of the voting stage."""

    method: ClassVar[type[Splat] | type[Gather] | type[Rolling]]

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._matrices = np.empty((scene.frames, 3, 4))
        places = np.stack(
            [cell_from_voxel(p, scene.origin, scene.voxel_size, 0.0, scene.voxel_size) for p in scene.poses]
        )
        ballots = Ballots(scene.labels, scene.weights, scene.rigs, scene.classes, FREE, places)
        self._method = self.method(ballots, cpus())
        self._once = np.ones((scene.frames, scene.classes), np.int32)

    def prepare(self, frame: int) -> None:
        grid = (self.scene.origin, self.scene.voxel_size)
        self._matrices[frame] = cell_from_voxel(self.scene.target_from_source[frame], *grid, *grid)

    def vote(self) -> NDArray[np.uint8]:
        voters = Voters(np.arange(self.scene.frames), self._matrices, self._once, self.scene.target)
        return self._method.vote(voters, self.scene.shape).winner


class SplatContender(_Ours):
    """The paper's registration."""

    method = Splat


class GatherContender(_Ours):
    """Looked up from the target."""

    method = Gather
    _method: Gather

    def prepare(self, frame: int) -> None:
        super().prepare(frame)
        self._method.prepare(frame)


class RollingContender(_Ours):
    """In a grid of the world: a step adds the newest frame, removes the oldest and reads the target."""

    method = Rolling
    _method: Rolling

    def prepare(self, frame: int) -> None:
        super().prepare(frame)
        self._method.prepare(frame)

    def rewind(self) -> None:
        # The frame before the first is not in the scene; the first stands in for it, a second time.
        self._method.remove(self.scene.frames - 1)
        self._method.add(0)


class PaperFaithful(Contender):
    """The equations as they stand in the paper."""

    baseline = True

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self._arguments = _baseline_arguments(scene)

    def prepare(self, frame: int) -> None:
        pass

    def vote(self) -> NDArray[np.uint8]:
        return baselines.paper_faithful(*self._arguments)


class NumpyTuned(PaperFaithful):
    """The equations as a good NumPy programmer writes them."""

    def vote(self) -> NDArray[np.uint8]:
        return baselines.numpy_tuned(*self._arguments)


def _baseline_arguments(scene: Scene) -> tuple[Any, ...]:
    """The baselines know no UNKNOWN: there it becomes a vote of weight 0."""
    labels, weights = scene.labels, scene.weights
    if labels.max() == UNKNOWN:
        unknown = labels == UNKNOWN
        labels, weights = np.where(unknown, np.uint8(FREE), labels), np.where(unknown, np.uint16(0), weights)
    return labels, weights, scene.target_from_source, scene.origin, scene.voxel_size, scene.classes


CONTENDERS: dict[str, type[Contender]] = {
    "splat": SplatContender,
    "gather": GatherContender,
    "rolling": RollingContender,
    "paper_faithful": PaperFaithful,
    "numpy_tuned": NumpyTuned,
}
"""By the name that the command line and the table use. A method is added here."""

DEFAULT = "gather"
"""The method of the shipped recipes, and the one whose labels are written unless another is named."""
