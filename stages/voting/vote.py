"""Forward registration of labelled frames into one target grid (OccFiner, section III-C, equations 7 to 9).

Every voxel of every source frame moves to the target and adds its integer weight to the votes of its class there,
empty space included.
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
from stages.voting.splat import cast, vote_tiles

_VOTES_PER_CELL = 8  # more centres of one frame cannot lie in one rotated cell of the same size


@dataclass(frozen=True, slots=True)
class Voters:
    """The frames that vote on one target."""

    frames: NDArray[np.int64]
    """Their rows [n] in the label array."""
    rigs: NDArray[np.int64]
    """Their weight volumes [n], rows of the weight array: one a rig, or one a frame."""
    cell_from_voxel: NDArray[np.float64]
    """[n, 3, 4]: target cell coordinates of a source voxel's centre, from its index (i, j, k, 1)."""
    multipliers: NDArray[np.int32]
    """[n, classes]: by how much a frame's votes for a class count more; of 0 the frame has no say."""


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
    labels: NDArray[np.uint8], weights: NDArray[np.uint16], voters: Voters, shape: tuple[int, int, int]
) -> Outcome:
    """Lets ``voters`` decide each cell of a target grid of ``shape``.

    labels: [frame, X, Y, Z] class ids; UNKNOWN and ids without a multiplier do not vote. weights: [rig, X, Y, Z].
    Raises BadRecipe when the votes of a cell could exceed 32 bits.
    """
    refuse_overflow(weights, voters)
    winner, margin = np.empty(shape, np.uint8), np.empty(shape, np.uint8)
    support = np.empty(shape, np.uint16)
    threads = use_threads(worker_cpus())
    vote_tiles(*_kernel_inputs(labels, weights, voters), threads, winner, margin, support)
    return Outcome(winner, margin, support)


def count_votes(
    labels: NDArray[np.uint8], weights: NDArray[np.uint16], voters: Voters, shape: tuple[int, int, int]
) -> NDArray[np.int32]:
    """The votes [X, Y, Z, class] that ``vote`` decides by; arguments as there."""
    refuse_overflow(weights, voters)
    labels, weights, multipliers, frames, rigs, matrices, inverses, classes = _kernel_inputs(labels, weights, voters)
    votes = np.zeros((*shape, classes + 2), np.int32)
    for n, (frame, rig) in enumerate(zip(frames, rigs, strict=True)):
        cast(labels[frame], weights[rig], multipliers[n], matrices[n], inverses[n], 0, 0, n + 1, classes, votes)
    return np.ascontiguousarray(votes[..., :classes])


def use_threads(count: int) -> int:
    """Makes this process vote on ``count`` threads, or as many as numba has; returns how many."""
    count = max(1, min(count, numba.config.NUMBA_NUM_THREADS))
    numba.set_num_threads(count)
    return count


def worker_cpus() -> int:
    """CPUs of this worker: Ray tells its actors in OMP_NUM_THREADS; otherwise whatever the process may run on."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdigit() else len(os.sched_getaffinity(0))


def refuse_overflow(weights: NDArray[np.uint16], voters: Voters) -> None:
    """Raises BadRecipe when the votes of a cell could exceed 32 bits."""
    heaviest = int(weights.max(initial=0)) * int(voters.multipliers.max(axis=1, initial=0).sum())
    # A target cell coarser than the source voxels holds as many more of their centres.
    finer = max((1.0 / abs(np.linalg.det(matrix[:, :3])) for matrix in voters.cell_from_voxel), default=1.0)
    if _VOTES_PER_CELL * heaviest * max(finer, 1.0) >= 2**31:
        raise BadRecipe(
            f"the votes of {len(voters.frames)} frames, up to {heaviest} in all, could overflow the 32 bits of a "
            "voxel; lower voting.radius"
        )


def _kernel_inputs(labels: NDArray[np.uint8], weights: NDArray[np.uint16], voters: Voters) -> tuple[Any, ...]:
    """The arguments of the kernel in the one type it is compiled for, with the inverse of each matrix."""
    inverses = np.empty_like(voters.cell_from_voxel)
    for matrix, inverse in zip(voters.cell_from_voxel, inverses, strict=True):
        inverse[:, :3] = np.linalg.inv(matrix[:, :3])
        inverse[:, 3] = -inverse[:, :3] @ matrix[:, 3]
    return (
        np.ascontiguousarray(labels),
        np.ascontiguousarray(weights),
        np.ascontiguousarray(voters.multipliers, np.int32),
        voters.frames,
        voters.rigs,
        np.ascontiguousarray(voters.cell_from_voxel),
        inverses,
        voters.multipliers.shape[1],
    )
