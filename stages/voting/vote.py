"""Forward registration of labelled frames into one target grid (OccFiner, section III-C, equations 7 to 9).

Every voxel of every source frame moves to the target and adds its integer weight to the votes of its class there,
empty space included. The target is cut into tiles that fit a core's cache; a thread owns whole tiles, so nothing is
locked, and integers make the result independent of the order of frames, tiles and threads.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from schemas.errors import BadRecipe
from schemas.geometry import Matrix

# The other layer that ships with numba, workqueue, aborts the process when two threads vote at once.
numba.config.THREADING_LAYER = "omp"

_TILE = 16  # 16 x 16 columns of 32 voxels and 20 classes take 0.7 MB: they stay in the second-level cache
_VOTES_PER_CELL = 8  # more centres of one frame cannot lie in one rotated cell of the same size


@dataclass(frozen=True, slots=True)
class Voters:
    """The frames that vote on one target."""

    frames: NDArray[np.int64]
    """Their rows [n] in the label array."""
    rigs: NDArray[np.int64]
    """Their weight volumes [n], rows of the weight array."""
    cell_from_voxel: NDArray[np.float64]
    """[n, 3, 4]: target cell coordinates of a source voxel's centre, from its index (i, j, k, 1)."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a vote over the target grid [X, Y, Z]."""

    winner: NDArray[np.uint8]
    """Class with the most votes; ties and cells without a vote go to the lowest id."""
    margin: NDArray[np.uint8]
    """(first - second) / all votes, scaled to 0..255 and rounded down; 0 without a vote."""
    support: NDArray[np.uint16]
    """How many frames voted in the cell."""


def cell_from_voxel(
    target_from_source: Matrix,
    source_origin: ArrayLike,
    source_voxel: ArrayLike,
    target_origin: ArrayLike,
    target_voxel: ArrayLike,
) -> NDArray[np.float64]:
    """[3, 4] from the index of a source voxel to target cell coordinates of its centre (floor gives the cell).

    Origins [m] and voxel sizes [m] are [3], or one number for all axes; the grids need not be alike.
    """
    origin = np.broadcast_to(np.asarray(source_origin, np.float64), 3)
    size = np.broadcast_to(np.asarray(source_voxel, np.float64), 3)
    result = np.empty((3, 4))
    result[:, :3] = target_from_source[:3, :3] * size
    first_centre = target_from_source[:3, :3] @ (origin + 0.5 * size) + target_from_source[:3, 3]
    result[:, 3] = first_centre - np.asarray(target_origin, np.float64)
    return result / np.broadcast_to(np.asarray(target_voxel, np.float64), 3)[:, None]


def vote(
    labels: NDArray[np.uint8],
    weights: NDArray[np.uint16],
    voters: Voters,
    shape: tuple[int, int, int],
    classes: int,
    confidence: NDArray[np.uint8] | None = None,
) -> Outcome:
    """Lets ``voters`` decide each cell of a target grid of ``shape``.

    labels: [frame, X, Y, Z] class ids; UNKNOWN and ids >= ``classes`` do not vote.
    weights: [rig, X, Y, Z]. confidence: like labels; a vote then counts weight * max(confidence, 1).
    Raises BadRecipe when the votes of a cell could exceed 32 bits.
    """
    _refuse_overflow(weights, voters, confidence)
    winner, margin = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    support = np.empty(shape, np.uint16)
    inputs = _kernel_inputs(labels, weights, voters, confidence)
    threads = use_threads(_worker_cpus())
    _vote_tiles(*inputs, classes, threads, winner, margin, support)
    return Outcome(winner, margin, support)


def count_votes(
    labels: NDArray[np.uint8],
    weights: NDArray[np.uint16],
    voters: Voters,
    shape: tuple[int, int, int],
    classes: int,
    confidence: NDArray[np.uint8] | None = None,
) -> NDArray[np.int32]:
    """The votes [X, Y, Z, class] that ``vote`` decides by; arguments as there."""
    _refuse_overflow(weights, voters, confidence)
    votes = np.zeros((*shape, classes + 2), np.int32)
    labels, weights, confidence, weigh, frames, rigs, matrices, inverses = _kernel_inputs(
        labels, weights, voters, confidence
    )
    for n, (frame, rig) in enumerate(zip(frames, rigs, strict=True)):
        row = confidence[frame if weigh else 0]
        _cast(labels[frame], weights[rig], row, weigh, matrices[n], inverses[n], 0, 0, n + 1, classes, votes)
    return np.ascontiguousarray(votes[..., :classes])


def use_threads(count: int) -> int:
    """Makes this process vote on ``count`` threads, or as many as numba has; returns how many."""
    count = max(1, min(count, numba.config.NUMBA_NUM_THREADS))
    numba.set_num_threads(count)
    return count


