"""From votes to the map: the class of each voxel, and how sure it is."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.mapping.ballot import Ballot
from occlabel.stages.mapping.blocks import BLOCK, CELLS, blocks_of
from occlabel.stages.mapping.votes import Votes


@dataclass(frozen=True, slots=True)
class MapBlocks:
    """A part of the map: n blocks that a static class has a vote in, sorted by index."""

    blocks: NDArray[np.int32]
    """Block indices [n, 3]; cell (a, b, c) of a block is cell ``8 * index + (a, b, c)`` of the world."""
    semantics: NDArray[np.uint8]
    """[n, 8, 8, 8] class ids; UNKNOWN where nothing voted, the free id where free space won."""
    confidence: NDArray[np.uint8]
    """[n, 8, 8, 8] (first - second) / all votes, scaled to 0..255 and rounded down; 0 without a vote."""
    support: NDArray[np.uint32]
    """[n, 8, 8, 8] votes, those for free space included."""


def static_voxels(part: MapBlocks, ballot: Ballot) -> tuple[NDArray[np.int64], NDArray[np.uint8], NDArray[np.uint8]]:
    """The voxels of static classes: cells of the world [n, 3], class ids [n], confidence [n]."""
    block, *cell = np.nonzero(np.isin(part.semantics, ballot.label_of[1:]))
    cells = part.blocks[block].astype(np.int64) * BLOCK + np.stack(cell, axis=1)
    return cells, part.semantics[(block, *cell)], part.confidence[(block, *cell)]


def decide(votes: Votes, ballot: Ballot) -> MapBlocks:
    """Most votes win; a tie goes to free space, then to the lowest id: what is not sure is not in the map."""
    shape = (len(votes.keys), BLOCK, BLOCK, BLOCK)
    semantics, confidence = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    support = np.empty(shape, np.uint32)
    flat = (array.reshape(-1, CELLS) for array in (semantics, confidence, support))
    _decide(votes.counts.reshape(-1, CELLS), votes.plane_row, votes.starts(), ballot.label_of, *flat)
    return MapBlocks(blocks_of(votes.keys).astype(np.int32), semantics, confidence, support)


@numba.njit(cache=True, nogil=True)
def _decide(counts, plane_row, starts, label_of, semantics, confidence, support):  # type: ignore[no-untyped-def]
    for block in range(len(starts) - 1):
        for cell in range(counts.shape[1]):
            best, first, second, votes = UNKNOWN, np.int64(0), np.int64(0), np.int64(0)
            for plane in range(starts[block], starts[block + 1]):
                count = np.int64(counts[plane, cell])
                votes += count
                if count > first:
                    best, first, second = label_of[plane_row[plane]], count, first
                elif count > second:
                    second = count
            semantics[block, cell] = best
            confidence[block, cell] = (first - second) * 255 // votes if votes > 0 else 0
            support[block, cell] = votes
