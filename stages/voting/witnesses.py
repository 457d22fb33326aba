"""Who of a window's frames has seen a voxel of the target, and what was there: their sweeps as witnesses."""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import HIT, PASSED
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.gather import voxel_from_cell
from occlabel.stages.voting.hearing import WORD, hear_columns, pack_columns
from occlabel.stages.voting.methods import Voters, on_threads


@dataclass(frozen=True, slots=True)
class Heard:
    """What the witnesses say of a target grid, [X, Y, Z] each."""

    seen: NDArray[np.uint16]
    """By how many frames."""
    hit: NDArray[np.bool_]
    """Whether any of them measured a point in it, on what it says cannot move; the target's own hits count whatever
    they are."""
    solid: NDArray[np.bool_]
    """Whether it cannot be free: it was hit by the target itself, or by at least half of those who have seen it. Rays
    that graze a surface pass through its voxels too, so a hit counts as much as a ray, and with poses that are off
    hits lie where most others see through."""
    moved: NDArray[np.bool_]
    """Whether another frame measured a point in it, on what it says can move."""


class Witnesses:
    """The observations [frame, X, Y, Z] (``OBSERVED``) of a window's frames, and what each says was hit."""

    def __init__(
        self, observed: NDArray[np.uint8], labels: NDArray[np.uint8], movable: NDArray[np.bool_], threads: int = 1
    ) -> None:
        frames, x, y, z = observed.shape
        self._observed, self._labels, self._movable, self._threads = observed, labels, movable, threads
        words = -(-z // WORD)
        # One row more than there are columns: the one that is looked at outside of the grid.
        self._seen = np.empty((frames, x * y + 1, words), np.uint64)
        self._hits = np.empty((frames, x * y + 1, 2, words), np.uint64)
        self._any = np.empty((frames, x * y + 1), np.bool_)
        self._listed = np.zeros(frames, bool)

    def prepare(self, frame: int) -> None:
        """Packs what a frame observed. ``hear`` does it for the frames that it meets first."""
        pack_columns(
            self._observed[frame], self._labels[frame], self._movable, HIT,
            self._seen[frame], self._hits[frame], self._any[frame],
        )  # fmt: skip
        self._listed[frame] = True

    def hear(self, voters: Voters, shape: tuple[int, int, int]) -> Heard:
        """What ``voters`` have seen of the target. Frames, order and threads as in ``Method.vote``."""
        for frame in voters.frames[~self._listed[voters.frames]]:
            self.prepare(int(frame))
        told = Heard(np.empty(shape, np.uint16), *(np.empty(shape, np.bool_) for _ in range(3)))
        on_threads(
            hear_columns, self._threads, self._seen, self._hits, self._any, self._observed.shape[1:], voters.frames,
            voxel_from_cell(voters.cell_from_voxel), voters.frames == voters.target,
            told.seen, told.hit, told.solid, told.moved,
        )  # fmt: skip
        return told


def fused(told: Heard, labels: NDArray[np.uint8], movable: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """``OBSERVED`` [X, Y, Z] of a whole window, beside its ``labels``. What another frame hit on something that can
    move is a hit where that stands: where the label is such a thing as well. Else it has moved on, and all that is
    left is that a ray came there."""
    result = np.empty(labels.shape, np.uint8)
    _fuse(told.seen.ravel(), told.hit.ravel(), told.moved.ravel(), labels.ravel(), movable, result.ravel())
    return result


@numba.njit(cache=True, nogil=True)
def _fuse(seen, hit, moved, labels, movable, result):  # type: ignore[no-untyped-def]
    for n in range(len(result)):
        result[n] = HIT if hit[n] or (moved[n] and movable[labels[n]]) else (PASSED if seen[n] > 0 else 0)


def around(labels: NDArray[np.uint8], cells: NDArray[np.int64], free: int) -> NDArray[np.uint8]:
    """The class but ``free`` that most of the 26 neighbours of each of ``cells`` [n, 3] have; ties go to the lowest id,
    UNKNOWN where none has one."""
    result = np.empty(len(cells), np.uint8)
    _look_around(labels, cells, free, UNKNOWN, result)
    return result


@numba.njit(cache=True, nogil=True)
def _look_around(labels, cells, free, unknown, result):  # type: ignore[no-untyped-def]
    counts = np.zeros(256, np.int64)
    for n in range(len(cells)):
        x, y, z = cells[n]
        counts[:] = 0
        for i in range(max(x - 1, 0), min(x + 2, labels.shape[0])):
            for j in range(max(y - 1, 0), min(y + 2, labels.shape[1])):
                for k in range(max(z - 1, 0), min(z + 2, labels.shape[2])):
                    counts[labels[i, j, k]] += 1
        counts[free] = counts[unknown] = 0
        best = np.argmax(counts)
        result[n] = best if counts[best] > 0 else unknown
