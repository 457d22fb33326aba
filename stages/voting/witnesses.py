"""Who of a window's frames has seen a voxel of the target, and what was there: their sweeps as witnesses.

Looked up from the target, as ``gather`` looks up votes. A column of observations is a few words of bits, one bit a
height, so a frame bears witness of a whole column at once; how many did is counted in bits too, one word for the ones,
one for the twos, one for the fours, and so on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import HIT, PASSED
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.crossing import column_feet, column_foot, run_end
from occlabel.stages.voting.gather import voxel_from_cell
from occlabel.stages.voting.methods import Voters, use_threads

_BLOCK = 128
_WORD = 64
_STANDS, _MOVES, _SEEN = range(3)
"""Kinds of bits: what a frame hit that stands, what it hit that can move, and where it saw anything at all."""


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
        words = -(-z // _WORD)
        self._seen = np.empty((frames, x * y, words), np.uint64)
        self._hits = np.empty((frames, x * y, 2, words), np.uint64)
        self._any = np.empty((frames, x * y), np.bool_)
        self._listed = np.zeros(frames, bool)

    def prepare(self, frame: int) -> None:
        """Packs what a frame observed. ``hear`` does it for the frames that it meets first."""
        _pack(
            self._observed[frame], self._labels[frame], self._movable, HIT,
            self._seen[frame], self._hits[frame], self._any[frame],
        )  # fmt: skip
        self._listed[frame] = True

    def hear(self, voters: Voters, shape: tuple[int, int, int]) -> Heard:
        """What ``voters`` have seen of the target. Frames, order and threads as in ``Method.vote``."""
        for frame in voters.frames[~self._listed[voters.frames]]:
            self.prepare(int(frame))
        told = Heard(np.empty(shape, np.uint16), *(np.empty(shape, np.bool_) for _ in range(3)))
        _hear(
            self._seen, self._hits, self._any, self._observed.shape[1:], voters.frames,
            voxel_from_cell(voters.cell_from_voxel), voters.frames == voters.target, use_threads(self._threads),
            told.seen, told.hit, told.solid, told.moved,
        )  # fmt: skip
        return told


@numba.njit(cache=True, nogil=True)
def _pack(observed, labels, movable, hit, seen, hits, any_hit):  # type: ignore[no-untyped-def]
    """One frame [X, Y, Z] as bits: ``seen`` [X * Y, words], ``hits`` [X * Y, 2, words] on what stands and on what can
    move, and in which columns there are any, ``any_hit`` [X * Y]: most have none, and memory is what takes the time."""
    seen[:], hits[:], any_hit[:] = 0, 0, False
    for i in range(observed.shape[0]):
        for j in range(observed.shape[1]):
            place = i * observed.shape[1] + j
            for k in range(observed.shape[2]):
                if observed[i, j, k]:
                    bit = np.uint64(1) << np.uint64(k % 64)
                    seen[place, k // 64] |= bit
                    if observed[i, j, k] == hit:
                        hits[place, _MOVES if movable[labels[i, j, k]] else _STANDS, k // 64] |= bit
                        any_hit[place] = True


@numba.njit(cache=True, nogil=True, inline="always")
def _shifted(columns, row, word, up):  # type: ignore[no-untyped-def]
    """Word ``word`` of a ``row`` of ``columns`` [rows, words], looked at from ``up`` bits higher."""
    first = word * 64 + up
    at, by = first >> 6, np.uint64(first & 63)
    bits = columns[row, at] >> by if 0 <= at < columns.shape[1] else np.uint64(0)
    if by > 0 and 0 <= at + 1 < columns.shape[1]:
        bits |= columns[row, at + 1] << (np.uint64(64) - by)
    return bits


@numba.njit(cache=True, nogil=True)
def _count(planes, bits):  # type: ignore[no-untyped-def]
    """Counts one more in each of ``bits`` [columns], which it uses up; ``planes`` [n, columns]: the ones, the twos, the
    fours ... Without a branch in the inner loop, so that it is vectorised."""
    for p in range(planes.shape[0]):
        left = np.uint64(0)
        for c in range(len(bits)):
            carry = planes[p, c] & bits[c]
            planes[p, c] ^= bits[c]
            bits[c] = carry
            left |= carry
        if left == 0:
            return


@numba.njit(cache=True, nogil=True, inline="always")
def _between(low, high, word):  # type: ignore[no-untyped-def]
    """The bits of word ``word`` that stand for heights [low, high)."""
    a, b = max(low - word * 64, 0), min(high - word * 64, 64)
    if a >= b:
        return np.uint64(0)
    every = ~np.uint64(0)
    return (every >> np.uint64(64 - (b - a))) << np.uint64(a)


@numba.njit(cache=True, nogil=True)
def _look_up(seen, hits, any_hit, shape, matrix, x, y0, heights, feet, split, bits):  # type: ignore[no-untyped-def]
    """What one frame, whose grid has this ``shape``, says of the target columns (x, y0), (x, y0 + 1), ...: ``bits``
    [3, words, columns] of its own columns: ``seen`` [X * Y, words], ``hits`` [X * Y * 2, words], ``any_hit`` [X * Y].
    """
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2] - 1.0
    bits[:] = 0
    for c in range(bits.shape[2]):
        i, j, up = int(feet[0, c]), int(feet[1, c]), int(feet[2, c])
        sx, sy, sz, to_x, to_y, to_z = 0.0, 0.0, 0.0, heights, heights, heights
        if split[c]:
            sx, sy, sz = column_foot(matrix, x + 0.5, y0 + c + 0.5)
            to_x, to_y, to_z = run_end(sx, dx, 0, heights), run_end(sy, dy, 0, heights), run_end(sz, dz, 0, heights)
        k = 0
        while True:
            end = min(to_x, to_y, to_z)
            if 0 <= i < shape[0] and 0 <= j < shape[1]:
                place = i * shape[1] + j
                for w in range(bits.shape[1]):
                    inside = _between(k, end, w)
                    bits[_SEEN, w, c] |= _shifted(seen, place, w, up) & inside
                    if any_hit[place]:
                        bits[_STANDS, w, c] |= _shifted(hits, 2 * place + _STANDS, w, up) & inside
                        bits[_MOVES, w, c] |= _shifted(hits, 2 * place + _MOVES, w, up) & inside
            if end == heights:
                break
            k = end
            if to_x == k:
                i, to_x = int(np.floor(sx + dx * k)), run_end(sx, dx, k, heights)
            if to_y == k:
                j, to_y = int(np.floor(sy + dy * k)), run_end(sy, dy, k, heights)
            if to_z == k:
                up, to_z = int(np.floor(sz + dz * k)), run_end(sz, dz, k, heights)


@numba.njit(cache=True, nogil=True)
def _add(bits, own, seen, hits, ours, moved):  # type: ignore[no-untyped-def]
    """Adds what one frame says (``bits``, used up) to what all say of some columns.

    seen, hits [words, planes, columns]: how many saw a cell, and hit what stands there. ours, moved [words, columns]:
    whether the target itself hit it, and whether another hit what moves.
    """
    for w in range(bits.shape[1]):
        if own:
            bits[_STANDS, w] |= bits[_MOVES, w]
            ours[w] |= bits[_STANDS, w]
        else:
            moved[w] |= bits[_MOVES, w]
        _count(seen[w], bits[_SEEN, w])
        _count(hits[w], bits[_STANDS, w])


@numba.njit(cache=True, nogil=True, inline="always")
def _weigh_up(seen, hits):  # type: ignore[no-untyped-def]
    """Bits of the cells with any hits, and of those where twice the ``hits`` [planes] are not less than ``seen``."""
    any_hit, less, more = np.uint64(0), np.uint64(0), np.uint64(0)
    for p in range(len(seen), -1, -1):
        twice = hits[p - 1] if p > 0 else np.uint64(0)
        count = seen[p] if p < len(seen) else np.uint64(0)
        more |= twice & ~count & ~less
        less |= count & ~twice & ~more
        any_hit |= twice
    return any_hit, any_hit & ~less


@numba.njit(cache=True, nogil=True)
def _spell_out(seen, hits, ours, left, first, counts, hit, solid, moved):  # type: ignore[no-untyped-def]
    """Writes a word's cells of one column, from height ``first`` on, from its bits. seen, hits [planes]."""
    hit_bits, solid_bits = _weigh_up(seen, hits)
    solid_bits |= ours
    n, at = np.uint64(min(64, len(counts) - first)), np.uint64(first)
    one = np.uint64(1)
    for k in range(n):
        hit[at + k] = (hit_bits >> k) & one
        solid[at + k] = (solid_bits >> k) & one
        moved[at + k] = (left >> k) & one
    for k in range(n):
        counts[at + k] = 0
    for p in range(len(seen)):
        if seen[p]:
            for k in range(n):
                counts[at + k] |= np.uint16(((seen[p] >> k) & one) << np.uint64(p))


