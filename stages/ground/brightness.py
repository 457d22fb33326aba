"""How bright grown ground and paved ground are in one log, learned from what its frames call them.

Two mixture components, each with a free distribution of brightness, by expectation maximisation: the labels and their
confidence are the prior of each point, what the car has driven on is paved for certain. Neither a sensor's response nor
the grass of a country has to be known, only that most of what is called grass near the car is grass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOW, _HIGH, _BINS = -0.3, 1.3, 24
"""Of the contrast."""
_SMOOTH = 1.0
"""Bins over which a distribution is smoothed."""
_NEAR, _WORTH = 10.0, 64
"""Up to so far away [m] a label is worth most, in whole numbers; beyond, its worth falls with the square: shape shows
best near by what is grown, and far away whole roads are called grass."""
_FAR = 20.0
"""From so far away on [m] brightness says less, with the square of the distance: echoes end at the sensor's threshold,
and what is common to road and grass hides what is not."""
_DOUBT = 0.02
"""Share of all points that each component is given besides its own: where a log has no grass, what is called grass by
mistake must not make it up."""
_MOST = 4.0
"""Brightness alone never says more [log-odds]: fifty to one."""
_DRIVEN = 3.0
"""Weight of a point that the car has driven on."""
PAVED_FOR_CERTAIN = 1e-3
"""How likely such a point is grown all the same."""
_ROUNDS = 10
_LEVELS = 512
"""Of a prior: a byte of confidence for each of two names, and one more for what was driven on."""


def bins(contrast: NDArray[np.float64]) -> NDArray[np.int64]:
    """[n] where points or cells of this contrast are counted."""
    return np.clip(np.floor((contrast - _LOW) / (_HIGH - _LOW) * _BINS), 0, _BINS - 1).astype(np.int64)


def worth(away: NDArray[np.float64]) -> NDArray[np.int64]:
    """[n] what a label so far ``away`` [m] from the sensor is worth."""
    return np.rint(_WORTH * np.minimum(_NEAR / np.maximum(away, 1.0), 1.0) ** 2).astype(np.int64)


def prior(grown: NDArray[np.bool_], confidence: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How likely it is that what a frame calls ``grown``, or paved, is grown. Of what its confidence leaves, half goes
    to the other name: nobody says where."""
    sure = np.clip(confidence.astype(np.float64) / 255, 0.02, 0.98)
    mistaken = 0.5 * (1 - sure) / (sure + 0.5 * (1 - sure))
    return np.where(grown, 1 - mistaken, mistaken)


def audible(away: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] how much of what brightness says of ground so far ``away`` [m] counts."""
    return np.asarray(np.minimum(_FAR / np.maximum(away, 1.0), 1.0) ** 2)


@dataclass(frozen=True, slots=True)
class Counts:
    """What points are worth, by brightness and by what is thought of them beforehand."""

    table: NDArray[np.int64]
    """[bins, 2 x 256 + 1]"""

    @staticmethod
    def of(
        bins_: NDArray[np.int64],
        grown: NDArray[np.bool_],
        confidence: NDArray[np.uint8],
        driven_on: NDArray[np.bool_],
        times: NDArray[np.int64],
    ) -> Counts:
        """Of points in these bins that count so many ``times`` [n], that frames call ``grown`` or not, so confident;
        what the car has ``driven_on`` is paved whatever they say."""
        level = np.where(driven_on, _LEVELS, grown.astype(np.int64) * 256 + confidence)
        shape = (_BINS, _LEVELS + 1)
        counted = np.bincount(bins_ * shape[1] + level, times, shape[0] * shape[1])
        return Counts(counted.astype(np.int64).reshape(shape))


def log_odds(counts: Counts) -> NDArray[np.float64]:
    """[bins] what brightness says for grown ground against paved ground, natural logarithm; 0 where it says nothing.

    Rounded to thousandths, so that the last bits of a machine's logarithm decide nothing.
    """
    byte = np.arange(256).astype(np.uint8)
    before = np.concatenate([prior(np.zeros(256, np.bool_), byte), prior(np.ones(256, np.bool_), byte)])
    before = np.append(before, PAVED_FOR_CERTAIN)
    points = counts.table * np.append(np.ones(_LEVELS), _DRIVEN)
    anything = _smooth(counts.table.sum(axis=1)) + 1e-6
    odds = np.log(before / (1 - before))
    says = np.zeros(counts.table.shape[0])
    for _ in range(_ROUNDS):
        after = 1 / (1 + np.exp(-(odds[None, :] + says[:, None])))
        grown, paved = (_smooth((points * share).sum(axis=1)) + _DOUBT * anything for share in (after, 1 - after))
        says = np.clip(np.log(grown / grown.sum()) - np.log(paved / paved.sum()), -_MOST, _MOST)
    return np.round(says, 3)


def _smooth(counts: NDArray[Any]) -> NDArray[np.float64]:
    from scipy.ndimage import gaussian_filter1d  # late: a plan knows this stage and smooths nothing

    return np.asarray(gaussian_filter1d(counts.astype(np.float64), _SMOOTH))
