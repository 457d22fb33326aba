"""A regression of one log: whether what one log lost is more than the other logs' changes let one expect.

Draws and swaps of logs (``compare/verdict.py``) ask what all logs show, and one log among many shows them nothing. Here
each log is held against the others, twice. Were all changes of a class draws of one normal distribution about zero, the
change of a log over the root mean square of the n others would follow Student's t with n degrees of freedom: it must
lie beyond the quantile that any log and class passes by chance one time in 20 (Bonferroni). Changes are not normal: a
log with few voxels of a class changes more. Where their tails fall as x^-2.5, the largest is k times the second with a
chance of k^-2.5, so it must be as many times larger that any of the classes is so much worse one time in 20.

Of comparisons without a difference (2, 3, 6, 12 and 30 logs, 15 classes, 1,000 each) 3, 5, 0, 0 and 0% name any log
where changes are normal, and 3, 11, 8, 4 and 3% where they follow Student's t with 3 degrees of freedom. By the first
rule alone the latter are 38% of 6 logs and 91% of 30.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

_CHANCE = 0.05
_TAIL = 2.5
_LEAST = 1e-4
"""Of IoU: smaller changes of the others are none; logs that did not change at all do not make a voxel stand out."""


def stands_out(changes: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[logs, classes]: which of ``changes`` [logs, classes] (NaN: the log has no such class) are losses that the other
    logs do not let one expect. A class that no other log has is held against all classes that they have. One log alone
    never stands out."""
    there = ~np.isnan(changes)
    sizes = np.where(there, np.abs(changes), 0)
    others = ~np.eye(len(changes), dtype=np.bool_)
    largest = np.max(np.where(others[:, :, None], sizes[None], 0), axis=1, initial=0)  # [logs, classes]
    degrees, squares = there.sum(axis=0) - there, (sizes**2).sum(axis=0) - sizes**2
    lonely = degrees == 0
    # Added up over the others: the sum of all less the own one may be rounded to less than 0, whose root is no number.
    every, of_every = others @ there.sum(axis=1), others @ (sizes**2).sum(axis=1)
    squares = np.where(lonely, of_every[:, None], squares) / np.maximum(np.where(lonely, every[:, None], degrees), 1)
    largest = np.where(lonely, largest.max(axis=1, keepdims=True), largest)
    degrees = np.where(lonely, len(changes) - 1, degrees)
    tries, classes = max(int(there.sum()), 1), max(int(there.any(axis=0).sum()), 1)
    quantile = stdtrit(np.maximum(degrees, 1), 1 - _CHANCE / tries)  # of Student's t: scipy.stats takes seconds to load
    normal = quantile * np.maximum(np.sqrt(squares), _LEAST)
    heavy = (classes / 2 / _CHANCE) ** (1 / _TAIL) * largest
    result: NDArray[np.bool_] = there & (degrees > 0) & (np.where(there, -changes, 0) > np.maximum(normal, heavy))
    return result
