"""Forward registration: each voxel of each source frame moves to the target and votes where its centre falls.

The paper's method, exactly (OccFiner, equations 7 to 9). The target is cut into tiles that fit a core's cache, and a
thread owns whole tiles: nothing is locked, and as votes are integers, neither the order of frames and tiles nor the
number of threads can change a result.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.methods import Ballots, Outcome, Voters, inverses, on_threads, refuse_overflow

_TILE = 16  # 16 x 16 columns of 32 voxels and 20 classes take 0.7 MB: they stay in the second-level cache


@numba.njit(cache=True, nogil=True)
def _footprint(inverse, x0, y0, votes_shape, source_shape):  # type: ignore[no-untyped-def]
    """Source columns [i0, i1) x [j0, j1) that can fall into a tile: the box around its corners, one voxel wider."""
    low_i = low_j = np.inf
    high_i = high_j = -np.inf
    for corner in range(8):
        x = x0 + (votes_shape[0] if corner & 1 else 0)
        y = y0 + (votes_shape[1] if corner & 2 else 0)
        z = votes_shape[2] if corner & 4 else 0
        i = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] * z + inverse[0, 3]
        j = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] * z + inverse[1, 3]
        low_i, high_i = min(low_i, i), max(high_i, i)
        low_j, high_j = min(low_j, j), max(high_j, j)
    i0 = int(max(0.0, min(low_i - 1.0, source_shape[0])))
    i1 = int(max(0.0, min(high_i + 2.0, source_shape[0])))
    j0 = int(max(0.0, min(low_j - 1.0, source_shape[1])))
    j1 = int(max(0.0, min(high_j + 2.0, source_shape[1])))
    return i0, i1, j0, j1


@numba.njit(cache=True, nogil=True)
def cast(labels, weights, multipliers, matrix, inverse, x0, y0, stamp, classes, votes):  # type: ignore[no-untyped-def]
    """Adds the votes of one frame that fall into the tile ``votes`` [x, y, z, classes + 2] at cell (x0, y0, 0).

    The two last entries of a cell are the stamp of the frame that voted last, and how many frames voted.
    """
    i0, i1, j0, j1 = _footprint(inverse, x0, y0, votes.shape, labels.shape)
    height, last = labels.shape[2], labels.shape[2] - 1
    x_low, x_high = float(x0), float(x0 + votes.shape[0])
    y_low, y_high = float(y0), float(y0 + votes.shape[1])
    z_high = float(votes.shape[2])
    dx, dy, dz = matrix[0, 2], matrix[1, 2], matrix[2, 2]
    for i in range(i0, i1):
        for j in range(j0, j1):
            x = matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 3]
            y = matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 3]
            z = matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 3]
            x_end, y_end = x + dx * last, y + dy * last
            if max(x, x_end) < x_low or min(x, x_end) >= x_high or max(y, y_end) < y_low or min(y, y_end) >= y_high:
                continue
            for k in range(height):
                label = labels[i, j, k]
                cx, cy, cz = x + dx * k, y + dy * k, z + dz * k
                inside = x_low <= cx < x_high and y_low <= cy < y_high and 0.0 <= cz < z_high
                if label >= classes or not inside or multipliers[label] == 0:
                    continue
                # Unsigned: a signed index costs a test for counting from the end.
                cell = votes[np.uint32(int(cx) - x0), np.uint32(int(cy) - y0), np.uint32(int(cz))]
                cell[label] += np.int32(weights[i, j, k]) * multipliers[label]
                # Without a branch: it would be mispredicted too often, at four times the cost of the whole loop.
                cell[classes + 1] += np.int32(cell[classes] != stamp)
                cell[classes] = stamp


@numba.njit(cache=True, nogil=True)
def _decide(votes, classes, free, solid, winner, margin, support):  # type: ignore[no-untyped-def]
    """Writes the outcome of a tile's votes into its part of the target."""
    for x in range(votes.shape[0]):
        for y in range(votes.shape[1]):
            for z in range(votes.shape[2]):
                cell = votes[x, y, z]
                if solid[x, y, z]:
                    cell[free] = 0
                best, first, second, total = 0, cell[0], np.int32(0), np.int64(cell[0])
                for label in range(1, classes):
                    count = cell[label]
                    total += count
                    if count > first:
                        best, first, second = label, count, first
                    elif count > second:
                        second = count
                winner[x, y, z] = best if first > 0 or not solid[x, y, z] else UNKNOWN
                margin[x, y, z] = np.int64(first - second) * 255 // total if total > 0 else 0
                support[x, y, z] = cell[classes + 1]


