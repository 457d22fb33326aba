"""The first pass over a log: which blocks it sees, and what it says there, before any voxel's votes are counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.stages.mapping.ballot import ABSTAIN, Ballot
from occlabel.stages.mapping.blocks import keys_of
from occlabel.stages.mapping.window import Window

FREE = np.uint64(1)
"""Bit of free space in a block's rows."""


@dataclass(frozen=True, slots=True)
class Survey:
    """Some blocks: those in which any vote falls, and others that are asked for."""

    keys: NDArray[np.int64]
    """[n], sorted."""
    rows: NDArray[np.uint64]
    """[n]: bit r is set when row r of the ballot has a vote in the block; that of free space always is."""
    free: NDArray[np.int64]
    """[n]: votes for free space in the block."""
    wanted: NDArray[np.bool_]
    """[n]: whether its votes are to be counted voxel by voxel: always where a static class has one."""

    def has_row(self) -> NDArray[np.bool_]:
        """[n, 64]: ``rows``, one by one."""
        bits = np.unpackbits(self.rows.astype("<u8")[:, None].view(np.uint8), axis=1, bitorder="little")
        return bits.astype(np.bool_)


def wish(keys: NDArray[np.int64]) -> Survey:
    """A survey without votes: to be merged with others where blocks [n] (sorted keys) are wanted in any case."""
    return Survey(keys, np.full(len(keys), FREE), np.zeros(len(keys), np.int64), np.ones(len(keys), np.bool_))


def survey(labels: NDArray[np.uint8], window: Window, ballot: Ballot) -> Survey:
    """Of one frame: class ids [x, y, z] over the grid that ``window`` is of."""
    rows = np.zeros(window.shape, np.uint64)
    free = np.zeros(window.shape, np.int32)
    _mark(np.ascontiguousarray(labels), window.cell_from_voxel, ballot.row_of, rows, free)
    seen = np.nonzero(rows)
    found = rows[seen] | FREE
    return Survey(keys_of(np.stack(seen, axis=1) + window.first), found, free[seen].astype(np.int64), found > FREE)


def merge(surveys: Sequence[Survey]) -> Survey:
    """The survey of all their frames; their order does not matter."""
    keys = np.concatenate([np.empty(0, np.int64), *(s.keys for s in surveys)])
    if not len(keys):
        return wish(keys)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    starts = np.flatnonzero(np.diff(keys, prepend=keys[0] - 1))
    rows, free, wanted = (
        np.concatenate(columns)[order] for columns in zip(*((s.rows, s.free, s.wanted) for s in surveys), strict=True)
    )
    return Survey(
        keys[starts],
        np.bitwise_or.reduceat(rows, starts),
        np.add.reduceat(free, starts),
        np.logical_or.reduceat(wanted, starts),
    )


@numba.njit(cache=True, nogil=True)
def _mark(labels, matrix, row_of, rows, free):  # type: ignore[no-untyped-def]
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
                # Never negative, as the window holds the whole grid: cutting off is floor. Unsigned: a signed index
                # costs a test for counting from the end.
                bx, by, bz = np.uint32(x + dx * k) >> 3, np.uint32(y + dy * k) >> 3, np.uint32(z + dz * k) >> 3
                rows[bx, by, bz] |= np.uint64(1) << np.uint64(row)
                free[bx, by, bz] += np.int32(row == 0)
