"""The Panoptic Module of OffsetOcc (section 3.3): each thing voxel joins the object that is most often named near it.

The semantic volume says what is where, an object module says which voxels it is sure belong to which object: the seeds.
Each voxel of a thing class takes the id that most seeds within a Manhattan radius carry, ties to the lowest id.

The released code looks every voxel's neighbours up in a table of 8.9 GB. Here a column of thing voxels visits the
columns around it once, and adds up their runs of equal seeds (``seed_runs.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from occlabel.schemas.errors import BadRecipe
from occlabel.stages.instances.seed_runs import SeedRuns, seed_runs

# The other layer that ships with numba, workqueue, aborts the process when two threads vote at once.
numba.config.THREADING_LAYER = "omp"

RADIUS = 3.6
"""[m]: the 9 voxels of 0.4 m that measured best in the paper (its figure 4)."""

_ANY = 256  # the class of a seed that votes for every thing


@dataclass(frozen=True, slots=True)
class Count:
    """How the votes are counted."""

    nearest: bool = False
    """The nearest seed decides alone, at less than the radius; the first in C order among equals."""
    border_twice: bool = False
    """A slip of the released code, for comparison with it: it takes the index one past the upper faces for valid and
    clamps it, so seeds on those faces count again. Does not touch ``nearest``, as there."""
    skip_lone_origin: bool = False
    """Another: it takes a volume whose only seed is voxel (0, 0, 0) for one without seeds."""


def panoptic_vote(
    semantics: NDArray[np.uint8],
    seeds: NDArray[np.integer[Any]],
    things: NDArray[np.bool_],
    voxel_size: float,
    radius: float = RADIUS,
    *,
    seed_classes: ArrayLike | None = None,
    count: Count = Count(),
    threads: int = 1,
) -> NDArray[np.uint32]:
    """Instance ids [X, Y, Z] of the voxels of ``semantics`` [X, Y, Z]; 0 = none.

    A voxel of a thing class without a seed near it gets 0 and keeps its class; ``emptied`` makes such voxels free, as
    the paper does. No other voxel gets an id, whether it holds a seed or not.

    seeds: ids [X, Y, Z] of at most 32 bits, 0 = none. things: [256] by class id. voxel_size, radius: metres; a seed is
    near if the axis-wise distances of the voxel centres add up to at most ``radius``.
    seed_classes: class id of each seed id, [largest seed id + 1]; with it, only objects of a voxel's own class vote.
    threads: the result does not depend on their number.
    Raises BadRecipe for volumes that do not fit together and a radius below zero.
    """
    if semantics.shape != seeds.shape or semantics.ndim != 3:
        raise BadRecipe(
            f"the panoptic vote got semantics of {list(semantics.shape)} voxels and seeds of {list(seeds.shape)}; "
            "both must cover the same grid"
        )
    instance = np.zeros(semantics.shape, np.uint32)
    runs = seed_runs(np.pad(seeds, (0, 1), mode="edge") if count.border_twice and not count.nearest else seeds)
    if not len(runs.ids) or (count.skip_lone_origin and np.flatnonzero(seeds).sum() == 0):
        return instance
    voters = things[semantics]
    columns = np.flatnonzero(voters.any(axis=2))
    threads = max(1, min(threads, numba.config.NUMBA_NUM_THREADS))
    numba.set_num_threads(threads)
    kernel = _nearest if count.nearest else _majority
    kernel(
        semantics, voters, columns, radius_in_voxels(radius, voxel_size), runs.starts, runs.lower, runs.upper,
        runs.owner, runs.ids, _owner_classes(runs, seed_classes), runs.shape[0], runs.shape[1], threads, instance,
    )  # fmt: skip
    return instance


def radius_in_voxels(radius: float, voxel_size: float) -> int:
    """The largest Manhattan distance, in voxels, that is no more than ``radius`` [m]. Raises BadRecipe below 0."""
    if not radius >= 0:
        raise BadRecipe(f"the radius of the panoptic vote is {radius} m; give 0 or more (the paper: {RADIUS})")
    return int(radius / voxel_size + 1e-6)  # 3.6 / 0.4 is just below 9


def emptied(
    semantics: NDArray[np.uint8], instance: NDArray[np.integer[Any]], things: NDArray[np.bool_], free_id: int
) -> NDArray[np.uint8]:
    """``semantics`` with the thing voxels that got no id made free, as the paper has it."""
    return np.where(things[semantics] & (instance == 0), np.uint8(free_id), semantics)


def _owner_classes(runs: SeedRuns, seed_classes: ArrayLike | None) -> NDArray[np.int32]:
    if seed_classes is None:
        return np.full(len(runs.ids), _ANY, np.int32)
    classes = np.asarray(seed_classes, np.int32)
    if int(runs.ids[-1]) >= len(classes):
        raise BadRecipe(
            f"seed id {runs.ids[-1]} has no class: {len(classes)} classes were given, one for each id from 0"
        )
    return classes[runs.ids]


@numba.njit(cache=True, nogil=True, parallel=True)
def _majority(  # type: ignore[no-untyped-def]
    semantics, voters, columns, radius, starts, lower, upper, owner, ids, classes, size_x, size_y, threads, instance
):
    """Thread ``t`` owns the columns t, t + threads, ..."""
    shape_y, heights = semantics.shape[1], semantics.shape[2]
    for thread in numba.prange(threads):
        # An owner gets a row of the tally when a column first meets it; most columns meet one or two.
        row_of = np.full(len(ids), -1, np.int32)
        met = np.empty(len(ids), np.int32)
        tally = np.zeros((len(ids), heights), np.int32)
        for c in range(thread, len(columns), threads):
            x, y, rows = columns[c] // shape_y, columns[c] % shape_y, 0
            for i in range(max(0, x - radius), min(size_x, x + radius + 1)):
                side = radius - abs(i - x)
                for j in range(max(0, y - side), min(size_y, y + side + 1)):
                    reach = side - abs(j - y)
                    for run in range(starts[i * size_y + j], starts[i * size_y + j + 1]):
                        who = owner[run]
                        if row_of[who] < 0:
                            row_of[who], met[rows] = rows, who
                            rows += 1
                        row = row_of[who]
                        for k in range(max(0, lower[run] - reach), min(heights, upper[run] + reach)):
                            tally[row, k] += min(upper[run], k + reach + 1) - max(lower[run], k - reach)
            for k in range(heights):
                if voters[x, y, k]:
                    best, most = np.int32(0), 0
                    for row in range(rows):
                        who, count = met[row], tally[row, k]
                        own = classes[who] == _ANY or classes[who] == semantics[x, y, k]
                        if own and (count > most or (count == most and count > 0 and who < best)):
                            best, most = who, count
                    if most > 0:
                        instance[x, y, k] = ids[best]
            for row in range(rows):
                row_of[met[row]] = -1
                tally[row] = 0


@numba.njit(cache=True, nogil=True, parallel=True)
def _nearest(  # type: ignore[no-untyped-def]
    semantics, voters, columns, radius, starts, lower, upper, owner, ids, classes, size_x, size_y, threads, instance
):
    """Runs come in C order, so the first seed of the smallest distance is the first in C order."""
    shape_y, heights = semantics.shape[1], semantics.shape[2]
    for thread in numba.prange(threads):
        for c in range(thread, len(columns), threads):
            x, y = columns[c] // shape_y, columns[c] % shape_y
            for k in range(heights):
                if not voters[x, y, k]:
                    continue
                least = radius
                for i in range(max(0, x - radius), min(size_x, x + radius + 1)):
                    for j in range(max(0, y - radius), min(size_y, y + radius + 1)):
                        flat = abs(i - x) + abs(j - y)
                        if flat >= least:
                            continue
                        for run in range(starts[i * size_y + j], starts[i * size_y + j + 1]):
                            distance = flat + max(lower[run] - k, k - upper[run] + 1, 0)
                            own = classes[owner[run]]
                            if distance < least and (own == _ANY or own == semantics[x, y, k]):
                                least = distance
                                instance[x, y, k] = ids[owner[run]]
