"""How far depth is off at each pixel, by what is known near by and by the shape of the estimate itself."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from occlabel.stages.priors.alignment.scale_shift import Line

_NEAR = 15
"""Elements of the window in which errors are taken to be alike: more than lie between the beams of 32."""
_BELIEVED = 4
"""So many elements are taken to have erred as the whole image does, besides those that are known."""
_MOST = 0.5
"""No relative error counts for more: a point that another surface hides says nothing of how good the estimate is."""


def deviation(
    inverse: NDArray[np.float64], errors: NDArray[np.float64], said: NDArray[np.float64], line: Line
) -> NDArray[np.float32]:
    """Standard deviation of depth [v, u] as a share of it.

    ``inverse`` is the aligned inverse depth [v, u], ``errors`` its relative errors where something else knows the depth
    (NaN: nothing does), ``said`` what the line was laid through. Three variances are summed: that of the errors near
    by, where something is known, and elsewhere of the whole image; by what the line itself is not known, which is most
    where it goes on beyond all that was measured; and the step to the neighbours beyond what a plane makes, whose
    inverse depth is linear in the image, as pixels of an edge are of either side.
    """
    there = np.isfinite(errors)
    squares = np.where(there, np.minimum(errors, _MOST), 0.0) ** 2
    share = uniform_filter(there.astype(np.float64), _NEAR, mode="constant") * _NEAR**2
    total = uniform_filter(squares, _NEAR, mode="constant") * _NEAR**2
    near = (_BELIEVED * line.spread**2 + total) / (_BELIEVED + share)
    variance = np.maximum(near, 0) + line.doubt(said) + _bend(inverse) ** 2
    return np.sqrt(variance).astype(np.float32)


def _bend(inverse: NDArray[np.float64]) -> NDArray[np.float64]:
    """Second difference along both axes, the larger, as a share of twice the value; 0 where a neighbour is unknown."""
    padded = np.pad(inverse, 1, mode="edge")
    across = np.abs(padded[1:-1, :-2] + padded[1:-1, 2:] - 2 * inverse)
    down = np.abs(padded[:-2, 1:-1] + padded[2:, 1:-1] - 2 * inverse)
    across[:, [0, -1]], down[[0, -1]] = 0, 0
    with np.errstate(invalid="ignore", divide="ignore"):
        bend: NDArray[np.float64] = np.fmax(across, down) / (2 * np.abs(inverse))
    return np.where(np.isfinite(bend), np.minimum(bend, 1), 0)
