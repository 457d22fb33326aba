"""The votes that a grid of the world holds: a frame's added or removed, a target's outcome read off.

Kept of a world cell are the sum of all weights as if every vote were for free, how many frames covered it, and, where
any frame named a class, a slot with the votes of all classes (see ``gather.py``) and with what they come to: reading a
target then touches 16 bytes a cell instead of 80.
"""

from __future__ import annotations

import numba
import numpy as np

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.crossing import column_foot, run_end

_FIRST, _SECOND, _BEST, _SUM = range(4)
"""Of the classes but free, in a slot's summary: most votes, next most, who has the most, and all."""


@numba.njit(cache=True, nogil=True, inline="always")
def _sum_up(votes, summary):  # type: ignore[no-untyped-def]
    """Summary [4] of a slot's ``votes`` [classes]; ties go to the lowest id."""
    first, total = np.int32(0), np.int32(0)
    for c in range(len(votes)):
        first = max(first, votes[c])
        total += votes[c]
    best = 0
    while votes[best] != first:
        best += 1
    second = np.int32(0)
    for c in range(len(votes)):
        if c != best:
            second = max(second, votes[c])
    summary[_FIRST], summary[_SECOND], summary[_BEST], summary[_SUM] = first, second, best, total


@numba.njit(cache=True, nogil=True)
def cast(  # type: ignore[no-untyped-def]
    thread, threads, starts, entries, weights, multipliers, free, matrix, corner, area, sign,
    totals, covered, slots, votes, summaries, tops,
):  # fmt: skip
    """Adds (``sign`` 1) or removes (-1) what one frame says of the columns in ``area`` (x0, x1, y0, y1).

    ``matrix`` [3, 4] counts cells from the world's origin, ``area`` from ``corner`` [3], the first that is kept: what
    is rounded must not depend on what happens to be kept.
    The thread owns the world rows thread, thread + threads, ... and the slots ``votes[thread]``.
    """
    bottom = corner[2]
    top_of_all = bottom + totals.shape[2]
    dx, dy, rise = matrix[0, 2], matrix[1, 2], matrix[2, 2]
    dz = rise - 1.0
    empty = multipliers[free] * sign
    says = np.uint16(multipliers[free] > 0) * np.uint16(sign & 0xFFFF)
    first_row = area[0] + (thread - area[0]) % threads
    for x in range(first_row, area[1], threads):
        for y in range(area[2], area[3]):
            sx, sy, sz = column_foot(matrix, x + corner[0] + 0.5, y + corner[1] + 0.5)
            # The frame lies between two heights of the world: what is below and above them is skipped.
            k = max(int(np.floor(-sz / rise)) - 2, bottom)
            top = min(int(np.ceil((weights.shape[2] - sz) / rise)) + 2, top_of_all)
            while k < top:
                end = min(run_end(sx, dx, k, top), run_end(sy, dy, k, top), run_end(sz, dz, k, top))
                i, j = int(np.floor(sx + dx * k)), int(np.floor(sy + dy * k))
                up = int(np.floor(sz + dz * k))
                low, high = max(k, -up), min(end, weights.shape[2] - up)
                k = end
                if i < 0 or i >= weights.shape[0] or j < 0 or j >= weights.shape[1] or low >= high:
                    continue
                ux, uy, ui, uj = np.uint64(x), np.uint64(y), np.uint64(i), np.uint64(j)
                first, source = np.uint64(low - bottom), np.uint64(low + up)
                for q in range(np.uint64(high - low)):
                    totals[ux, uy, first + q] += np.int32(weights[ui, uj, source + q]) * empty
                    covered[ux, uy, first + q] += says
                place = ui * np.uint64(weights.shape[1]) + uj
                for e in range(np.uint64(starts[place]), np.uint64(starts[place + np.uint64(1)])):
                    entry = entries[e]
                    height = int(entry >> np.uint32(24)) - up
                    if low <= height < high:
                        height -= bottom
                        label = int((entry >> np.uint32(16)) & np.uint32(255))
                        weight = np.int32(entry & np.uint32(65535))
                        slot = slots[x, y, height]
                        if slot < 0:
                            slot = tops[thread]
                            tops[thread] += 1
                            slots[x, y, height] = slot
                        totals[x, y, height] -= weight * empty
                        votes[thread, slot, label] += weight * multipliers[label] * sign
                        covered[x, y, height] += np.uint16(sign * int(multipliers[label] > 0) & 0xFFFF) - says
                        _sum_up(votes[thread, slot], summaries[thread, slot])


