"""Objects against annotated boxes."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.objects import summarise
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.boxes import BoxCounts, BoxScores, Placed
from occlabel.stages.evaluation.confusion import Counts

LEAST_POINTS = 20
"""A box with fewer LiDAR points inside is not asked for: hardly anything of it was seen."""


class BoxRule:
    """See ``Rule``. Frames count that have boxes, a pose and instances; boxes of thing classes whose centre lies in the
    grid."""

    name = "boxes"

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._counts = BoxCounts()
        self._truth: TrueObjects | None = None
        self.frames = 0

    def begin(self, log: LabelledLog) -> None:
        assert log.log is not None  # boxes are those of logs
        self._truth = TrueObjects(log.log, log.joined.labels.space.grid, self._taxonomy)

    def add(self, frame: LabelledFrame) -> None:
        if self._truth is None or not frame.has_instance or not self._truth.in_time([frame.name]):
            return
        boxes = self._truth.boxes(frame.name, LEAST_POINTS)
        _, inside = frame.grid.cells(boxes.centres)
        kept = Placed(boxes.ids[inside], boxes.classes[inside], boxes.centres[inside])
        assert frame.instance is not None  # see has_instance
        found = summarise(frame.instance, frame.classes, frame.grid)
        self._counts.add(Placed(found.ids.astype(np.int64), found.classes.astype(np.int64), found.centroids), kept)
        self.frames += 1

    def end(self) -> None:
        self._counts.end_log()

    def state(self) -> Counts:
        return self._counts.state() | {"frames": np.array([self.frames])}

    def merge(self, state: Counts) -> None:
        self._counts.merge(state)
        self.frames += int(state["frames"][0])

    def scores(self) -> BoxScores:
        return self._counts.scores()
