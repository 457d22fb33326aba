"""The contract of the voting methods: who votes on a target with what, and what comes out (OccFiner, section III-C).

Every voxel of every source frame adds an integer weight to the votes of its class in the target, empty space included.
The methods differ in how they find the cell: ``splat`` moves source voxels to the target (equations 7 to 9), ``gather``
looks the target's cells up in the sources.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.geometry import Matrix

ONE = 16
"""The multiplier of a vote that counts once: empty votes are weighed in steps of a sixteenth."""
ROOM = 2**31 // 8
"""What the votes of a cell, one a frame, must stay below: it has 32 bits, and more than 8 centres of one frame cannot
lie in one rotated cell of the same size."""


@dataclass(frozen=True, slots=True)
class Ballots:
    """What the frames of a window say, whatever the target."""

    labels: NDArray[np.uint8]
    """[frame, X, Y, Z] class ids; UNKNOWN and ids >= ``classes`` do not vote."""
    weights: NDArray[np.uint16]
    """[volume, X, Y, Z]: how much each voxel's vote counts."""
    volumes: NDArray[np.int64]
    """[frame]: which of the weight volumes is the frame's; one volume may serve all frames of a rig."""
    classes: int
    free_id: int
    world_from_voxel: NDArray[np.float64] | None = None
    """[frame, 3, 4] world coordinates of a voxel's centre, in voxels, from its index (i, j, k, 1); NaN: unknown."""


@dataclass(frozen=True, slots=True)
class Voters:
    """The frames that vote on one target."""

    frames: NDArray[np.int64]
    """Their rows [n] in the ballots."""
    cell_from_voxel: NDArray[np.float64]
    """[n, 3, 4]: target cell coordinates of a source voxel's centre, from its index (i, j, k, 1)."""
    multipliers: NDArray[np.int32]
    """[n, classes]: by how much a frame's votes for a class count more; of 0 the frame has no say."""
    target: int = -1
    """Which frame's own grid the target is, if it is one's."""
    solid: NDArray[np.bool_] | None = None
    """[X, Y, Z]: cells of the target that are known not to be free: there votes for free do not count. None: no
    such cells are known."""

    def solid_in(self, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
        """``solid``, or a volume of ``shape`` without memory of its own that says nowhere."""
        return np.broadcast_to(np.False_, shape) if self.solid is None else self.solid


class Method(Protocol):
    """A way to hold the vote. Results do not depend on the order of the voters or on the number of threads."""

    def vote(self, voters: Voters, shape: tuple[int, int, int]) -> Outcome:
        """Lets ``voters`` decide each cell of a target grid of ``shape``.

        Raises BadRecipe when the votes of a cell could exceed 32 bits.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a vote over the target grid [X, Y, Z]."""

    winner: NDArray[np.uint8]
    """Class with the most votes; ties and cells without a vote go to the lowest id. UNKNOWN in solid cells without a
    vote that counts."""
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


def inverses(maps: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverses [n, 3, 4] of affine maps [n, 3, 4]."""
    result = np.empty_like(maps)
    result[:, :, :3] = np.linalg.inv(maps[:, :, :3])
    result[:, :, 3] = -np.einsum("nij,nj->ni", result[:, :, :3], maps[:, :, 3])
    return result


def on_threads(part: Callable[..., None], threads: int, *arguments: object) -> None:
    """Calls ``part(thread, threads, *arguments)`` for each of ``threads`` at once.

    For compiled functions, which let go of the interpreter. A parallel loop of numba's own would do the same, and take
    as long again to compile on a machine's first run.
    """
    if threads == 1:
        part(0, 1, *arguments)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(part, thread, threads, *arguments) for thread in range(threads)]:
            done.result()


def refuse_overflow(ballots: Ballots, voters: Voters) -> None:
    """Raises BadRecipe when the votes of a cell could exceed 32 bits."""
    heaviest = int(ballots.weights.max(initial=0)) * int(voters.multipliers.max(axis=1, initial=0).sum())
    # A target cell coarser than the source voxels holds as many more of their centres.
    finer = max((1.0 / abs(np.linalg.det(matrix[:, :3])) for matrix in voters.cell_from_voxel), default=1.0)
    if heaviest * max(finer, 1.0) >= ROOM:
        raise BadRecipe(
            f"the votes of {len(voters.frames)} frames, up to {heaviest} in all, could overflow the 32 bits of a "
            "voxel; lower voting.radius"
        )
