"""The kind that has learned what objects look like: OffsetOcc with the weights shipped for the grid, or your own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import INSTANCE, SEMANTICS, ArraySpec
from occlabel.schemas.errors import BadWeights
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources
from occlabel.stages.instances.components import connected_components
from occlabel.stages.instances.slot import Instances, clip_bytes, frame_by_frame, thing_table

_SHIPPED = Path(__file__).parent / "weights"
_CRUMB = 0.2
"""[m3]: what no object claims is an object of its own from this size on, as the components are by default."""


class ObjectQueries(Instances):
    """The Object Module names the objects, the Panoptic Module gives each voxel of a thing class to one of them.

    Ids follow the module's confidence, the surest object first.
    """

    exact: ClassVar[bool] = False
    kind: Literal["offsetocc"] = "offsetocc"
    weights: Path | None = None
    """A safetensors file of ``occlabel train instances``; the one shipped for grid and taxonomy by default."""
    queries: int = Field(default=300, ge=1)
    """The most objects that can be found in a frame."""
    score: float = Field(default=0.45, ge=0, le=1)
    """How sure the module must be that there is an object; this and the rest measured best on held-out towns."""
    radius: float = Field(default=1.2, ge=0)
    """Manhattan distance [m] in which voxels of objects vote for those around them."""
    reach: float = Field(default=4.8, ge=0)
    """Where that is more than the radius: the distance [m] in which they vote for voxels that nobody voted for, such as
    the ends of a lorry."""
    class_aware: bool = True
    """Whether objects vote for voxels of their own class only."""
    unclaimed: Literal["keep", "empty", "components"] = "keep"
    """A thing voxel that no object is near keeps its class and belongs to none, as in OffsetOcc's code; becomes free,
    as in its paper; or is of one object with those of its class that it touches."""

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        return (SEMANTICS, INSTANCE) if self.unclaimed == "empty" else self.writes

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; embeddings and points of one frame; the clip, with what is emptied of it."""
        emptied = 2 * clip_frames * space.grid.voxels if self.unclaimed == "empty" else 0
        return Resources(
            gpus=1, memory=(1200 << 20) + 200 * space.grid.voxels + clip_bytes(space, clip_frames) + emptied
        )

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self._weights(space),)

    def _weights(self, space: LabelSpace) -> Path:
        if self.weights is not None:
            return self.weights
        from occlabel.stages.instances.weight_file import purpose
        from occlabel.stages.learning.purpose import shipped

        otherwise = ", or set instances.kind=components, which needs none"
        return shipped(_SHIPPED, purpose(space), space, self.slot, otherwise)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        refused = super().refuse(space, rig)
        if refused or rig is not None:
            return refused
        from occlabel.stages.instances.weight_file import check

        try:
            check(self._weights(space), space)
        except BadWeights as error:
            return str(error)
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import torch

        from occlabel.stages.instances.offsetocc import Finder
        from occlabel.stages.instances.panoptic_vote import emptied, panoptic_vote
        from occlabel.stages.instances.weight_file import load_network, things_of

        network = load_network(self._weights(space), space).to(torch.device(hands.device))
        finder = Finder(network, space, things_of(space), hands.device)
        things, size = thing_table(space), space.grid.voxel_size

        def find(semantics: NDArray[np.uint8]) -> NDArray[np.uint32]:
            if not things[semantics].any():
                return np.zeros(semantics.shape, np.uint32)
            torch.set_num_threads(hands.threads)  # each time: the vote's threads reset torch's
            seeds = finder.find(semantics, self.queries, self.score)
            classes = seeds.classes if self.class_aware else None
            vote = partial(panoptic_vote, semantics, seeds.ids, things, size, threads=hands.threads)
            instance = vote(self.radius, seed_classes=classes)
            if self.reach > self.radius:
                far = vote(self.reach, seed_classes=classes)
                instance = np.where(instance > 0, instance, far)
            return with_components(instance, semantics, space) if self.unclaimed == "components" else instance

        by_frame = frame_by_frame(find, space, "lower instances.queries or set instances.unclaimed=keep")
        if self.unclaimed != "empty":
            return by_frame

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            arrays = by_frame(clip, inputs)
            semantics = inputs[SEMANTICS][inputs.target(clip)]
            left = emptied(semantics, arrays[INSTANCE.name], things, space.taxonomy.free_id)  # type: ignore[arg-type]
            return {**arrays, SEMANTICS.name: left}

        return process


def with_components(
    instance: NDArray[np.uint32], semantics: NDArray[np.uint8], space: LabelSpace
) -> NDArray[np.uint32]:
    """``instance`` [X, Y, Z] with the thing voxels of nobody parted by what touches, ids after the others'."""
    left = np.where(instance == 0, semantics, np.uint8(space.taxonomy.free_id))
    rest = connected_components(left, thing_table(space), space.grid.voxel_size, smallest=_CRUMB)
    return np.where(rest > 0, rest + instance.max(initial=0), instance)
