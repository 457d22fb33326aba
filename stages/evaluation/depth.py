"""Scores of depth images, as ViPOcc's ``evaluator_depth.py`` has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_LEAST, _MOST = 1e-3, 80.0
"""[m] to which what is predicted is clamped."""

Scaling = Literal["none", "median", "line"]
"""What of the truth the prediction is told before: nothing; one factor, by which the medians agree; scale and shift of
depth by least squares."""


@dataclass(frozen=True, slots=True)
class DepthScores:
    """Over the pixels whose truth is known."""

    abs_rel: float
    sq_rel: float
    rmse: float
    rmse_log: float
    within: tuple[float, float, float]
    """Shares of pixels that are off by less than the factors 1.25, 1.25^2 and 1.25^3."""


def depth_scores(
    predicted: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]], scaling: Scaling = "none"
) -> DepthScores:
    """Of ``predicted`` against ``truth``, metres of one shape; a truth of 0 is not known, and more than 80 m is no
    limit to it. Both must be finite. Logarithms are natural."""
    known = truth != 0
    true, said = truth[known].astype(np.float64), predicted[known].astype(np.float64)
    positive = true > 0
    if scaling == "median":
        said = said * (_lower_median(true[positive]) / _lower_median(said[positive]))
    elif scaling == "line":
        rows = np.stack([said[positive], np.ones(positive.sum())], axis=1)
        scale, shift = np.linalg.lstsq(rows, true[positive], rcond=None)[0]
        said = said * scale + shift
    said = np.clip(said, _LEAST, _MOST)
    off, factor = said - true, np.maximum(said / true, true / said)
    one, two, three = (float((factor < 1.25**power).mean()) for power in (1, 2, 3))
    return DepthScores(
        abs_rel=float((np.abs(off) / true).mean()),
        sq_rel=float((off**2 / true).mean()),
        rmse=float(np.sqrt((off**2).mean())),
        rmse_log=float(np.sqrt(((np.log(said) - np.log(true)) ** 2).mean())),
        within=(one, two, three),
    )


def _lower_median(values: NDArray[np.float64]) -> float:
    """Of an even number the lower of the two in the middle, as torch has it."""
    return float(np.sort(values)[(len(values) - 1) // 2])
