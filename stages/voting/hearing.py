"""Columns of observations as words of bits, one bit a height: a frame bears witness of a whole column at once.

How many frames saw a cell is counted in bits too: one word for the ones, one for the twos, one for the fours, and so
on. Looked up from the target, as ``gather`` looks up votes, and in the same voxels.
"""

from __future__ import annotations

import numba
import numpy as np

from occlabel.stages.voting.crossing import column_feet, column_foot, run_end

_BLOCK = 128
WORD = 64
_STANDS, _MOVES, _SEEN = range(3)
"""Kinds of bits: what a frame hit that stands, what it hit that can move, and where it saw anything at all."""


@numba.njit(cache=True, nogil=True)
def pack_columns(observed, labels, movable, hit, seen, hits, any_hit):  # type: ignore[no-untyped-def]
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
    first = np.int64(word) * 64 + up
    at, by = first >> 6, np.uint64(first & 63)
    bits = columns[row, np.uint64(at)] >> by if 0 <= at < columns.shape[1] else np.uint64(0)
    if by > 0 and 0 <= at + 1 < columns.shape[1]:
        bits |= columns[row, np.uint64(at + 1)] << (np.uint64(64) - by)
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
    a, b = max(low - np.int64(word) * 64, 0), min(high - np.int64(word) * 64, 64)
    if a >= b:
        return np.uint64(0)
    every = ~np.uint64(0)
    return (every >> np.uint64(64 - (b - a))) << np.uint64(a)


@numba.njit(cache=True, nogil=True, inline="always")
def _moved_by(word, up):  # type: ignore[no-untyped-def]
    """A ``word`` of bits looked at from ``up`` bits higher, at most 63 to either side."""
    return (word >> np.uint64(max(up, 0))) << np.uint64(max(-up, 0))


@numba.njit(cache=True, nogil=True)
def _look_up_one_run(seen, hits, any_hit, shape, heights, feet, places, bits):  # type: ignore[no-untyped-def]
    """As ``_look_up`` in grids of at most 64 heights, of columns that stay in one column of the source.

    ``places`` int32 [3, columns] is working space. Without a branch where all columns pass, so that it is vectorised.
    """
    full = ~np.uint64(0) >> np.uint64(64 - heights)
    x, y, outside = float(shape[0]), float(shape[1]), float(shape[0] * shape[1])
    for c in range(bits.shape[2]):
        i, j, up = feet[0, c], feet[1, c], feet[2, c]
        inside = (i >= 0.0) & (i < x) & (j >= 0.0) & (j < y) & (up > -64.0) & (up < 64.0)
        place = i * y + j
        place = place if inside else outside
        places[0, c] = np.int32(place)
        places[1, c] = np.int32(min(max(up, 0.0), 63.0))
        places[2, c] = np.int32(min(max(-up, 0.0), 63.0))
    for c in range(bits.shape[2]):
        word = seen[np.uint64(places[0, c]), 0]
        bits[_SEEN, 0, c] = ((word >> np.uint64(places[1, c])) << np.uint64(places[2, c])) & full
    for c in range(bits.shape[2]):
        place = np.uint64(places[0, c])
        if any_hit[place]:
            row, by, back = np.uint64(2) * place, np.uint64(places[1, c]), np.uint64(places[2, c])
            bits[_STANDS, 0, c] = ((hits[row + np.uint64(_STANDS), 0] >> by) << back) & full
            bits[_MOVES, 0, c] = ((hits[row + np.uint64(_MOVES), 0] >> by) << back) & full


@numba.njit(cache=True, nogil=True)
def _look_up_two_runs(seen, hits, any_hit, shape, matrix, x, y0, heights, at, left, bits):  # type: ignore[no-untyped-def]
    """As ``_look_up`` in grids of at most 64 heights, of those of the columns ``at`` [n] that leave their column of the
    source once. Writes the others to ``left`` [n] and returns how many they are.

    Along which axis a column leaves cannot be foreseen, so nothing branches on it.
    """
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2] - 1.0
    per_x, per_y = 1.0 / dx if dx != 0.0 else 0.0, 1.0 / dy if dy != 0.0 else 0.0
    per_z = 1.0 / dz if dz != 0.0 else 0.0
    last, full = heights - 1.0, ~np.uint64(0) >> np.uint64(64 - heights)
    outside, others = shape[0] * shape[1], 0
    for n in range(len(at)):
        c = at[n]
        sx, sy, sz = column_foot(matrix, x + 0.5, y0 + c + 0.5)
        i, j, up = np.floor(sx), np.floor(sy), np.floor(sz)
        i_top, j_top, up_top = np.floor(sx + dx * last), np.floor(sy + dy * last), np.floor(sz + dz * last)
        if abs(i_top - i) + abs(j_top - j) + abs(up_top - up) != 1.0 or abs(up) > 62.0:
            left[others] = c
            others += 1
            continue
        along_x, along_y = i_top != i, j_top != j
        start = sx if along_x else (sy if along_y else sz)
        slope = dx if along_x else (dy if along_y else dz)
        per = per_x if along_x else (per_y if along_y else per_z)
        here = i if along_x else (j if along_y else up)
        border = here + (1.0 if slope > 0.0 else 0.0)
        cut = min(max(np.floor((border - start) * per + 0.5), 1.0), last)
        # That may round to either side, and going down the border itself is still inside.
        cut -= 1.0 if np.floor(start + slope * (cut - 1.0)) != here else 0.0
        cut += 1.0 if np.floor(start + slope * cut) == here else 0.0
        below = full >> np.uint64(heights - np.int64(cut))
        for top in range(2):
            a, b = np.int64(i_top if top else i), np.int64(j_top if top else j)
            by = np.int64(up_top if top else up)
            place = np.uint64(a * shape[1] + b if (a >= 0) & (a < shape[0]) & (b >= 0) & (b < shape[1]) else outside)
            inside = full & ~below if top else below
            bits[_SEEN, 0, c] |= _moved_by(seen[place, 0], by) & inside
            if any_hit[place]:
                row = np.uint64(2) * place
                bits[_STANDS, 0, c] |= _moved_by(hits[row + np.uint64(_STANDS), 0], by) & inside
                bits[_MOVES, 0, c] |= _moved_by(hits[row + np.uint64(_MOVES), 0], by) & inside
    return others


