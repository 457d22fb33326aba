"""Labels made worse, as those of a log that is unlike all that the networks before this one have learned from.

Refined labels of the town show its objects nearly whole. Those of a real log, or of another onboard model, have holes
in them and fray out; a module that has seen none of this is not sure of what it finds there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

_BLOCK = 1.6
"""Edge [m] of the blocks that are missing, or frayed, as one."""
_MISSING, _FRAYED, _SPECKS = 0.35, 0.5, 0.2
"""Most: of the blocks, those in which things are missing, those in which they fray out; of voxels that are left out."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What happens to labels."""

    things: NDArray[np.bool_]
    """By class id [256]."""
    free_id: int
    voxel_size: float
    """[m]."""

    def done(self, labels: NDArray[np.uint8], draw: Generator) -> NDArray[np.uint8]:
        """``labels`` [X, Y, Z] in which things fray out by a voxel, and lack blocks and specks; how much is drawn."""
        result = labels.copy()
        beside = np.roll(labels, (1, -1)[draw.integers(2)], draw.integers(2))
        frayed = self._blocks(labels.shape, draw.uniform(0, _FRAYED), draw)
        grown = frayed & self.things[beside] & (labels == self.free_id)
        result[grown] = beside[grown]
        missing = self._blocks(labels.shape, draw.uniform(0, _MISSING), draw)
        missing |= draw.random(labels.shape, dtype=np.float32) < draw.uniform(0, _SPECKS)
        result[missing & self.things[result]] = self.free_id
        return result

    def _blocks(self, shape: tuple[int, ...], share: float, draw: Generator) -> NDArray[np.bool_]:
        """Bool [X, Y, Z], true in about ``share`` of the blocks."""
        edge = max(round(_BLOCK / self.voxel_size), 1)
        chosen = draw.random([-(-size // edge) for size in shape]) < share
        for axis in range(3):
            chosen = chosen.repeat(edge, axis)
        return chosen[tuple(slice(size) for size in shape)]
