"""Flow against truth: how far the velocity of each voxel is off.

Voxels of objects that move are scored apart from those of objects that stand: nearly everything stands, and a flow of
0 everywhere would be right nearly everywhere.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.evaluation.confusion import Counts

MOVES = 0.5
"""[m/s]: what is slower in truth stands; and what is off by no more is right."""


@dataclass(frozen=True)
class FlowScores:
    """NaN where there is nothing to score."""

    moving: int
    """Voxels of objects that move."""
    error: float
    """Mean end-point error [m/s] at those: the length of the difference of the velocities."""
    standing_still: float
    """What that error would be if nothing moved: the mean speed."""
    within: float
    """Share of them whose error is no more than MOVES."""
    standing: int
    """Voxels of objects that stand."""
    stirred: float
    """Share of those that are said to be faster than MOVES."""

    def facts(self) -> dict[str, Any]:
        """For JSON."""
        values = {
            "end_point_error": self.error, "end_point_error_of_zero": self.standing_still, "within": self.within,
            "standing_said_to_move": self.stirred,
        }  # fmt: skip
        known = {name: None if math.isnan(value) else value for name, value in values.items()}
        return {"moving_voxels": self.moving, "standing_voxels": self.standing, **known}


class FlowCounts:
    """Counts voxels of objects."""

    def __init__(self) -> None:
        self._sums = np.zeros(6)  # moving, their errors, their speeds, within; standing, stirred

    def add(self, found: NDArray[np.floating[Any]], true: NDArray[np.float64]) -> None:
        """Velocities [n, 3] of the same voxels along the same axes. Unknown in ``found`` (NaN) counts as 0, in ``true``
        as not asked for."""
        asked = np.isfinite(true).all(axis=1)
        true, found = true[asked], np.nan_to_num(found[asked].astype(np.float64))
        speed, error = np.linalg.norm(true, axis=1), np.linalg.norm(found - true, axis=1)
        moves = speed > MOVES
        stirred = np.linalg.norm(found[~moves], axis=1) > MOVES
        self._sums += (
            moves.sum(), error[moves].sum(), speed[moves].sum(), (error[moves] <= MOVES).sum(), (~moves).sum(),
            stirred.sum(),
        )  # fmt: skip

    def state(self) -> Counts:
        """What was counted, for ``merge``."""
        return {"sums": self._sums}

    def merge(self, state: Counts) -> None:
        """Adds what others counted of other logs."""
        self._sums = self._sums + state["sums"]

    def scores(self) -> FlowScores:
        moving, error, speed, within, standing, stirred = self._sums.tolist()
        return FlowScores(
            int(moving), _share(error, moving), _share(speed, moving), _share(within, moving), int(standing),
            _share(stirred, standing),
        )  # fmt: skip


def _share(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