@numba.njit(cache=True, nogil=True, parallel=True)
def _hear(  # type: ignore[no-untyped-def]
    packed, hit_bits, any_hit, shape, frames, matrices, own, threads, seen, hit, solid, moved
):
    """The whole target; thread ``t`` owns the rows t, t + threads, t + 2 threads, ..."""
    heights, words = seen.shape[2], packed.shape[2]
    rows = hit_bits.reshape(len(hit_bits), -1, words)
    planes = 1
    while len(frames) >> planes:
        planes += 1
    for thread in numba.prange(threads):
        feet, split = np.empty((3, _BLOCK)), np.empty(_BLOCK, np.bool_)
        bits = np.empty((3, words, _BLOCK), np.uint64)
        saw, hits = np.empty((words, planes, _BLOCK), np.uint64), np.empty((words, planes, _BLOCK), np.uint64)
        ours, left = np.empty((words, _BLOCK), np.uint64), np.empty((words, _BLOCK), np.uint64)
        for x in range(thread, seen.shape[0], threads):
            for y0 in range(0, seen.shape[1], _BLOCK):
                n = min(_BLOCK, seen.shape[1] - y0)
                saw[:], hits[:], ours[:], left[:] = 0, 0, 0, 0
                split[n:], feet[:, n:] = False, -1.0  # outside of every grid
                for f in range(len(frames)):
                    column_feet(matrices[f], x, y0, heights, feet, split[:n])
                    _look_up(
                        packed[frames[f]], rows[frames[f]], any_hit[frames[f]], shape, matrices[f], x, y0, heights,
                        feet, split, bits,
                    )  # fmt: skip
                    _add(bits, own[f], saw, hits, ours, left)
                for c in range(n):
                    y = y0 + c
                    for w in range(words):
                        _spell_out(
                            saw[w, :, c], hits[w, :, c], ours[w, c], left[w, c], w * 64,
                            seen[x, y], hit[x, y], solid[x, y], moved[x, y],
                        )  # fmt: skip


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
