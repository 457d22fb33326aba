"""Calibrations from labels with truth: counted, and made a rising function of the margin (isotonic regression)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.arrays import HIT, MARGIN_STEPS
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.voting.calibration import ANY, KNOTS, STATES, Calibration, odds_moved

_FEW = 2000
"""Voxels of a class that weigh as much as what all occupied classes say: rare classes lean on the rest."""
_FEW_POINTS = 200_000
"""Points of a class that weigh as much as the calibration to start from: about ten sweeps, as the points of a street
are right and wrong together. Chosen on real streets that were left out (docs/results/confidence.md)."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Labels with truth, by what was observed, what was won, by how much, and whether it was right; and how sure the
    frames were."""

    counts: NDArray[np.int64]
    """[state, class, 256 margins, wrong or right]; ``ANY`` counts all of them."""
    sureness: NDArray[np.int64]
    """``SURENESS`` [2, margin step], summed."""

    @classmethod
    def empty(cls, classes: int) -> Tally:
        return cls(np.zeros((len(STATES), classes, 256, 2), np.int64), np.zeros((2, MARGIN_STEPS), np.int64))

    def add(
        self,
        labels: NDArray[np.uint8],
        margin: NDArray[np.uint8],
        right: NDArray[np.bool_],
        observed: NDArray[np.uint8] | None = None,
    ) -> None:
        """Counts labels, all arguments [n]; those that are no class do not count. ``observed``: where that is known."""
        classes = self.counts.shape[1]
        known = labels < classes
        place = (labels[known].astype(np.int64) * 256 + margin[known]) * 2 + right[known]
        if observed is not None:
            state = observed[known] * np.int64(classes * 512) + place
            self.counts[:ANY] += np.bincount(state, minlength=ANY * classes * 512).reshape(ANY, classes, 256, 2)
        self.counts[ANY] += np.bincount(place, minlength=classes * 512).reshape(classes, 256, 2)


def fit(tally: Tally, taxonomy: Taxonomy, made_of: str) -> Calibration:
    """The calibration of the counted labels. What nobody was seen to observe is as what was observed or not."""
    occupied = list(taxonomy.occupied_ids)
    chances, together = np.empty((len(STATES), len(taxonomy.names), len(KNOTS))), np.empty((len(STATES), len(KNOTS)))
    for state, counted in enumerate(tally.counts):
        counts = (counted if counted.any() else tally.counts[ANY]).astype(float)
        every = _rising(*_shares(counts[occupied].sum(axis=0)))
        together[state] = every[KNOTS]
        for class_id, (right, voxels) in enumerate(map(_shares, counts)):
            few = _FEW / 256 if class_id != taxonomy.free_id else 0.0
            chances[state, class_id] = _rising(right + few * every, voxels + few)[KNOTS]
    return Calibration(taxonomy.names, taxonomy.free_id, chances, together, _sure(tally), made_of)


def correct(start: Calibration, tally: Tally, made_of: str) -> Calibration:
    """``start``, moved towards labels that were counted at points, which all lie where a sweep hit.

    First the odds of all occupied labels, wherever they are, so that on the whole they are right as often as is said at
    the points; then each curve of what was hit, by its own points, and the odds there once more. Points say nothing of
    free labels, which are left.
    """
    counts = tally.counts[ANY].astype(float)
    counts[start.free_id] = 0
    moved = _moved(start, counts, range(len(STATES)))
    chances, together, few = moved.chances.copy(), moved.together.copy(), _FEW_POINTS / 256
    right, points = _shares(counts.sum(axis=0))
    for state in (HIT, ANY):
        together[state] = _rising(right + few * _spread(moved.together[state]), points + few)[KNOTS]
        for class_id in np.flatnonzero(np.arange(len(counts)) != start.free_id):
            own_right, own = _shares(counts[class_id])
            before = _spread(moved.chances[state, class_id])
            chances[state, class_id] = _rising(own_right + few * before, own + few)[KNOTS]
    fitted = replace(moved, chances=chances, together=together, sure=_sure(tally), made_of=made_of)
    return _moved(fitted, counts, (HIT, ANY))


def _moved(start: Calibration, counts: NDArray[np.float64], states: Sequence[int]) -> Calibration:
    """With the odds of occupied labels moved in some states, all by as much, so that those that were hit are right as
    often as is said; found by bisection. ``counts`` [class, 256 margins, wrong or right]."""
    said, labels, right = start.table()[HIT, : len(counts)] / 255, counts.sum(axis=2), counts[..., 1].sum()
    low, high = (-8.0, 8.0) if labels.any() else (0.0, 0.0)
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if (odds_moved(said, middle) * labels).sum() > right else (middle, high)
    chances, together, free = start.chances.copy(), start.together.copy(), start.free_id
    for state in states:
        chances[state], together[state] = odds_moved(chances[state], low), odds_moved(together[state], low)
        chances[state, free] = start.chances[state, free]
    return replace(start, chances=chances, together=together)


def _sure(tally: Tally) -> NDArray[np.float64] | None:
    """``Calibration.sure``; None where no frame says how sure it was."""
    hits, sums = tally.sureness
    seen = np.flatnonzero(hits)
    return np.interp(np.arange(len(hits)), seen, sums[seen] / hits[seen] / 255) if seen.size else None


def _shares(counts: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of counts [256, wrong or right]: how many are right, and how many there are."""
    return counts[:, 1], counts.sum(axis=1)


def _spread(knots: NDArray[np.float64]) -> NDArray[np.float64]:
    """[256] from [knot]."""
    return np.interp(np.arange(256), KNOTS, knots)


def _rising(right: NDArray[np.float64], voxels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Shares ``right`` / ``voxels`` [256] as a rising function; between margins without voxels it is straight."""
    from scipy.optimize import isotonic_regression

    seen = np.flatnonzero(voxels)
    if not seen.size:
        return np.linspace(0.5, 1.0, 256)
    fitted = isotonic_regression(right[seen] / voxels[seen], weights=voxels[seen]).x
    return np.interp(np.arange(256), seen, fitted)
