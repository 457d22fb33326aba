"""A regression of one log: whether what one log lost is more than the other logs' changes let one expect.

Draws and swaps of logs (``compare/verdict.py``) ask what all logs show, and one log among many shows them nothing. Here
each log is held against the others: were all changes of a class draws of one normal distribution about zero, the change
of a log over the root mean square of the n others would follow Student's t with n degrees of freedom. A log stands out
beyond the quantile that one of all logs and classes passes by chance one time in 20 (Bonferroni).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

_CHANCE = 0.05
_LEAST = 1e-4
"""Of IoU: smaller changes of the others are none; logs that did not change at all do not make a voxel stand out."""


def stands_out(changes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[logs, classes]: which of ``changes`` [logs, classes] (NaN: the log has no such class) are losses that the other
    logs do not let one expect. A class that no other log has is held against those that they have. One log alone never
    stands out."""
    there = ~np.isnan(changes)
    squares = np.where(there, changes, 0) ** 2
    n, total = there.sum(axis=0) - there, squares.sum(axis=0) - squares
    every, of_every = there.sum() - there.sum(axis=1), squares.sum() - squares.sum(axis=1)
    lonely = n == 0
    mean = np.where(lonely, (of_every / np.maximum(every, 1))[:, None], total / np.maximum(n, 1))
    degrees = np.where(lonely, len(changes) - 1, n)
    scale = np.maximum(np.sqrt(mean), _LEAST)
    bound = student.ppf(1 - _CHANCE / max(int(there.sum()), 1), np.maximum(degrees, 1))
    result: NDArray[np.bool_] = there & (degrees > 0) & (np.where(there, changes, 0) < -bound * scale)
    return result