@numba.njit(cache=True, nogil=True)
def _look_up_runs(seen, hits, any_hit, shape, matrix, x, y, heights, bits, c):  # type: ignore[no-untyped-def]
    """As ``_look_up``, of one column (x, y), the ``c``-th: run by run."""
    sx, sy, sz = column_foot(matrix, x + 0.5, y + 0.5)
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2] - 1.0
    to_x, to_y, to_z = run_end(sx, dx, 0, heights), run_end(sy, dy, 0, heights), run_end(sz, dz, 0, heights)
    i, j, up = np.int64(np.floor(sx)), np.int64(np.floor(sy)), np.int64(np.floor(sz))
    k = 0
    while True:
        end = min(to_x, to_y, to_z)
        if 0 <= i < shape[0] and 0 <= j < shape[1]:
            place = np.uint64(i * shape[1] + j)
            for w in range(np.uint64(bits.shape[1])):
                inside = _between(k, end, w)
                bits[_SEEN, w, c] |= _shifted(seen, place, w, up) & inside
                if any_hit[place]:
                    row = np.uint64(2) * place
                    bits[_STANDS, w, c] |= _shifted(hits, row + np.uint64(_STANDS), w, up) & inside
                    bits[_MOVES, w, c] |= _shifted(hits, row + np.uint64(_MOVES), w, up) & inside
        if end == heights:
            return
        k = end
        if to_x == k:
            i, to_x = np.int64(np.floor(sx + dx * k)), run_end(sx, dx, k, heights)
        if to_y == k:
            j, to_y = np.int64(np.floor(sy + dy * k)), run_end(sy, dy, k, heights)
        if to_z == k:
            up, to_z = np.int64(np.floor(sz + dz * k)), run_end(sz, dz, k, heights)


@numba.njit(cache=True, nogil=True)
def _look_up(seen, hits, any_hit, shape, matrix, x, y0, heights, feet, split, places, bits):  # type: ignore[no-untyped-def]
    """What one frame, whose grid has this ``shape``, says of the target columns (x, y0), (x, y0 + 1), ...: ``bits``
    [3, words, columns] of its own columns: ``seen`` [X * Y + 1, words], ``hits`` [2 * (X * Y + 1), words],
    ``any_hit`` [X * Y + 1]."""
    bits[:] = 0
    at, left = places[3], places[4]
    columns = 0
    if bits.shape[1] == 1:
        _look_up_one_run(seen, hits, any_hit, shape, heights, feet, places, bits)
        for c in range(bits.shape[2]):
            at[columns] = c
            columns += split[c]
        for n in range(columns):
            bits[:, 0, at[n]] = 0
        columns = _look_up_two_runs(
            seen, hits, any_hit, shape, matrix, x, y0, heights, at[:columns], left, bits
        )  # fmt: skip
    else:
        for c in range(bits.shape[2]):
            left[c] = c
        columns = bits.shape[2]
    for n in range(columns):
        _look_up_runs(seen, hits, any_hit, shape, matrix, x, y0 + left[n], heights, bits, left[n])


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


@numba.njit(cache=True, nogil=True)
def hear_columns(  # type: ignore[no-untyped-def]
    thread, threads, packed, hit_bits, any_hit, shape, frames, matrices, own, seen, hit, solid, moved
):
    """The rows thread, thread + threads, thread + 2 threads, ... of the target."""
    heights, words = seen.shape[2], packed.shape[2]
    rows = hit_bits.reshape(len(hit_bits), -1, words)
    planes = 1
    while len(frames) >> planes:
        planes += 1
    feet, split = np.empty((3, _BLOCK)), np.empty(_BLOCK, np.bool_)
    places, bits = np.empty((5, _BLOCK), np.int32), np.empty((3, words, _BLOCK), np.uint64)
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
                    feet, split, places, bits,
                )  # fmt: skip
                _add(bits, own[f], saw, hits, ours, left)
            for c in range(n):
                y = y0 + c
                for w in range(words):
                    _spell_out(
                        saw[w, :, c], hits[w, :, c], ours[w, c], left[w, c], w * 64,
                        seen[x, y], hit[x, y], solid[x, y], moved[x, y],
                    )  # fmt: skip
