"""LSTQ, segmentation and tracking quality at LiDAR points (Aygün et al. 2021), as the 4D panoptic benchmark of
SemanticKITTI counts it: STQ by other rules.

A true object counts in the frames in which it has more than ``least`` points. A predicted tube is an id, whatever its
class; 0 is none. S_cls is the mean IoU over the classes that are anywhere, and where a labelled point is predicted as
unlabelled (class 0) that is one more class, of IoU 0 (``utils/evaluate_4dpanoptic.py`` of MehmetAygun/4D-PLS).
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.evaluation.confusion import Counts, confusion
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.evaluation.tracking import association


@dataclass(frozen=True)
class LidarTrackingScores:
    """As fractions of 1; NaN where there is nothing to score."""

    lstq: float
    """The geometric mean of the other two."""
    association: float
    """S_assoc, the mean over the true tubes."""
    classification: float
    """S_cls."""

    def facts(self) -> dict[str, float | None]:
        """For JSON: None in place of NaN."""
        values = {"lstq": self.lstq, "s_assoc": self.association, "s_cls": self.classification}
        return {name: None if math.isnan(value) else value for name, value in values.items()}


@dataclass
class _Log:
    """Points of the tubes of one log: predicted ids, and true classes and ids as one number."""

    predicted: Counter[int] = field(default_factory=Counter)
    true: Counter[int] = field(default_factory=Counter)
    shared: Counter[tuple[int, int]] = field(default_factory=Counter)

    def association(self) -> float:
        """The sum over true tubes, of which S_assoc is the mean: as for STQ."""
        return association(self.predicted, self.true, self.shared)


class LidarTrackingCounts:
    """Counts frame by frame and log by log."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._confusion = np.zeros((1 + max(rules.classes),) * 2, np.int64)
        self._association, self._tubes = 0.0, 0
        self._log = _Log()

    def end_log(self) -> None:
        """To be called between two logs: ids begin anew."""
        self._association += self._log.association()
        self._tubes += len(self._log.true)
        self._log = _Log()

    def add(self, predicted: Labels, true: Labels, scored: NDArray[np.bool_], where: str = "the prediction") -> None:
        """Counts the ``scored`` points [n] of the log's next frame, of which only things have ids other than 0. Raises
        BadPredictions, naming ``where``, for an id that is no class."""
        rules, log = self._rules, self._log
        kept = scored & rules.table(rules.classes)[true.semantics]
        self._confusion += confusion(predicted.semantics, true.semantics, kept, len(self._confusion), where)
        found, ids = predicted.semantics[kept], predicted.instance[kept].astype(np.int64)
        classes = true.semantics[kept].astype(np.int64)
        tubes = np.where(rules.table(rules.things)[classes], true.instance[kept].astype(np.int64), 0)
        tubes = np.where(tubes > 0, classes << 32 | tubes, 0)
        names, which, sizes = np.unique(tubes, return_inverse=True, return_counts=True)
        large = (names > 0) & (sizes > rules.least)
        tubes = np.where(large[which.reshape(-1)], tubes, 0)
        log.true.update(dict(zip(names[large].tolist(), sizes[large].tolist(), strict=True)))
        log.predicted.update(_counted(ids[(ids > 0) & rules.table(rules.classes)[found]]))
        both = (ids > 0) & (tubes > 0)
        pairs, shared = np.unique(np.stack([ids[both], tubes[both]]), axis=1, return_counts=True)
        log.shared.update({(i, t): n for (i, t), n in zip(pairs.T.tolist(), shared.tolist(), strict=True)})

    def state(self) -> Counts:
        """What was counted of the logs that ended, for ``merge``."""
        return {"confusion": self._confusion, "numbers": np.array([self._association, self._tubes], np.float64)}

    def merge(self, state: Counts) -> None:
        """Adds what others counted of other logs."""
        self._confusion += state["confusion"]
        self._association += float(state["numbers"][0])
        self._tubes += int(state["numbers"][1])

    def scores(self) -> LidarTrackingScores:
        """Of the logs that ended."""
        association = self._association / self._tubes if self._tubes else math.nan
        right = self._confusion.diagonal()
        union = self._confusion.sum(axis=0) + self._confusion.sum(axis=1) - right
        there = union > 0
        classification = float((right[there] / union[there]).mean()) if there.any() else math.nan
        return LidarTrackingScores(math.sqrt(association * classification), association, classification)


def _counted(ids: NDArray[np.int64]) -> dict[int, int]:
    names, sizes = np.unique(ids, return_counts=True)
    return dict(zip(names.tolist(), sizes.tolist(), strict=True))
