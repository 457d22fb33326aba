"""Scale and shift of inverse depth: the line by which what a model says of an image becomes metres."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 50
"""Elements of known depth without which an image has no line of its own."""
_ALIKE = 25
"""So many elements err as one: neighbours lie on one surface, which the model has wrong as a whole."""
_LINES, _JUDGES = 150, 400
"""Lines that are tried, of each of two kinds, and pairs that judge them."""
_HELD = 1.0
"""Weight of the wish that there be no shift, in pairs."""
_ROUNDS = 10
_CUT = 4.685
"""Tukey's biweight: what is off by so many deviations is not heard at all."""
_LEAST_SPREAD = 0.005
"""Of relative errors: no model is better than that, and rounding must not decide what is an outlier."""
_NEAR, _FAR = 0.9, 0.25
"""Quantiles of an image at which the lines of several frames are compared."""
_LEAST = 1 / 250
"""[1 / m] of inverse depth: further than 250 m is nowhere."""


@dataclass(frozen=True, slots=True)
class Line:
    """Inverse depth [1 / m] is ``scale * said + shift``, said being what the model has said of the pixel."""

    scale: float
    shift: float
    covariance: NDArray[np.float64]
    """[2, 2] of both."""
    spread: float
    """Relative deviation of inverse depth from the line, without outliers."""

    def at(self, said: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        return self.scale * np.asarray(said, np.float64) + self.shift

    def doubt(self, said: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """Variance of ``at``, as a share of its square: by what the line itself is not known."""
        x, (scale, both, shift) = np.asarray(said, np.float64), self.covariance[[0, 0, 1], [0, 1, 1]]
        variance: NDArray[np.float64] = np.maximum(scale * x * x + 2 * both * x + shift, 0)
        return variance / np.maximum(self.at(x), _LEAST) ** 2


def fitted(said: NDArray[np.floating[Any]], inverse: NDArray[np.floating[Any]]) -> Line | None:
    """The line through ``said`` [n] and true ``inverse`` depth [n] (1 / m) with the least relative errors.

    Nearly half of the pairs may be wrong: of lines through two pairs the one with the least median error, then Tukey's
    biweight around it. The shift is held near 0, weakly, so that a wall in one distance has a scale at least. None for
    fewer than ``FEWEST`` pairs, or where what is nearer is said to be farther.
    """
    if len(said) < FEWEST:
        return None
    x, y = np.asarray(said, np.float64), np.asarray(inverse, np.float64)
    line = _of_two(x, y)
    rows = np.stack([x / y, 1 / y], axis=1)
    normal = held = np.diag([0.0, _HELD / np.median(y) ** 2])
    spread = _LEAST_SPREAD
    for _ in range(_ROUNDS):
        errors = np.abs(np.log(np.maximum(rows @ line, 1e-3)))
        spread = max(1.4826 * float(np.median(errors)), _LEAST_SPREAD)
        weights = np.maximum(1 - (errors / (_CUT * spread)) ** 2, 0) ** 2
        normal = (rows * weights[:, None]).T @ rows + held
        if np.linalg.det(normal) <= 0:
            return None
        line = np.linalg.solve(normal, weights @ rows)
    if not line[0] > 0:
        return None
    return Line(float(line[0]), float(line[1]), np.linalg.inv(normal / (_ALIKE * spread**2)), spread)


def _of_two(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale and shift [2] of the line through two pairs, or one pair and 0, that half of all pairs lie nearest to."""
    draw = np.random.default_rng(0)  # the same pairs have the same line
    one, other = draw.integers(0, len(x), (2, _LINES))
    some = draw.integers(0, len(x), _JUDGES)
    with np.errstate(divide="ignore", invalid="ignore"):
        through_two = (y[one] - y[other]) / (x[one] - x[other])
        scales = np.concatenate([through_two, y[one] / x[one]])
    shifts = np.concatenate([y[one] - through_two * x[one], np.zeros(_LINES)])
    usable = np.isfinite(scales) & (scales > 0)
    if not usable.any():
        return np.array([0.0, float(np.median(y))])
    scales, shifts = scales[usable], shifts[usable]
    errors = np.abs(np.log(np.maximum((scales[:, None] * x[some] + shifts[:, None]) / y[some], 1e-3)))
    best = int(np.argmin(np.median(errors, axis=1)))
    return np.array([scales[best], shifts[best]])


def steadied(own: Line | None, around: Sequence[Line], said: NDArray[np.floating[Any]]) -> Line | None:
    """The line of an image, drawn to those of the frames ``around`` it (its own among them) as far as they agree.

    Lines are compared by the inverse depth that they give to what is near and what is far in this image, whose values
    are ``said`` [n]: there each is taken for a measurement (its variance known) of something that itself varies from
    frame to frame, by as much as the lines differ beyond their own variances. A model that finds another scale for
    every image is thus left to each frame's own points, and one that wobbles because few points were seen is not. An
    image of no line of its own has that of the frames around.
    """
    if not around or not said.size:
        return own
    far, near = np.quantile(said.astype(np.float64), [_FAR, _NEAR])
    if near - far < 1e-6 * max(abs(near), 1.0):
        return own if own is not None else around[0]
    places = np.array([far, near])
    values = np.stack([np.log(np.maximum(line.at(places), _LEAST)) for line in around])
    variances = np.stack([line.doubt(places) for line in around])
    middle = np.median(values, axis=0)
    scatter = (1.4826 * np.median(np.abs(values - middle), axis=0)) ** 2
    varies = np.maximum(scatter - np.median(variances, axis=0), 0)
    of_middle = scatter / len(around) + np.median(variances, axis=0) / len(around)
    if own is None:
        found, variance = middle, varies + of_middle
    else:
        mine, doubt = np.log(np.maximum(own.at(places), _LEAST)), own.doubt(places)
        expected = varies + of_middle
        heard = expected / np.maximum(expected + doubt, 1e-12)
        found, variance = heard * mine + (1 - heard) * middle, heard * doubt
    return _through(places, np.exp(found), variance, float(np.median([line.spread for line in around])))


def _through(
    places: NDArray[np.float64], inverse: NDArray[np.float64], variance: NDArray[np.float64], spread: float
) -> Line:
    """The line through two values of inverse depth, whose relative variances are not correlated."""
    width = places[1] - places[0]
    both = np.array([[-1, 1], [places[1], -places[0]]]) / width
    scale, shift = both @ inverse
    return Line(float(scale), float(shift), both @ np.diag(variance * inverse**2) @ both.T, spread)


def depth_of(inverse: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """Metres; NaN for what lies further than 250 m or behind infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(inverse > _LEAST, 1 / inverse, np.nan).astype(np.float32)
