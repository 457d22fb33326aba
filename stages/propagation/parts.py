"""Which parts of DualFlow4D a network has, and of which voxels it is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Parts:
    """The network's parts that can be left out, the rows of the paper's Table VII; and what it learned to decide."""

    transformer: bool = True
    spatial_embedding: bool = True
    temporal_embedding: bool = False
    unlabelled: bool = False
    """Whether voxels without a label, next to what another frame of the window sees, are decided too: what cameras
    leave open. Labels of a LiDAR's completion leave nothing open but what nobody can know."""

    @property
    def layers(self) -> Parts:
        """The same for all networks that have the same weights."""
        return replace(self, unlabelled=False)
