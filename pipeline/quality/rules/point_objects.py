"""Objects at LiDAR points, by the rules of the LiDAR benchmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.benchmark import Benchmark
from occlabel.pipeline.quality.panoptic import PanopticEvaluation
from occlabel.pipeline.quality.rules.rule import part, prefixed
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.drive_log import PointSegments
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.evaluation.lidar_tracking import LidarTrackingCounts
from occlabel.stages.evaluation.panoptic import PanopticCounts
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.evaluation.tracking import TrackingCounts
from occlabel.stages.export.points import point_labels


class PointObjectRule:
    """See ``Rule``. Frames count that have instances, at the points in the grid, where somebody says whose they are.

    A point has the class and the object of its voxel, as it is exported.
    """

    name = "point objects"

    def __init__(self, benchmark: Benchmark) -> None:
        self._rules, self._taxonomy = benchmark.point_rules, benchmark.taxonomy
        self._quality = PanopticCounts(self._rules, 1 + max(self._rules.classes))
        self._tracking = TrackingCounts(self._taxonomy)
        self._lidar_tracking = LidarTrackingCounts(self._rules) if benchmark.lstq else None
        self._objects: TrueObjects | None = None
        self._frames, self._identified = 0, 0

    def begin(self, log: LabelledLog) -> None:
        boxed = log.log is not None and any(frame.truth.boxes for frame in log.log.frames)
        grid = log.joined.labels.space.grid
        self._objects = TrueObjects(log.log, grid, self._taxonomy) if boxed and log.log is not None else None

    def add(self, frame: LabelledFrame) -> None:
        if not frame.has_instance:
            return
        true = self._segments(frame)
        if true is None:
            return
        assert frame.instance is not None  # see has_instance
        found = Labels(*point_labels(frame.classes, frame.instance, frame.points, frame.grid))
        inside = found.semantics != UNKNOWN  # within the grid the labels are free where nothing is known
        expected = Labels(_challenge_classes(true.semantics, self._rules), true.ids)
        submitted = _challenge_labels(found, self._rules)
        self._quality.add(submitted, expected, inside, where=frame.where)
        numbers = true.instance if self._rules.category_may_change else true.ids
        tubes = Labels(true.semantics, np.where(true.instance > 0, numbers, 0))
        self._tracking.add(found, tubes, inside, frame.where)
        if self._lidar_tracking is not None:
            self._lidar_tracking.add(submitted, tubes, inside, frame.where)
        self._identified += bool(true.instance[inside].any())
        self._frames += 1

    def end(self) -> None:
        self._tracking.end_log()
        if self._lidar_tracking is not None:
            self._lidar_tracking.end_log()

    def state(self) -> Counts:
        counts = prefixed("quality", self._quality.state()) | prefixed("tracking", self._tracking.state())
        if self._lidar_tracking is not None:
            counts |= prefixed("lidar tracking", self._lidar_tracking.state())
        return counts | {"frames": np.array([self._frames, self._identified])}

    def merge(self, state: Counts) -> None:
        self._quality.merge(part("quality", state))
        self._tracking.merge(part("tracking", state))
        if self._lidar_tracking is not None:
            self._lidar_tracking.merge(part("lidar tracking", state))
        self._frames += int(state["frames"][0])
        self._identified += int(state["frames"][1])

    def evaluation(self) -> PanopticEvaluation | None:
        """None when no prediction or no point of the truth has an instance."""
        if not self._identified:
            return None
        return PanopticEvaluation(
            self._quality.scores(),
            self._tracking.scores(),
            None,
            self._taxonomy.names,
            self._frames,
            "points",
            None if self._lidar_tracking is None else self._lidar_tracking.scores(),
        )

    def _segments(self, frame: LabelledFrame) -> PointSegments | None:
        """Of the frame's points; None when nobody says whose they are.

        Where boxes say it, a point of a thing class in no box of its class is UNKNOWN: it is somebody's, and counted
        as an object of its own it would be one that nobody can find.
        """
        truth = frame.point_truth
        assert truth is not None  # only frames that refer to point truth are asked
        if truth.segments is not None:
            return truth.segments
        if self._objects is None or not self._objects.in_time([frame.name]):
            return None
        semantics, things = truth.semantics, self._rules.things
        instance = self._objects.point_instances(frame.name, semantics, frame.points, things)
        nobodys = np.isin(semantics, things) & (instance == 0)
        return PointSegments(
            np.where(nobodys, np.uint8(UNKNOWN), semantics), semantics.astype(np.uint16), instance.astype(np.uint16)
        )


def _challenge_labels(found: Labels, rules: Rules) -> Labels:
    """A prediction [n] as the benchmark's files hold it: only things have ids."""
    things = rules.table(rules.things)[found.semantics]
    return Labels(_challenge_classes(found.semantics, rules), np.where(things, found.instance, 0))


def _challenge_classes(semantics: NDArray[np.uint8], rules: Rules) -> NDArray[np.uint8]:
    """``semantics`` [n] with 0 for what the benchmark has no class for."""
    return np.where(rules.table(rules.classes)[semantics], semantics, np.uint8(0))
