"""The votes on some blocks, sparse: a plane of 8 x 8 x 8 counts for each row of the ballot that a block needs.

**Free votes.** Only blocks in which a static class has a vote can hold anything of the map, so only they have planes.
A log counts its free votes voxel by voxel in those of its blocks, whichever frame came first: a first pass over the
log finds them (``survey``), a second one counts (``cast``). In a block where this log saw only free space, it keeps
but the number of its free votes; when another log has votes for a static class there, every voxel of the block gets
that number divided by 512, rounded down. Logs thus correct each other, and what one log writes depends on no other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.mapping.blocks import BLOCK, CELLS, Tile, find, tiles_of
from occlabel.stages.mapping.survey import Survey


@dataclass(frozen=True, slots=True)
class Votes:
    """Votes on the blocks of a log, of several, or of a part of them."""

    keys: NDArray[np.int64]
    """[n], sorted: the blocks that have planes."""
    plane_block: NDArray[np.int64]
    """[m]: the block (its place in ``keys``) of each plane, ascending. Each block has a plane for free space."""
    plane_row: NDArray[np.uint8]
    """[m]: the row of the ballot that a plane counts, ascending in each block."""
    counts: NDArray[np.uint16] | NDArray[np.uint32]
    """[m, 8, 8, 8]. In 16 bits a count that reaches 65535 stays there, which no order of frames can change."""
    seen_keys: NDArray[np.int64]
    """[k], sorted: the blocks that were seen and are nowhere occupied."""
    seen: NDArray[np.int64]
    """[k]: how many votes they have, all for free space."""

    def starts(self) -> NDArray[np.int64]:
        """[n + 1]: the planes of block b are starts[b] up to starts[b + 1]."""
        return np.searchsorted(self.plane_block, np.arange(len(self.keys) + 1))

    def part(self, tile: Tile) -> Votes:
        """The blocks of one tile."""
        inside = (tiles_of(self.keys) == tile).all(axis=1)
        seen = (tiles_of(self.seen_keys) == tile).all(axis=1)
        planes = inside[self.plane_block]
        return Votes(
            self.keys[inside],
            (np.cumsum(inside) - 1)[self.plane_block[planes]],
            self.plane_row[planes],
            self.counts[planes],
            self.seen_keys[seen],
            self.seen[seen],
        )


def ballot_box(survey: Survey) -> Votes:
    """Empty planes, in 16 bits, for all that a survey found; blocks that are not wanted are in ``seen``."""
    plane_block, plane_row = np.nonzero(survey.has_row()[survey.wanted])
    return Votes(
        survey.keys[survey.wanted],
        plane_block.astype(np.int64),
        plane_row.astype(np.uint8),
        np.zeros((len(plane_block), BLOCK, BLOCK, BLOCK), np.uint16),
        survey.keys[~survey.wanted],
        survey.free[~survey.wanted],
    )


def total(parts: Sequence[Votes]) -> Votes:
    """The sum of the votes of several logs, by the rule of free votes above. Its counts have 32 bits."""
    keys = np.unique(np.concatenate([np.empty(0, np.int64), *(part.keys for part in parts)]))
    names = [find(keys, part.keys)[part.plane_block] << 8 | part.plane_row for part in parts]
    planes = np.unique(np.concatenate([np.empty(0, np.int64), *names]))
    counts = np.zeros((len(planes), BLOCK, BLOCK, BLOCK), np.uint32)
    for part, name in zip(parts, names, strict=True):
        counts[np.searchsorted(planes, name)] += part.counts
        places = find(keys, part.seen_keys)
        shared = places >= 0
        free = np.searchsorted(planes, places[shared] << 8)
        counts[free] += (part.seen[shared] // CELLS).astype(np.uint32)[:, None, None, None]
    seen_keys = np.concatenate([np.empty(0, np.int64), *(part.seen_keys for part in parts)])
    seen = np.concatenate([np.empty(0, np.int64), *(part.seen for part in parts)])
    apart = find(keys, seen_keys) < 0
    seen_keys, place = np.unique(seen_keys[apart], return_inverse=True)
    sums = np.zeros(len(seen_keys), np.int64)
    np.add.at(sums, place, seen[apart])
    return Votes(keys, planes >> 8, (planes & 255).astype(np.uint8), counts, seen_keys, sums)
