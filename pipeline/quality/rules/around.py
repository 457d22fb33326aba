"""Semantics where the frame's own sweep hit nothing, and labelled points of other frames lie."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.elements import Elements
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation import points as at_points
from occlabel.stages.evaluation.confusion import Counts, confusion
from occlabel.stages.evaluation.points import PointScores
from occlabel.stages.evaluation.reliability import ReliabilityByClass
from occlabel.stages.evaluation.surroundings import surroundings

REACH = 20
"""Frames before and after one whose points are asked: two seconds at 10 Hz."""


class _Standing(NamedTuple):
    """Points of what cannot move."""

    world: NDArray[np.float64]
    """[n, 3]."""
    classes: NDArray[np.uint8]


class AroundRule:
    """See ``Rule``. A voxel counts once, by the class that most of its points have. Points of what can move are not
    asked: it may have been elsewhere. Places are those of the poses that the labels were made with, and then frames
    without labels are not asked, which lie in another world; of the log's where labels say nothing of theirs."""

    name = "around"

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        classes = len(taxonomy.classes)
        self._stands = np.zeros(UNKNOWN + 1, np.bool_)
        self._stands[:classes] = [not (entry.movable or entry.id == taxonomy.free_id) for entry in taxonomy.classes]
        self._counts, self._voxels = np.zeros((classes, classes), np.int64), np.zeros(3, np.int64)
        self._reliability = ReliabilityByClass(classes, taxonomy.free_id)
        self._log: LabelledLog | None = None
        self._frames: tuple[Frame, ...] = ()
        self._own_poses = False
        self._kept: OrderedDict[str, _Standing | None] = OrderedDict()
        self.not_asked: dict[str, str] = {}
        """Frame of the log -> a sentence that its labelled points cannot be read, and so say nothing of others."""
        self.remarks: dict[str, str] = {}
        """The same of those whose points are asked but for some."""

    def begin(self, log: LabelledLog) -> None:
        assert log.log is not None  # points are those of logs
        self._log, self._frames = log, log.log.frames
        self._own_poses = any(log.joined.labels.world_from_grid(log.id, name) is not None for name in log.names)
        for kept in (self._kept, self.not_asked, self.remarks):
            kept.clear()

    def add(self, frame: LabelledFrame) -> None:
        assert frame.frame is not None  # points are those of logs
        pose, classes = self._pose(frame.frame, frame.grid), len(self._taxonomy.classes)
        others = () if pose is None else self._others(frame.name, inverse(pose))
        cells, true, hit = surroundings(frame.points, others, frame.grid)
        at = tuple(cells.T)
        labels, scored = frame.classes[at], np.ones(len(cells), bool)
        if frame.joined.classes.left_out:
            scored &= labels != UNKNOWN
        self._voxels += (len(cells) + hit, hit, (~scored).sum())
        self._counts += confusion(labels, true, scored, classes, frame.where)
        if frame.confidence is not None:
            observed = None if frame.observed is None else frame.observed[at]
            self._reliability.add(labels, frame.confidence[at], labels == true, scored, observed)

    def end(self) -> None:
        self._kept.clear()

    def state(self) -> Counts:
        return {"counts": self._counts, "voxels": self._voxels, "reliability": self._reliability.counts}

    def merge(self, state: Counts) -> None:
        self._counts += state["counts"]
        self._voxels += state["voxels"]
        self._reliability.counts += state["reliability"]

    @property
    def elements(self) -> Elements:
        """Of the voxels that points of other frames lie in: what is scored, and what is not."""
        whole, hit, of_no_class = self._voxels.tolist()
        reasons = {
            "hit": (hit, "were hit by the frame's own sweep, which --at points scores,"),
            "class_left_out": (of_no_class, "have labels that are none of the truth's classes"),
        }
        return Elements("voxels", whole, reasons)

    def scores(self) -> PointScores:
        """NaN for classes that can move: where labels say them, something else stands, and is wrong by that."""
        found = at_points.score(self._counts, self._taxonomy)
        asked = {entry.name for entry in self._taxonomy.classes if self._stands[entry.id]}
        per_class = {name: value if name in asked else math.nan for name, value in found.per_class.items()}
        return replace(found, per_class=per_class)

    @property
    def calibration(self) -> ReliabilityByClass | None:
        """None where the labels have no confidence."""
        return self._reliability if self._reliability.counts.any() else None

    def _others(self, name: str, grid_from_world: Matrix) -> Iterator[tuple[NDArray[np.float64], NDArray[np.uint8]]]:
        """Points [n, 3] in the grid of the frame ``name``, and their classes [n], of each frame around it."""
        here = next(n for n, frame in enumerate(self._frames) if frame.name == name)
        for frame in self._frames[max(here - REACH, 0) : here + REACH + 1]:
            if frame.name != name and (standing := self._standing(frame)) is not None:
                yield transform_points(grid_from_world, standing.world), standing.classes

    def _standing(self, frame: Frame) -> _Standing | None:
        """Of one frame; None where it has no labelled points or no pose, or they cannot be read. Kept for the frames
        around."""
        if frame.name not in self._kept:
            self._kept[frame.name] = self._read(frame)
            while len(self._kept) > 2 * REACH + 1:
                self._kept.popitem(last=False)
        return self._kept[frame.name]

    def _read(self, frame: Frame) -> _Standing | None:
        log = self._log
        assert log is not None  # see begin
        labelled = LabelledFrame(log.joined, log.id, frame.name, frame)
        pose = self._pose(frame, labelled.grid)
        if pose is None or not can_be_asked(frame):
            return None
        try:
            points, truth = labelled.points, labelled.point_truth
        except (BadLog, DamagedFile) as error:
            where = f"log {log.id}, frame {frame.name}"
            self.not_asked[frame.name] = f"the labelled points of {where} are not asked: {error}"
            return None
        if truth is None:
            return None
        if truth.remark is not None:
            self.remarks[frame.name] = truth.remark
        kept = self._stands[truth.semantics]
        return _Standing(transform_points(pose, points[kept]), truth.semantics[kept])

    def _pose(self, frame: Frame, grid: Grid) -> Matrix | None:
        """[4, 4] from the grid."""
        assert self._log is not None  # see begin
        if not self._own_poses:
            return frame.world_from_grid(grid)
        labels, log = self._log.joined.labels, self._log.id
        return labels.world_from_grid(log, frame.name) if labels.has(log, frame.name) else None


def can_be_asked(frame: Frame) -> bool:
    """Whether the frame has what the rule needs."""
    return frame.truth.points is not None and frame.sweep is not None and frame.world_from_ego is not None
