"""Panoptic quality (Kirillov et al. 2019) of voxels, points or rays: counts add up over frames, then one score.

PQ = (sum of the IoUs of matches) / (matches + false positives / 2 + misses / 2), the product of SQ, the mean IoU of
the matches, and RQ, their F1. PQ-dagger (Porzi et al. 2019) has the semantic IoU in place of PQ for stuff.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.evaluation.confusion import Counts, confusion
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.segments import Labels, overlaps

_COUNTED = ("matches", "false", "missed", "iou", "confusion", "overlapping", "overlap")


@dataclass(frozen=True)
class Quality:
    """Of one class, or the mean of several; NaN where there is nothing to score."""

    pq: float
    sq: float
    rq: float

    def facts(self) -> dict[str, float | None]:
        """For JSON: None in place of NaN."""
        return {name: _number(getattr(self, name)) for name in ("pq", "sq", "rq")}


@dataclass(frozen=True)
class PanopticScores:
    """Panoptic quality as fractions of 1."""

    all: Quality
    things: Quality
    stuff: Quality
    pq_dagger: float
    per_class: dict[int, Quality]
    """By class id, those that are scored."""

    def facts(self, names: tuple[str, ...]) -> dict[str, Any]:
        """For JSON; ``names`` are those of the classes."""
        means = {"all": self.all.facts(), "things": self.things.facts(), "stuff": self.stuff.facts()}
        per_class = {names[i]: quality.facts() for i, quality in self.per_class.items()}
        return {**means, "pq_dagger": _number(self.pq_dagger), "per_class": per_class}


class PanopticCounts:
    """What panoptic quality is made of, by class: ``matches``, ``false``, ``missed`` int64 [classes], ``iou``
    float64 [classes], and the semantic ``confusion`` int64 [prediction, truth]."""

    def __init__(self, rules: Rules, classes: int) -> None:
        self.rules = rules
        self.matches, self.false, self.missed = np.zeros((3, classes), np.int64)
        self.iou = np.zeros(classes)
        self.confusion = np.zeros((classes, classes), np.int64)
        self.overlapping = np.zeros(classes, np.int64)
        """Pairs of segments of the class that overlap at all, and in ``overlap`` the sum of their IoUs."""
        self.overlap = np.zeros(classes)

    def add(
        self,
        predicted: Labels,
        true: Labels,
        scored: NDArray[np.bool_] | None = None,
        agree: NDArray[np.bool_] | None = None,
        where: str = "the prediction",
    ) -> None:
        """Counts a frame (a scan). All arrays are of one shape; only the ``scored`` elements count, and only those that
        ``agree`` count as shared. Raises BadPredictions, naming ``where``, for a predicted id that is no class."""
        rules, classes = self.rules, len(self.iou)
        stuff, things = rules.table(rules.stuff), rules.table(rules.things)
        kept = ~rules.table(rules.ignored)[true.semantics] & (true.semantics < classes)
        if scored is not None:
            kept &= scored
        self.confusion += confusion(predicted.semantics, true.semantics, kept, classes, where)
        if rules.unidentified_dropped:
            kept &= ~things[true.semantics] | (true.instance != 0)
        pair = [Labels(labels.semantics[kept], labels.instance[kept]) for labels in (predicted, true)]
        if rules.whole_stuff:
            pair = [Labels(s, np.where(stuff[s], 0, i)) for s, i in pair]
        found = overlaps(pair[0], pair[1], stuff | things, None if agree is None else agree[kept]).within_class()

        ious = found.ious()
        matched = ious > 0.5
        which = found.predicted.classes[found.pairs[:, 0]]
        self.matches += np.bincount(which[matched], minlength=classes)
        self.iou += np.bincount(which[matched], ious[matched], classes)
        self.overlapping += np.bincount(which, minlength=classes)
        self.overlap += np.bincount(which, ious, classes)
        excused = matched | stuff[which] if rules.lenient_stuff else matched
        for segments, used, count in (
            (found.predicted, found.pairs[excused, 0], self.false),
            (found.true, found.pairs[matched, 1], self.missed),
        ):
            wrong = segments.sizes >= rules.least
            wrong[used] = False
            count += np.bincount(segments.classes[wrong], minlength=classes)

    def state(self) -> Counts:
        """What was counted, for ``merge``."""
        return {name: getattr(self, name) for name in _COUNTED}

    def merge(self, state: Counts) -> None:
        """Adds what others counted."""
        for name in _COUNTED:
            getattr(self, name)[...] += state[name]

    def semantic_iou(self) -> NDArray[np.float64]:
        """IoU of each class, [classes]; NaN for one that is nowhere."""
        right = self.confusion.diagonal()
        return _ratio(right, self.confusion.sum(axis=0) + self.confusion.sum(axis=1) - right)

    def scores(self) -> PanopticScores:
        """By the rules; a mean is over the classes that have a score."""
        rules = self.rules
        whole = self.matches + 0.5 * self.false + 0.5 * self.missed
        sq = np.where(self.matches > 0, self.iou / np.maximum(self.matches, 1), np.where(whole > 0, 0.0, math.nan))
        pq, rq = _ratio(self.iou, whole), _ratio(self.matches, whole)
        softened = _ratio(self.overlap, self.overlapping) if rules.lenient_stuff else self.semantic_iou()
        dagger = np.where(rules.table(rules.stuff)[: len(pq)], softened, pq)
        if rules.lenient_stuff:  # a class is in this mean when it has a PQ, even one that never overlaps
            dagger = np.where(np.isnan(pq), math.nan, np.nan_to_num(dagger))
        if rules.absent_is_zero:
            pq, sq, rq, dagger = (np.nan_to_num(values) for values in (pq, sq, rq, dagger))

        def mean(classes: tuple[int, ...]) -> Quality:
            return Quality(*(_mean(values[list(classes)]) for values in (pq, sq, rq)))

        return PanopticScores(
            all=mean(rules.classes),
            things=mean(rules.things),
            stuff=mean(rules.stuff),
            pq_dagger=_mean(dagger[list(rules.classes)]),
            per_class={i: Quality(float(pq[i]), float(sq[i]), float(rq[i])) for i in rules.classes},
        )


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    return np.where(whole > 0, part / np.where(whole > 0, whole, 1), math.nan)


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
