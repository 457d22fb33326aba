"""Seeds of objects as runs: stretches of one column that carry the same id.

Objects are solid, so a column crosses one in one run or two. A vote over the voxels around a place becomes a vote over
the runs around it, each of them counted in one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class SeedRuns:
    """The runs of a seed volume [X, Y, Z], column by column in C order, from the bottom up."""

    starts: NDArray[np.int32]
    """[X * Y + 1]: where the runs of a column begin."""
    lower: NDArray[np.int32]
    """[runs]: the first height."""
    upper: NDArray[np.int32]
    """[runs]: the height after the last."""
    owner: NDArray[np.int32]
    """[runs]: whose they are, as a row of ``ids``."""
    ids: NDArray[np.uint32]
    """The seed ids that occur, ascending."""
    shape: tuple[int, int, int]


def seed_runs(seeds: NDArray[np.integer[Any]]) -> SeedRuns:
    """The runs of ``seeds`` [X, Y, Z], ids of at most 32 bits, 0 = none."""
    most = int(np.count_nonzero(seeds))
    starts = np.empty(seeds.shape[0] * seeds.shape[1] + 1, np.int32)
    lower, upper, id_ = np.empty(most, np.int32), np.empty(most, np.int32), np.empty(most, np.uint32)
    count = _list_runs(seeds, starts, lower, upper, id_)
    ids, owner = np.unique(id_[:count], return_inverse=True)
    x, y, z = seeds.shape
    return SeedRuns(starts, lower[:count], upper[:count], owner.reshape(-1).astype(np.int32), ids, (x, y, z))


@numba.njit(cache=True, nogil=True)
def _list_runs(seeds, starts, lower, upper, id_):  # type: ignore[no-untyped-def]
    count, column = 0, 0
    for i in range(seeds.shape[0]):
        for j in range(seeds.shape[1]):
            starts[column] = count
            column += 1
            last = seeds[i, j, 0] * 0
            for k in range(seeds.shape[2]):
                seed = seeds[i, j, k]
                if seed != 0:
                    if seed != last:
                        lower[count], id_[count] = k, seed
                        count += 1
                    upper[count - 1] = k + 1
                last = seed
    starts[column] = count
    return count
