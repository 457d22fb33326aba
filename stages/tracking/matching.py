"""The best assignment of a sparse set of pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


def best_matching(rows: Rows, columns: Rows, scores: NDArray[np.float64]) -> tuple[Rows, Rows]:
    """The pairs with the largest sum of scores in which no row and no column is twice: rows and columns, by row.

    rows, columns: [n], each pair once; scores: [n], above 0. Only the pairs cost memory and time, so scenes of
    thousands of objects that each have a few neighbours are solved as a whole.
    """
    if not len(rows):
        return rows, columns
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    used, row = np.unique(rows, return_inverse=True)
    met, column = np.unique(columns, return_inverse=True)
    # The solver matches every row. So each gets a column of its own that is worth nothing, which 1 on all of a row's
    # scores makes no difference to: the solver takes a 0 for a pair that is not there.
    alone = np.arange(len(used))
    table = coo_array(
        (
            np.concatenate([scores + 1, np.ones(len(used))]),
            (np.concatenate([row.reshape(-1), alone]), np.concatenate([column.reshape(-1), len(met) + alone])),
        ),
        shape=(len(used), len(met) + len(used)),
    )
    left, right = min_weight_full_bipartite_matching(table.tocsr(), maximize=True)
    paired = right < len(met)
    order = np.argsort(left[paired])
    return used[left[paired][order]], met[right[paired][order]]
