"""Scores of what one camera sees and of what is hidden from it: O_acc, IE_acc and IE_rec (Wimbauer et al., "Behind the
Scenes", CVPR 2023; ViPOcc, tables 1 and 2)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.evaluation.confusion import Counts

Mask = NDArray[np.bool_]
MEASURES = ("o_acc", "ie_acc", "ie_rec")


@dataclass(frozen=True, slots=True)
class VisibleScores:
    """As fractions of 1; NaN where there is nothing to score."""

    o_acc: float
    """Share of the samples that are rightly called occupied or free."""
    ie_acc: float
    """The same of the samples that were not seen."""
    ie_rec: float
    """Share of the free samples that were not seen which are called free."""

    def facts(self) -> dict[str, Any]:
        """For JSON: None in place of NaN."""
        return {name: None if math.isnan(getattr(self, name)) else getattr(self, name) for name in MEASURES}


def visible_scores(predicted: Mask, occupied: Mask, visible: Mask, within: Mask | None = None) -> VisibleScores:
    """Of ``predicted`` against ``occupied``, bool of one shape, whatever it is; what is ``visible`` is free. ``within``
    picks the samples that are scored, all of them unless given."""
    picked = np.ones(predicted.shape, np.bool_) if within is None else within
    said, hidden = predicted[picked], ~visible[picked]
    true = occupied[picked] & hidden
    right = said == true
    free = hidden & ~true
    return VisibleScores(_mean(right), _mean(right[hidden]), _mean(~said[free]))


def object_samples(ids: NDArray[np.integer[Any]], ahead: int, aside: int) -> Mask:
    """Which samples of a bird's-eye map ``ids`` [z, x] (0: of no object) lie in the rectangle around an object: from
    its first row less ``ahead`` on to its last plus ``ahead``, which is not in it any more, and so its columns by
    ``aside``.

    The released code does so, and leaves out the largest id besides, which is no object there.
    """
    picked = np.zeros(ids.shape, np.bool_)
    for number in np.unique(ids[ids > 0]):
        z, x = np.nonzero(ids == number)
        rows, columns = (slice(max(at.min() - by, 0), at.max() + by) for at, by in ((z, ahead), (x, aside)))
        picked[rows, columns] = True
    return picked


class VisibleCounts:
    """Means over frames, each frame counting once, as the released code has it: by convention of heights, of the whole
    scene and of its objects."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names
        self._sums = np.zeros((len(names), len(MEASURES)))
        self._frames = np.zeros((len(names), len(MEASURES)), np.int64)

    def add(self, name: str, scores: VisibleScores) -> None:
        """The scores of one more frame; what is NaN does not count."""
        values = np.array([getattr(scores, measure) for measure in MEASURES])
        known = ~np.isnan(values)
        row = self._names.index(name)
        self._sums[row, known] += values[known]
        self._frames[row] += known

    def state(self) -> Counts:
        """What was counted, for ``merge``."""
        return {"sums": self._sums, "frames": self._frames}

    def merge(self, state: Counts) -> None:
        """Adds what others counted."""
        self._sums += state["sums"]
        self._frames += state["frames"]

    def scores(self) -> Mapping[str, VisibleScores]:
        """By name."""
        means = np.where(self._frames > 0, self._sums / np.maximum(self._frames, 1), math.nan)
        return {name: VisibleScores(*row) for name, row in zip(self._names, means.tolist(), strict=True)}


def _mean(values: Mask) -> float:
    return float(values.mean()) if values.size else math.nan
