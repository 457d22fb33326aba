"""Objects against annotated boxes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.elements import Elements
from occlabel.pipeline.quality.rules.rule import part, prefixed
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.arrays import HIT
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation.boxes import BoxCounts, BoxScores, Placed
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.tracking.logbook import Logbook

LEAST_POINTS = 20
"""A box with fewer LiDAR points inside is not asked for: hardly anything of it was seen."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a frame holds of objects, until it is known where they are."""

    ids: NDArray[np.int64]
    classes: NDArray[np.uint8]
    boxes: Placed
    those: NDArray[np.bool_]
    """[boxes]: which are asked for."""


class BoxRule:
    """See ``Rule``. Frames count that have boxes, a pose and instances; boxes of thing classes whose centre lies in the
    grid and that hold points enough. Objects at boxes that do not count are excused. Where an object is all frames of
    its log say together: it is asked for its box as ``occlabel export --format objects`` writes it."""

    name = "boxes"

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        self._counts = BoxCounts()
        self._truth: TrueObjects | None = None
        self._book: Logbook | None = None
        self._asked: list[_Asked] = []
        self._boxes = np.zeros(4, np.int64)
        self._without_pose = self._without_instances = 0
        self.frames = 0

    def begin(self, log: LabelledLog) -> None:
        assert log.log is not None  # boxes are those of logs
        grid, tracked = log.joined.labels.space.grid, log.joined.labels.tracked
        self._truth = TrueObjects(log.log, grid, self._taxonomy)
        self._book, self._asked = Logbook(grid, self._taxonomy, tracked=tracked), []

    def add(self, frame: LabelledFrame) -> None:
        assert self._truth is not None and self._book is not None  # see begin
        if not frame.has_instance:
            self._without_instances += 1
            return
        if not self._truth.in_time([frame.name]):
            self._without_pose += 1
            return
        boxes, points, others = self._truth.boxes(frame.name)
        thing = boxes.classes != UNKNOWN
        _, inside = frame.grid.cells(boxes.centres)
        few = thing & (points >= 0) & (points < LEAST_POINTS)
        self._boxes += (thing.sum() + others, others, few.sum(), (thing & ~few & ~inside).sum())
        assert frame.instance is not None and frame.frame is not None  # see has_instance; boxes are those of logs
        hits = None if frame.observed is None else (frame.observed == HIT).astype(np.uint8)
        objects = self._book.add(
            len(self._asked), frame.instance, frame.classes, frame.frame.time, frame.world_from_grid, hits
        )
        self._asked.append(_Asked(objects.ids.astype(np.int64), objects.classes, boxes, thing & inside & ~few))
        self.frames += 1

    def end(self) -> None:
        assert self._book is not None  # see begin
        whole = self._book.boxes()
        for number, asked in enumerate(self._asked):
            boxes = np.array([whole[track, number] for track in asked.ids.tolist()]).reshape(-1, 7)
            self._counts.add(Placed(asked.ids, asked.classes.astype(np.int64), boxes), asked.boxes, asked.those)
        self._book, self._asked = None, []
        self._counts.end_log()

    def state(self) -> Counts:
        frames = np.array([self.frames, self._without_pose, self._without_instances])
        return prefixed("found", self._counts.state()) | {"frames": frames, "boxes": self._boxes}

    def merge(self, state: Counts) -> None:
        self._counts.merge(part("found", state))
        self._boxes += state["boxes"]
        scored, without_pose, without_instances = state["frames"].tolist()
        self.frames += scored
        self._without_pose += without_pose
        self._without_instances += without_instances

    @property
    def elements(self) -> Elements:
        """Of the boxes in the frames that are scored: what is scored, and what is not."""
        whole, others, few, outside = self._boxes.tolist()
        reasons = {
            "other_class": (others, "are of no class with objects"),
            "few_points": (few, f"hold fewer than {LEAST_POINTS} LiDAR points"),
            "outside_grid": (outside, "have their centre outside the grid of the labels"),
        }
        return Elements("boxes", whole, reasons)

    def frames_left_out(self) -> dict[str, int]:
        """Frames with boxes that are not scored, by reason."""
        return {"without_pose": self._without_pose, "without_instances": self._without_instances}

    def lacking(self) -> str:
        """The same as a part of a sentence."""
        return (
            f"of the frames with boxes {self._without_instances} have labels without instances and "
            f"{self._without_pose} have no pose"
        )

    def scores(self) -> BoxScores:
        return self._counts.scores()