@numba.njit(cache=True, nogil=True, inline="always")
def _own_votes(entries, weights, extra, free, own):  # type: ignore[no-untyped-def]
    """Writes which label the target's own column gives more votes to, and how many more, ``own`` [Z, 2]. What is not
    among the ``entries`` it calls free, with ``weights`` [Z]."""
    own[:, 0] = free
    own[:, 1] = weights * max(extra[free], np.int32(0))
    for entry in entries:
        label = int((entry >> np.uint32(16)) & np.uint32(255))
        height = int(entry >> np.uint32(24))
        own[height, 0] = label
        own[height, 1] = np.int32(entry & np.uint32(65535)) * max(extra[label], np.int32(0))


@numba.njit(cache=True, nogil=True)
def read_off(  # type: ignore[no-untyped-def]
    thread, threads, matrix, corner, starts, entries, weights, extra, free, solid,
    totals, covered, slots, votes, summaries, winner, margin, support,
):  # fmt: skip
    """The outcome of the rows thread, thread + threads, ... of a target.

    ``matrix`` [3, 4]: world cell coordinates of its voxels' centres; ``corner`` as there.
    ``extra`` [classes + 1]: by how much more the target's own votes, which have ``weights`` [X, Y, Z], are multiplied
    in its own voxels.
    """
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2] - 1.0
    heights = winner.shape[2]
    tally = np.zeros(votes.shape[2], np.int32)
    nothing, summary = np.zeros(4, np.int32), np.zeros(4, np.int32)
    own = np.zeros((heights, 2), np.int32)
    for i in range(thread, winner.shape[0], threads):
        for j in range(winner.shape[1]):
            place = i * winner.shape[1] + j
            _own_votes(entries[starts[place] : starts[place + 1]], weights[i, j], extra, free, own)
            wx = matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 3]
            wy = matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 3]
            wz = matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 3]
            end = 0
            for k in range(heights):
                if k == end:
                    end = min(run_end(wx, dx, k, heights), run_end(wy, dy, k, heights), run_end(wz, dz, k, heights))
                    x = np.uint64(int(np.floor(wx + dx * k)) - corner[0])
                    y = np.uint64(int(np.floor(wy + dy * k)) - corner[1])
                    up = int(np.floor(wz + dz * k)) - corner[2]
                    owner = x % np.uint64(threads)
                z = np.uint64(k + up)
                empty, slot = totals[x, y, z], slots[x, y, z]
                if own[k, 0] == free:
                    empty += own[k, 1]
                    own[k, 1] = 0
                if solid[i, j, k]:
                    empty = np.int32(0)
                support[i, j, k] = covered[x, y, z]
                if slot < 0 and own[k, 1] == 0:
                    winner[i, j, k] = free if empty > 0 else (UNKNOWN if solid[i, j, k] else 0)
                    margin[i, j, k] = 255 if empty > 0 else 0
                    continue
                said = summaries[owner, np.uint64(slot)] if slot >= 0 else nothing
                if own[k, 1] > 0:
                    tally[:] = 0
                    if slot >= 0:
                        tally[:] = votes[owner, np.uint64(slot)]
                    tally[own[k, 0]] += own[k, 1]
                    _sum_up(tally, summary)
                    said = summary
                first, second, best = said[_FIRST], said[_SECOND], said[_BEST]
                total = said[_SUM] + empty
                if empty > first or (empty == first and free < best):
                    first, second, best = empty, first, free
                else:
                    second = max(second, empty)
                winner[i, j, k] = best if first > 0 or not solid[i, j, k] else UNKNOWN
                margin[i, j, k] = np.int64(first - second) * 255 // total if total > 0 else 0
