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

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.crossing import column_feet, column_foot, run_end
from occlabel.stages.voting.methods import Ballots, Outcome, Voters, inverses, on_threads, refuse_overflow

_BLOCK = 128  # columns of 32 heights and 20 classes: 328 kB, within the second-level cache

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


@numba.njit(cache=True, nogil=True)
def _add_frame(  # type: ignore[no-untyped-def]
    starts, entries, weights, volume, shape, multipliers, free, matrix, x, y0, feet, split, ramp, votes, totals,
    covered, named
):  # fmt: skip
    """Adds what one frame says of the target columns (x, y0), (x, y0 + 1), ...

    weights: of all voxels of all volumes, flat; the frame's begin at ``volume`` and have the ``shape`` of its grid.
    feet, split: of the columns, from ``column_feet``. ramp: uint32 [Z], 0, 1, 2, ...
    votes [columns, Z, classes]. totals [columns, Z]: weights times the multiplier of free, as if all were free; what is
    not is taken off. covered [columns, Z + 1]: by how many more frames voted than one height below. named uint64
    [columns, Z]: the classes but free that were named, bit ``class % 64``.
    """
    heights = totals.shape[1]
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2] - 1.0
    empty, says = multipliers[free], np.uint16(multipliers[free] > 0)
    for c in range(totals.shape[0]):
        i, j, up = int(feet[0, c]), int(feet[1, c]), int(feet[2, c])
        sx, sy, sz, to_x, to_y, to_z = 0.0, 0.0, 0.0, heights, heights, heights
        if split[c]:
            sx, sy, sz = column_foot(matrix, x + 0.5, y0 + c + 0.5)
            to_x, to_y, to_z = run_end(sx, dx, 0, heights), run_end(sy, dy, 0, heights), run_end(sz, dz, 0, heights)
        k = 0
        while True:
            end = min(to_x, to_y, to_z)
            low, high = max(k, -up), min(end, shape[2] - up)
            if 0 <= i < shape[0] and 0 <= j < shape[1] and low < high:
                # Unsigned: a signed index costs a test for counting from the end, and no loop with tests is vectorised.
                row, first, span, shift = np.uint64(c), np.uint64(low), np.uint64(high - low), np.uint64(up)
                place, base = i * shape[1] + j, volume + (i * shape[1] + j) * shape[2] + up
                if 0 <= base <= len(weights) - heights:
                    # All heights, and nothing added outside the run: as fast for a short run as for a long one.
                    for h in range(np.uint64(heights)):
                        inside = np.uint32(ramp[h] - np.uint32(low)) < np.uint32(high - low)
                        totals[row, h] += np.int32(weights[np.uint64(base) + h]) * empty if inside else np.int32(0)
                else:
                    for h in range(low, high):
                        totals[c, h] += np.int32(weights[base + h]) * empty
                covered[row, first] += says
                covered[row, first + span] -= says
                for e in range(np.uint64(starts[np.uint64(place)]), np.uint64(starts[np.uint64(place + 1)])):
                    entry = entries[e]
                    height = np.uint64(entry >> np.uint32(24)) - shift
                    if height - first < span:
                        label = np.uint64((entry >> np.uint32(16)) & np.uint32(255))
                        weight = np.int32(entry & np.uint32(65535))
                        totals[row, height] -= weight * empty
                        votes[row, height, label] += weight * multipliers[label]
                        if (multipliers[label] > 0) != says:
                            other = np.uint16(multipliers[label] > 0) - says
                            covered[row, height] += other
                            covered[row, height + np.uint64(1)] -= other
                        named[row, height] |= np.uint64(1) << (label & np.uint64(63))
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
def _decide(votes, totals, covered, free, named, solid, winner, margin, support):  # type: ignore[no-untyped-def]
    """Writes the outcome of one column and clears the tally."""
    frames = np.uint16(0)
    for k in range(len(totals)):
        frames += covered[k]
        support[k] = frames
        if solid[k]:
            totals[k] = 0
        winner[k] = free if totals[k] > 0 else (UNKNOWN if solid[k] else 0)
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
            winner[k] = best if first > 0 or not solid[k] else UNKNOWN
            margin[k] = np.int64(first - second) * 255 // total if total > 0 else 0
            named[k] = 0
    totals[:] = 0
    covered[:] = 0


@numba.njit(cache=True, nogil=True)
def gather_columns(  # type: ignore[no-untyped-def]
    thread, threads, starts, entries, weights, volumes, shape, multipliers, free, frames, matrices, solid,
    winner, margin, support,
):  # fmt: skip
    """The rows thread, thread + threads, thread + 2 threads, ... of the target.

    weights: of all volumes, flat; ``volumes`` [frames] are those of the frames, and ``shape`` the frames' grid.
    ``matrices`` [n, 3, 4]: source voxel coordinates (floor gives the index) of a point in target cell coordinates.
    """
    size = shape[0] * shape[1] * shape[2]
    feet, split = np.empty((3, _BLOCK)), np.empty(_BLOCK, np.bool_)
    ramp = np.arange(winner.shape[2]).astype(np.uint32)
    votes = np.zeros((_BLOCK, winner.shape[2], multipliers.shape[1]), np.int32)
    totals = np.zeros((_BLOCK, winner.shape[2]), np.int32)
    covered = np.zeros((_BLOCK, winner.shape[2] + 1), np.uint16)
    named = np.zeros((_BLOCK, winner.shape[2]), np.uint64)
    for x in range(thread, winner.shape[0], threads):
        for y0 in range(0, winner.shape[1], _BLOCK):
            columns = min(_BLOCK, winner.shape[1] - y0)
            for n in range(len(frames)):
                f = frames[n]
                column_feet(matrices[n], x, y0, winner.shape[2], feet, split[:columns])
                _add_frame(
                    starts[f], entries[f], weights, volumes[f] * size, shape, multipliers[n], free, matrices[n],
                    x, y0, feet, split, ramp, votes[:columns], totals[:columns], covered[:columns], named[:columns],
                )  # fmt: skip
            for c in range(columns):
                y = y0 + c
                _decide(
                    votes[c], totals[c], covered[c], free, named[c], solid[x, y],
                    winner[x, y], margin[x, y], support[x, y],
                )  # fmt: skip


class Gather:
    """Votes of the ballots' frames on any of their targets. Grids of up to 256 heights and 255 classes."""

    def __init__(self, ballots: Ballots, threads: int = 1) -> None:
        frames, x, y, _ = ballots.labels.shape
        self._ballots = ballots
        self._threads = threads
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
        on_threads(
            gather_columns, self._threads, self._starts, self._entries, self._weights.reshape(-1), ballots.volumes,
            self._weights.shape[1:], multipliers, ballots.free_id, voters.frames,
            voxel_from_cell(voters.cell_from_voxel), voters.solid_in(shape),
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
