"""The kind without learning: voxels that touch."""

from __future__ import annotations

from functools import partial
from typing import Literal

from pydantic import Field

from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Hands, Process, Resources
from occlabel.stages.instances.components import Connectivity, connected_components
from occlabel.stages.instances.slot import Instances, clip_bytes, frame_by_frame, thing_table


class ConnectedComponents(Instances):
    """Voxels of one thing class that touch are one object; needs no weights.

    Ids are in the C order of the objects' first voxels.
    """

    kind: Literal["components"] = "components"
    connectivity: Connectivity = 26
    """Voxels touch by faces (6), by faces and edges (18), or by corners too (26)."""
    smallest: float = Field(default=0.2, ge=0)
    """Components of less volume [m3] are no objects of their own."""
    join_within: float = Field(default=0.8, ge=0)
    """Distance [m] within which such a crumb joins an object of its class; farther away it belongs to none."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; ids in 4 bytes and what the library needs for one frame; the clip."""
        return Resources(memory=(300 << 20) + 32 * space.grid.voxels + clip_bytes(space, clip_frames))

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        find = partial(
            connected_components, things=thing_table(space), voxel_size=space.grid.voxel_size,
            connectivity=self.connectivity, smallest=self.smallest, join_within=self.join_within,
        )  # fmt: skip
        return frame_by_frame(find, space, "raise instances.smallest")
