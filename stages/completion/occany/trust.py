"""How confident the network must be to be believed, by how often it is right: no number of a data set's own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RIGHT = 0.4
"""[m] by which depth may be off and is right."""
_SHARES = tuple(round(0.05 * n, 2) for n in range(6, 20))
_FEWEST = 200
"""Pixels by which a share is told, at least."""

Trust = dict[str, float]
"""By share of right pixels, as text, the least confidence from which on so many are right."""


def fitted(confidence: NDArray[np.float32], away: NDArray[np.float32]) -> Trust:
    """Of pixels [n] with their errors ``away`` [m]. A share that no confidence reaches is left out."""
    order = np.argsort(-confidence, kind="stable")
    right = np.cumsum(away[order] <= RIGHT) / np.arange(1, len(order) + 1)
    right[:_FEWEST] = 0
    result = {}
    for share in _SHARES:
        enough = np.flatnonzero(right >= share)
        if len(enough):
            result[f"{share:g}"] = round(float(confidence[order[enough[-1]]]), 4)
    return result


def least(trust: Trust, share: float) -> float | None:
    """The confidence from which on at least ``share`` are right, by the next share that was fitted; None where the
    network is never so right."""
    known = sorted((float(one), confidence) for one, confidence in trust.items())
    return next((confidence for one, confidence in known if one >= share - 1e-9), None)
