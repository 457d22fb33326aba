"""The instances slot: which voxels of things belong together, frame by frame."""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from schemas.errors import OcclabelError
from schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Resources, Stage
from schemas.taxonomy import UNKNOWN
from stages.instances.components import Connectivity, connected_components

_MOST = np.iinfo(np.uint16).max


class ConnectedComponents(Stage):
    """Voxels of one thing class that touch are one object; needs no weights.

    Ids count from 1 in each frame anew, in the C order of the objects' first voxels; the tracking stage gives them
    names that hold.
    """

    slot: ClassVar[str] = "instances"
    version: ClassVar[int] = 1
    reads: ClassVar[tuple[str, ...]] = ("semantics",)
    writes: ClassVar[tuple[str, ...]] = ("instance",)

    kind: Literal["components"] = "components"
    connectivity: Connectivity = 26
    """Voxels touch by faces (6), by faces and edges (18), or by corners too (26)."""
    smallest: float = Field(default=0.2, ge=0)
    """Components of less volume [m3] are no objects of their own."""
    join_within: float = Field(default=0.8, ge=0)
    """Distance [m] within which such a crumb joins an object of its class; farther away it belongs to none."""

    def resources(self, space: LabelSpace) -> Resources:
        """Ids in 4 bytes and what the library needs for one frame; three bytes a voxel of a clip."""
        return Resources(memory=(300 << 20) + (32 + 3 * 32) * space.grid.voxels)

    def refuse(self, space: LabelSpace) -> str | None:
        if not any(entry.thing for entry in space.taxonomy.classes):
            return f"taxonomy {space.taxonomy.name} has no class of things, so there are no instances to find"
        return None

    def setup(self, space: LabelSpace, device: str) -> Process:
        things = np.zeros(UNKNOWN + 1, np.bool_)
        things[: len(space.taxonomy.classes)] = [entry.thing for entry in space.taxonomy.classes]

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            instance = np.zeros((clip.frames, *space.grid.shape), np.uint16)
            semantics = inputs.arrays["semantics"].astype(np.uint8, copy=False)
            for row, source in enumerate(range(*inputs.target(clip).indices(len(inputs.frames)))):
                found = connected_components(
                    semantics[source], things, space.grid.voxel_size, connectivity=self.connectivity,
                    smallest=self.smallest, join_within=self.join_within,
                )  # fmt: skip
                if found.max() > _MOST:
                    raise OcclabelError(
                        f"log {clip.log}, frame {inputs.frames[source].name} has {found.max()} objects, and "
                        f"instance ids end at {_MOST}; raise instances.smallest"
                    )
                instance[row] = found
            return {"instance": instance}

        return process


InstancesStage = ConnectedComponents
"""The kinds of the instances slot."""
