"""How bright grown ground and paved ground are in one log, learned from what its frames call them.

Two mixture components, each with a free distribution of brightness at each range, by expectation maximisation: the
labels and their confidence are the prior of each point, what the car has driven on is paved for certain. Neither a
sensor's response nor the grass of a country has to be known, only that most of what is called grass is grass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

RANGES = (8.0, 14.0, 20.0, 28.0, 38.0)
"""Where brightness is asked anew [m]: an echo fades with the distance."""
_LOW, _HIGH, _BINS = -0.3, 1.3, 24
"""Of the contrast."""
_SMOOTH = 1.5
"""Bins over which a distribution is smoothed."""
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


def bins(contrast: NDArray[np.float64], range_: NDArray[np.float64]) -> NDArray[np.int64]:
    """[n] where points or cells of this contrast and range [m] are counted."""
    shade = np.clip(np.floor((contrast - _LOW) / (_HIGH - _LOW) * _BINS), 0, _BINS - 1).astype(np.int64)
    return np.digitize(range_, RANGES) * _BINS + shade


def prior(grown: NDArray[np.bool_], confidence: NDArray[np.uint8]) -> NDArray[np.float64]:
    """How likely it is that what a frame calls ``grown``, or paved, is grown. Of what its confidence leaves, half goes
    to the other name: nobody says where."""
    sure = np.clip(confidence.astype(np.float64) / 255, 0.02, 0.98)
    mistaken = 0.5 * (1 - sure) / (sure + 0.5 * (1 - sure))
    return np.where(grown, 1 - mistaken, mistaken)


@dataclass(frozen=True, slots=True)
class Counts:
    """Points by brightness and by what is thought of them beforehand."""

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
        """Of ``times`` [n] points each in these bins, that frames call ``grown`` or not, so confident; what the car has
        ``driven_on`` is paved whatever they say."""
        level = np.where(driven_on, _LEVELS, grown.astype(np.int64) * 256 + confidence)
        shape = ((len(RANGES) + 1) * _BINS, _LEVELS + 1)
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
    shape = (len(RANGES) + 1, _BINS)
    anything = _smooth(counts.table.sum(axis=1).reshape(shape)) + 1e-6
    odds = np.log(before / (1 - before))
    says = np.zeros(counts.table.shape[0])
    for _ in range(_ROUNDS):
        after = 1 / (1 + np.exp(-(odds[None, :] + says[:, None])))
        grown, paved = (
            _smooth((points * share).sum(axis=1).reshape(shape)) + _DOUBT * anything for share in (after, 1 - after)
        )
        told = np.log(grown / grown.sum(axis=1, keepdims=True)) - np.log(paved / paved.sum(axis=1, keepdims=True))
        says = np.clip(told, -_MOST, _MOST).ravel()
    return np.round(says, 3)


def _smooth(counts: NDArray[Any]) -> NDArray[np.float64]:
    return np.asarray(gaussian_filter1d(counts.astype(np.float64), _SMOOTH, axis=1))