def _worker_cpus() -> int:
    """CPUs of this worker: Ray tells its actors in OMP_NUM_THREADS; otherwise whatever the process may run on."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() else len(os.sched_getaffinity(0))


def _refuse_overflow(weights: NDArray[np.uint16], voters: Voters, confidence: NDArray[np.uint8] | None) -> None:
    heaviest = int(weights.max(initial=0)) * (1 if confidence is None else 255)
    most = _VOTES_PER_CELL * heaviest * len(voters.frames)
    # A target cell coarser than the source voxels holds as many more of their centres.
    finer = max((1.0 / abs(np.linalg.det(matrix[:, :3])) for matrix in voters.cell_from_voxel), default=1.0)
    if most * max(finer, 1.0) >= 2**31:
        raise BadRecipe(
            f"{len(voters.frames)} frames of weight {heaviest} could overflow the 32-bit votes of a voxel; "
            "lower voting.radius"
        )


def _kernel_inputs(
    labels: NDArray[np.uint8],
    weights: NDArray[np.uint16],
    voters: Voters,
    confidence: NDArray[np.uint8] | None,
) -> tuple[Any, ...]:
    """The arguments of the kernel in the one type it is compiled for, with the inverse of each matrix."""
    inverses = np.empty_like(voters.cell_from_voxel)
    for matrix, inverse in zip(voters.cell_from_voxel, inverses, strict=True):
        inverse[:, :3] = np.linalg.inv(matrix[:, :3])
        inverse[:, 3] = -inverse[:, :3] @ matrix[:, 3]
    weigh = confidence is not None
    given = confidence if confidence is not None else np.empty((1, 1, 1, 1), np.uint8)
    return (
        np.ascontiguousarray(labels),
        np.ascontiguousarray(weights),
        np.ascontiguousarray(given),
        weigh,
        voters.frames,
        voters.rigs,
        np.ascontiguousarray(voters.cell_from_voxel),
        inverses,
    )


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
def _cast(labels, weights, confidence, weigh, matrix, inverse, x0, y0, stamp, classes, votes):  # type: ignore[no-untyped-def]
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
                if label >= classes or not inside:
                    continue
                # Unsigned: a signed index costs a test for counting from the end.
                cell = votes[np.uint32(int(cx) - x0), np.uint32(int(cy) - y0), np.uint32(int(cz))]
                weight = np.int32(weights[i, j, k])
                if weigh:
                    weight *= np.int32(max(confidence[i, j, k], 1))
                cell[label] += weight
                # Without a branch: it would be mispredicted too often, at four times the cost of the whole loop.
                cell[classes + 1] += np.int32(cell[classes] != stamp)
                cell[classes] = stamp


@numba.njit(cache=True, nogil=True)
def _decide(votes, classes, winner, margin, support):  # type: ignore[no-untyped-def]
    """Writes the outcome of a tile's votes into its part of the target."""
    for x in range(votes.shape[0]):
        for y in range(votes.shape[1]):
            for z in range(votes.shape[2]):
                cell = votes[x, y, z]
                best, first, second, total = 0, cell[0], np.int32(0), np.int64(cell[0])
                for label in range(1, classes):
                    count = cell[label]
                    total += count
                    if count > first:
                        best, first, second = label, count, first
                    elif count > second:
                        second = count
                winner[x, y, z] = best
                margin[x, y, z] = np.int64(first - second) * 255 // total if total > 0 else 0
                support[x, y, z] = cell[classes + 1]


@numba.njit(cache=True, nogil=True, parallel=True)
def _vote_tiles(  # type: ignore[no-untyped-def]
    labels, weights, confidence, weigh, frames, rigs, matrices, inverses, classes, threads, winner, margin, support
):
    """The whole target; thread ``t`` owns the tiles t, t + threads, t + 2 threads, ..."""
    tiles_x = (winner.shape[0] + _TILE - 1) // _TILE
    tiles_y = (winner.shape[1] + _TILE - 1) // _TILE
    for thread in numba.prange(threads):
        scratch = np.empty((_TILE, _TILE, winner.shape[2], classes + 2), np.int32)
        for tile in range(thread, tiles_x * tiles_y, threads):
            x0, y0 = tile // tiles_y * _TILE, tile % tiles_y * _TILE
            x1, y1 = min(x0 + _TILE, winner.shape[0]), min(y0 + _TILE, winner.shape[1])
            votes = scratch[: x1 - x0, : y1 - y0]
            votes[:] = 0
            for n in range(len(frames)):
                row = confidence[frames[n] if weigh else 0]
                _cast(
                    labels[frames[n]], weights[rigs[n]], row, weigh, matrices[n], inverses[n],
                    x0, y0, n + 1, classes, votes,
                )  # fmt: skip
            _decide(votes, classes, winner[x0:x1, y0:y1], margin[x0:x1, y0:y1], support[x0:x1, y0:y1])
