"""The kind that has learned what objects look like: OffsetOcc with the weights shipped for the grid, or your own."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Resources
from occlabel.stages.instances.components import connected_components
from occlabel.stages.instances.slot import Instances, frame_by_frame, thing_table

_SHIPPED = Path(__file__).parent / "weights"
_CRUMB = 0.2
"""[m3]: what no object claims is an object of its own from this size on, as the components are by default."""


class ObjectQueries(Instances):
    """The Object Module names the objects, the Panoptic Module gives each voxel of a thing class to one of them.

    Ids follow the module's confidence, the surest object first.
    """

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
    def written(self) -> tuple[str, ...]:
        return ("semantics", "instance") if self.unclaimed == "empty" else self.writes

    def resources(self, space: LabelSpace) -> Resources:
        """The libraries; embeddings and points of one frame; three bytes a voxel of a clip."""
        return Resources(gpus=1, memory=(1200 << 20) + (200 + 3 * 32) * space.grid.voxels)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return (self._weights(space),)

    def _weights(self, space: LabelSpace) -> Path:
        if self.weights is not None:
            return self.weights
        from occlabel.stages.instances.weight_file import purpose
        from occlabel.stages.learning.purpose import shipped

        otherwise = ", or set instances.kind=components, which needs none"
        return shipped(_SHIPPED, purpose(space), space, self.slot, otherwise)

    def refuse(self, space: LabelSpace) -> str | None:
        refused = super().refuse(space)
        path = None if refused else self._weights(space)
        if path is not None and path.is_file():
            from occlabel.stages.instances.weight_file import purpose
            from occlabel.stages.learning.purpose import check_purpose

            check_purpose(path, purpose(space), "occlabel train instances")
        return refused

    def setup(self, space: LabelSpace, device: str) -> Process:
        import torch

        from occlabel.stages.instances.offsetocc import Finder
        from occlabel.stages.instances.panoptic_vote import emptied, panoptic_vote
        from occlabel.stages.instances.weight_file import load_network, things_of

        cpus = self.resources(space).cpus
        network = load_network(self._weights(space), space).to(torch.device(device))
        finder = Finder(network, space, things_of(space), device)
        things, size = thing_table(space), space.grid.voxel_size

        def find(semantics: NDArray[np.uint8]) -> NDArray[np.uint32]:
            if not things[semantics].any():
                return np.zeros(semantics.shape, np.uint32)
            # The bytes must not depend on a worker's cores, and the vote's threads reset torch's.
            torch.set_num_threads(cpus)
            seeds = finder.find(semantics, self.queries, self.score)
            classes = seeds.classes if self.class_aware else None
            instance = panoptic_vote(semantics, seeds.ids, things, size, self.radius, seed_classes=classes)
            if self.reach > self.radius:
                far = panoptic_vote(semantics, seeds.ids, things, size, self.reach, seed_classes=classes)
                instance = np.where(instance > 0, instance, far)
            return with_components(instance, semantics, space) if self.unclaimed == "components" else instance

        by_frame = frame_by_frame(find, space, "lower instances.queries or set instances.unclaimed=keep")
        if self.unclaimed != "empty":
            return by_frame

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            arrays = by_frame(clip, inputs)
            semantics = inputs.arrays["semantics"][inputs.target(clip)].astype(np.uint8, copy=False)
            emptied_ = emptied(semantics, arrays["instance"], things, space.taxonomy.free_id)  # type: ignore[arg-type]
            return {**arrays, "semantics": emptied_}

        return process


def with_components(
    instance: NDArray[np.uint32], semantics: NDArray[np.uint8], space: LabelSpace
) -> NDArray[np.uint32]:
    """``instance`` [X, Y, Z] with the thing voxels of nobody parted by what touches, ids after the others'."""
    left = np.where(instance == 0, semantics, np.uint8(space.taxonomy.free_id))
    rest = connected_components(left, thing_table(space), space.grid.voxel_size, smallest=_CRUMB)
    return np.where(rest > 0, rest + instance.max(initial=0), instance)
