"""Semantics at labelled LiDAR points, each of which takes the label of the voxel that holds it; and whether confidence
means what it says there."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.elements import Elements
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation import points as at_points
from occlabel.stages.evaluation.confusion import Counts, confusion
from occlabel.stages.evaluation.points import PointScores
from occlabel.stages.evaluation.reliability import ReliabilityByClass


class PointRule:
    """See ``Rule``; with two trivial baselines beside it."""

    name = "points"

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        classes = len(taxonomy.classes)
        self._counts, self._by_height = np.zeros((2, classes, classes), np.int64)
        self._points = np.zeros(4, np.int64)
        self._reliability = ReliabilityByClass(classes, taxonomy.free_id)

    def begin(self, log: LabelledLog) -> None:
        pass

    def add(self, frame: LabelledFrame) -> None:
        truth, classes = frame.point_truth, len(self._taxonomy.classes)
        assert truth is not None  # only frames that refer to point truth are asked
        labels, inside = at_points.labels_at(frame.classes, frame.points, frame.grid)
        true, scored = truth.semantics[inside], np.ones(len(labels), bool)
        if frame.joined.classes.left_out:
            scored &= labels != UNKNOWN
        labelled = true < classes
        self._points += (len(inside), (~inside).sum(), (~labelled).sum(), (labelled & ~scored).sum())
        self._counts += confusion(labels, true, scored, classes, frame.where)
        if frame.confidence is not None:
            sure = at_points.labels_at(frame.confidence, frame.points, frame.grid)[0]
            observed = frame.observed
            if observed is not None:
                observed = at_points.labels_at(observed, frame.points, frame.grid)[0]
            self._reliability.add(labels, sure, labels == true, scored & labelled, observed)
        rule = at_points.height_rule(frame.points[inside, 2], self._taxonomy)
        self._by_height += confusion(rule, true, scored, classes, "the height rule")

    def end(self) -> None:
        pass

    def state(self) -> Counts:
        counts = {"counts": self._counts, "by height": self._by_height, "points": self._points}
        return counts | {"reliability": self._reliability.counts}

    def merge(self, state: Counts) -> None:
        self._counts += state["counts"]
        self._by_height += state["by height"]
        self._points += state["points"]
        self._reliability.counts += state["reliability"]

    @property
    def elements(self) -> Elements:
        """Of the frames' points: what is scored, and what is not."""
        whole, outside, unlabelled, of_no_class = self._points.tolist()
        reasons = {
            "outside_grid": (outside, "lie outside the grid of the labels"),
            "without_label": (unlabelled, "have no label in the truth"),
            "class_left_out": (of_no_class, "have labels that are none of the truth's classes"),
        }
        return Elements("points", whole, reasons)

    def scores(self) -> PointScores:
        return at_points.score(self._counts, self._taxonomy)

    @property
    def calibration(self) -> ReliabilityByClass | None:
        """None where the labels have no confidence."""
        return self._reliability if self._reliability.counts.any() else None

    def baselines(self) -> dict[str, PointScores]:
        counts = {"height rule": self._by_height, "most frequent class": at_points.most_frequent(self._counts)}
        return {name: at_points.score(count, self._taxonomy) for name, count in counts.items()}
