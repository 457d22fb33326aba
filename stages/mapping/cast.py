"""The second pass over a log: its votes, voxel by voxel, in the blocks that have planes."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.stages.mapping.ballot import ABSTAIN, Ballot
from occlabel.stages.mapping.blocks import CELLS
from occlabel.stages.mapping.votes import Votes
from occlabel.stages.mapping.window import Window

_FULL = 65535


class Caster:
    """Casts frames into ``votes`` (of 16 bits), which it changes in place."""

    def __init__(self, votes: Votes, ballot: Ballot) -> None:
        self._keys = votes.keys
        self._counts = votes.counts.reshape(-1, CELLS)
        self._row_of = ballot.row_of
        self._planes = np.full((len(votes.keys), len(ballot.label_of)), -1, np.int32)
        self._planes[votes.plane_block, votes.plane_row] = np.arange(len(votes.plane_block))

    def cast(self, labels: NDArray[np.uint8], window: Window) -> None:
        """Adds one vote for each voxel of a frame, class ids [x, y, z], that votes and falls into a block of these."""
        places = window.places(self._keys).astype(np.int32).reshape(window.shape)
        _cast(np.ascontiguousarray(labels), window.cell_from_voxel, self._row_of, places, self._planes, self._counts)


@numba.njit(cache=True, nogil=True)
def _cast(labels, matrix, row_of, places, planes, counts):  # type: ignore[no-untyped-def]
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2]
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            x = matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 3]
            y = matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 3]
            z = matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 3]
            for k in range(labels.shape[2]):
                row = row_of[labels[i, j, k]]
                if row == ABSTAIN:
                    continue
                cx, cy, cz = np.uint32(x + dx * k), np.uint32(y + dy * k), np.uint32(z + dz * k)
                place = places[cx >> 3, cy >> 3, cz >> 3]
                if place < 0:
                    continue
                plane = planes[place, row]
                cell = (cx & 7) << 6 | (cy & 7) << 3 | (cz & 7)
                count = counts[plane, cell]
                counts[plane, cell] = count + np.uint16(count != _FULL)