@numba.njit(cache=True, nogil=True)
def vote_tiles(  # type: ignore[no-untyped-def]
    thread, threads, labels, weights, volumes, multipliers, frames, matrices, inverses, classes, free, solid,
    winner, margin, support,
):  # fmt: skip
    """The tiles thread, thread + threads, thread + 2 threads, ... of the target."""
    tiles_x = (winner.shape[0] + _TILE - 1) // _TILE
    tiles_y = (winner.shape[1] + _TILE - 1) // _TILE
    scratch = np.empty((_TILE, _TILE, winner.shape[2], classes + 2), np.int32)
    for tile in range(thread, tiles_x * tiles_y, threads):
        x0, y0 = tile // tiles_y * _TILE, tile % tiles_y * _TILE
        x1, y1 = min(x0 + _TILE, winner.shape[0]), min(y0 + _TILE, winner.shape[1])
        votes = scratch[: x1 - x0, : y1 - y0]
        votes[:] = 0
        for n in range(len(frames)):
            cast(
                labels[frames[n]], weights[volumes[frames[n]]], multipliers[n], matrices[n], inverses[n],
                x0, y0, n + 1, classes, votes,
            )  # fmt: skip
        _decide(
            votes, classes, free, solid[x0:x1, y0:y1],
            winner[x0:x1, y0:y1], margin[x0:x1, y0:y1], support[x0:x1, y0:y1],
        )  # fmt: skip


class Splat:
    """Votes of the ballots' frames on any of their targets."""

    def __init__(self, ballots: Ballots, threads: int = 1) -> None:
        self._ballots = ballots
        self._threads = threads
        self._labels, self._weights = np.ascontiguousarray(ballots.labels), np.ascontiguousarray(ballots.weights)

    def vote(self, voters: Voters, shape: tuple[int, int, int]) -> Outcome:
        refuse_overflow(self._ballots, voters)
        outcome = Outcome(np.empty(shape, np.uint8), np.empty(shape, np.uint8), np.empty(shape, np.uint16))
        on_threads(
            vote_tiles, self._threads, self._labels, self._weights, self._ballots.volumes,
            np.ascontiguousarray(voters.multipliers, np.int32),
            voters.frames, voters.cell_from_voxel, inverses(voters.cell_from_voxel), self._ballots.classes,
            self._ballots.free_id, voters.solid_in(shape),
            outcome.winner, outcome.margin, outcome.support,
        )  # fmt: skip
        return outcome

    def count(self, voters: Voters, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """The votes [X, Y, Z, class] that ``vote`` decides by."""
        refuse_overflow(self._ballots, voters)
        classes = self._ballots.classes
        votes = np.zeros((*shape, classes + 2), np.int32)
        back = inverses(voters.cell_from_voxel)
        for n, frame in enumerate(voters.frames):
            weights = self._weights[self._ballots.volumes[frame]]
            multipliers, matrix = np.ascontiguousarray(voters.multipliers[n], np.int32), voters.cell_from_voxel[n]
            cast(self._labels[frame], weights, multipliers, matrix, back[n], 0, 0, n + 1, classes, votes)
        return np.ascontiguousarray(votes[..., :classes])
