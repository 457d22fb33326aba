"""The vote seen from the target: each cell looks up, in every source frame, the voxel that its centre lies in.

Forward registration (``splat.py``) leaves cells without a vote where a rotated grid spreads its voxels, and doubles
votes where it crowds them; looked up from the target, every frame that covers a cell votes there exactly once.

Most voxels are empty and most weights do not depend on the label. So a column of the target adds up the weights of all
frames as if all were votes for free, whole runs of heights at once, and then moves the votes of the few voxels that are
not free to their classes. Only those are kept of a source frame: a short list per column.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from stages.voting.vote import Ballots, Outcome, Voters, inverses, refuse_overflow, use_threads, worker_cpus

_BLOCK = 32  # columns of 32 heights and 20 classes: 82 kB, within the second-level cache

_BIT_OF = np.zeros(64, np.int64)
"""Which bit is set in a power of two, by the upper six bits of its product with ``_DE_BRUIJN``."""
_DE_BRUIJN = np.uint64(0x03F79D71B4CB0A89)
for _bit in range(64):
    _BIT_OF[((1 << _bit) * int(_DE_BRUIJN) & (1 << 64) - 1) >> 58] = _bit


@numba.njit(cache=True, nogil=True)
def list_columns(labels, weights, free, unknown, starts, entries):  # type: ignore[no-untyped-def]
    """Lists the voxels [X, Y, Z] of a frame that are not ``free``, column by column.

    starts: int32 [X * Y + 1], where a column's list begins. entries: uint32 [n]: height << 24 | label << 16 | weight,
    with ``unknown`` for all labels from there on; it must be long enough.
    """
    count = 0
    for i in range(labels.shape[0]):
        for j in range(labels.shape[1]):
            starts[i * labels.shape[1] + j] = count
            for k in range(labels.shape[2]):
                label = min(labels[i, j, k], unknown)
                if label != free:
                    entries[count] = np.uint32(k) << 24 | np.uint32(label) << 16 | np.uint32(weights[i, j, k])
                    count += 1
    starts[len(starts) - 1] = count


@numba.njit(cache=True, nogil=True, inline="always")
def run_end(start, slope, k, last):  # type: ignore[no-untyped-def]
    """The first height after ``k``, at most ``last``, where floor(start + slope * height) is another."""
    here = np.floor(start + slope * k)
    if np.floor(start + slope * (last - 1)) == here:
        return last
    border = (here + 1.0 - start) / slope if slope > 0 else (here - start) / slope
    end = min(max(int(border), k + 1), last)
    # The division may round to the other side.
    while end > k + 1 and np.floor(start + slope * (end - 1)) != here:
        end -= 1
    while end < last and np.floor(start + slope * end) == here:
        end += 1
    return end


@numba.njit(cache=True, nogil=True, inline="always")
def column_foot(matrix, x, y):  # type: ignore[no-untyped-def]
    """Where the centre of the lowest cell of the column at (x, y) lies in the source, in voxels."""
    return (
        matrix[0, 0] * x + matrix[0, 1] * y + matrix[0, 2] * 0.5 + matrix[0, 3],
        matrix[1, 0] * x + matrix[1, 1] * y + matrix[1, 2] * 0.5 + matrix[1, 3],
        matrix[2, 0] * x + matrix[2, 1] * y + matrix[2, 2] * 0.5 + matrix[2, 3],
    )


@numba.njit(cache=True, nogil=True)
def _add_frame(starts, entries, weights, multipliers, free, matrix, x, y0, votes, totals, covered, named):  # type: ignore[no-untyped-def]
    """Adds what one frame says of the target columns (x, y0), (x, y0 + 1), ...

    votes: [columns, Z, classes]. totals [columns, Z]: weights times the multiplier of free, as if every voxel were
    free; what is not is taken off in ``votes``. covered [columns, Z + 1]: by how many more frames voted than one height
    below. named uint64 [columns, Z]: the
    classes but free that were named, bit ``class % 64``.
    """
    heights = totals.shape[1]
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2] - 1.0
    empty = multipliers[free]
    says = np.uint16(empty > 0)
    for c in range(totals.shape[0]):
        sx, sy, sz = column_foot(matrix, x + 0.5, y0 + c + 0.5)
        k = 0
        while k < heights:
            end = min(run_end(sx, dx, k, heights), run_end(sy, dy, k, heights), run_end(sz, dz, k, heights))
            i, j = int(np.floor(sx + dx * k)), int(np.floor(sy + dy * k))
            up = int(np.floor(sz + dz * k))
            low, high = max(k, -up), min(end, weights.shape[2] - up)
            k = end
            if i < 0 or i >= weights.shape[0] or j < 0 or j >= weights.shape[1] or low >= high:
                continue
            # Unsigned: a signed index costs a test for counting from the end, and no loop with tests is vectorised.
            row, first, source = np.uint64(c), np.uint64(low), np.uint64(low + up)
            ui, uj = np.uint64(i), np.uint64(j)
            for q in range(np.uint64(high - low)):
                totals[row, first + q] += np.int32(weights[ui, uj, source + q]) * empty
            covered[row, first] += says
            covered[row, np.uint64(high)] -= says
            place = ui * np.uint64(weights.shape[1]) + uj
            for e in range(np.uint64(starts[place]), np.uint64(starts[place + np.uint64(1)])):
                entry = entries[e]
                height = int(entry >> np.uint32(24)) - up
                if low <= height < high:
                    h = np.uint64(height)
                    label = np.uint64((entry >> np.uint32(16)) & np.uint32(255))
                    weight = np.int32(entry & np.uint32(65535))
                    totals[row, h] -= weight * empty
                    votes[row, h, label] += weight * multipliers[label]
                    if (multipliers[label] > 0) != says:
                        other = np.uint16(multipliers[label] > 0) - says
                        covered[row, h] += other
                        covered[row, h + np.uint64(1)] -= other
                    named[row, h] |= np.uint64(1) << (label & np.uint64(63))


@numba.njit(cache=True, nogil=True)
def _decide(votes, totals, covered, free, named, winner, margin, support):  # type: ignore[no-untyped-def]
    """Writes the outcome of one column and clears the tally."""
    frames = np.uint16(0)
    for k in range(len(totals)):
        frames += covered[k]
        support[k] = frames
        winner[k] = free if totals[k] > 0 else 0
        margin[k] = 255 if totals[k] > 0 else 0
        left = named[k]
        if left:
            votes[k, free] += totals[k]
            left |= np.uint64(1) << np.uint64(free & 63)
            best, first, second, total = 0, np.int32(0), np.int32(0), np.int32(0)
            while left:  # the lowest bit that is set, and on
                lowest = left & (~left + np.uint64(1))
                left ^= lowest
                for c in range(_BIT_OF[(lowest * _DE_BRUIJN) >> np.uint64(58)], votes.shape[1], 64):
                    count = votes[k, c]
                    votes[k, c] = 0
                    total += count
                    if count > first or (count == first and c < best):
                        best, first, second = c, count, first
                    else:
                        second = max(second, count)
            winner[k] = best
            margin[k] = np.int64(first - second) * 255 // total if total > 0 else 0
            named[k] = 0
    totals[:] = 0
    covered[:] = 0


@numba.njit(cache=True, nogil=True, parallel=True)
def gather_columns(  # type: ignore[no-untyped-def]
    starts, entries, weights, volumes, multipliers, free, frames, matrices, threads, winner, margin, support
):
    """The whole target; thread ``t`` owns the rows t, t + threads, t + 2 threads, ...

    ``matrices`` [n, 3, 4]: source voxel coordinates (floor gives the index) of a point in target cell coordinates.
    """
    for thread in numba.prange(threads):
        votes = np.zeros((_BLOCK, winner.shape[2], multipliers.shape[1]), np.int32)
        totals = np.zeros((_BLOCK, winner.shape[2]), np.int32)
        covered = np.zeros((_BLOCK, winner.shape[2] + 1), np.uint16)
        named = np.zeros((_BLOCK, winner.shape[2]), np.uint64)
        for x in range(thread, winner.shape[0], threads):
            for y0 in range(0, winner.shape[1], _BLOCK):
                columns = min(_BLOCK, winner.shape[1] - y0)
                for n in range(len(frames)):
                    f = frames[n]
                    _add_frame(
                        starts[f], entries[f], weights[volumes[f]], multipliers[n], free, matrices[n],
                        x, y0, votes[:columns], totals[:columns], covered[:columns], named[:columns],
                    )  # fmt: skip
                for c in range(columns):
                    y = y0 + c
                    _decide(votes[c], totals[c], covered[c], free, named[c], winner[x, y], margin[x, y], support[x, y])


class Gather:
    """Votes of the ballots' frames on any of their targets. Grids of up to 256 heights and 255 classes."""

    def __init__(self, ballots: Ballots) -> None:
        frames, x, y, _ = ballots.labels.shape
        self._ballots = ballots
        self._labels, self._weights = np.ascontiguousarray(ballots.labels), np.ascontiguousarray(ballots.weights)
        most = max((int(np.count_nonzero(frame != ballots.free_id)) for frame in self._labels), default=0)
        self._starts = np.empty((frames, x * y + 1), np.int32)
        self._entries = np.empty((frames, most), np.uint32)
        self._listed = np.zeros(frames, bool)

    def prepare(self, frame: int) -> None:
        """Lists what a frame names besides free. ``vote`` does it for the frames that it meets first."""
        ballots = self._ballots
        list_columns(
            self._labels[frame], self._weights[ballots.volumes[frame]], ballots.free_id, ballots.classes,
            self._starts[frame], self._entries[frame],
        )  # fmt: skip
        self._listed[frame] = True

    def columns(self, frame: int) -> tuple[NDArray[np.int32], NDArray[np.uint32]]:
        """What ``list_columns`` listed of a frame."""
        if not self._listed[frame]:
            self.prepare(frame)
        return self._starts[frame], self._entries[frame]

    def weights(self, frame: int) -> NDArray[np.uint16]:
        """[X, Y, Z], of the votes of a frame."""
        return self._weights[self._ballots.volumes[frame]]

    def vote(self, voters: Voters, shape: tuple[int, int, int]) -> Outcome:
        ballots = self._ballots
        refuse_overflow(ballots, voters)
        for frame in voters.frames[~self._listed[voters.frames]]:
            self.prepare(int(frame))
        multipliers = np.zeros((len(voters.frames), ballots.classes + 1), np.int32)
        multipliers[:, : ballots.classes] = voters.multipliers
        outcome = Outcome(np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint16))
        gather_columns(
            self._starts, self._entries, self._weights, ballots.volumes, multipliers, ballots.free_id, voters.frames,
            voxel_from_cell(voters.cell_from_voxel), use_threads(worker_cpus()),
            outcome.winner, outcome.margin, outcome.support,
        )  # fmt: skip
        return outcome


def voxel_from_cell(cell_from_voxel: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 3, 4] source voxel coordinates of points in target cells, of ``Voters.cell_from_voxel`` [n, 3, 4].

    There the index of a voxel stands for its centre; here floor gives the voxel that a point lies in.
    """
    result = inverses(cell_from_voxel)
    result[:, :, 3] += 0.5
    return result
