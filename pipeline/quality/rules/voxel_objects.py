"""Objects at voxels, against the boxes of the log: panoptic quality, tracking, rays."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.published.labelled_log import Join, LabelledFrame, LabelledLog
from occlabel.pipeline.quality.benchmark import Benchmark
from occlabel.pipeline.quality.panoptic import PanopticEvaluation
from occlabel.pipeline.quality.rules.rule import part, prefixed
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.evaluation.panoptic import PanopticCounts
from occlabel.stages.evaluation.panoptic_rules import voxels
from occlabel.stages.evaluation.ray_scores import RayCounts
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.evaluation.tracking import TrackingCounts


class VoxelObjectRule:
    """See ``Rule``. Frames count that have instances and a pose, in logs that have boxes; over the whole grid."""

    name = "voxel objects"

    def __init__(self, benchmark: Benchmark, joined: Join) -> None:
        taxonomy = joined.target.taxonomy
        self._taxonomy, self._grid = taxonomy, joined.scored_grid
        self._quality = PanopticCounts(voxels(taxonomy), len(taxonomy.classes))
        self._tracking = TrackingCounts(taxonomy)
        self._rays = RayCounts(self._grid, taxonomy) if benchmark.rays else None
        self._objects: TrueObjects | None = None
        self._frames = 0

    def begin(self, log: LabelledLog) -> None:
        boxed = log.log is not None and any(frame.truth.boxes for frame in log.log.frames)
        self._objects = TrueObjects(log.log, self._grid, self._taxonomy) if boxed and log.log is not None else None

    def add(self, frame: LabelledFrame) -> None:
        if self._objects is None or not frame.has_instance or not self._objects.in_time([frame.name]):
            return
        truth, seen = frame.voxel_truth, frame.seen
        assert frame.instance is not None  # see has_instance
        true = Labels(truth.semantics, self._objects.instances(frame.name, truth.semantics))
        found = Labels(seen.semantics, frame.in_target(frame.instance, np.uint16(0)))
        scored = seen.within(truth.scored)
        self._quality.add(found, true, scored, where=frame.where)
        self._tracking.add(found, true, scored, frame.where)
        if self._rays is not None:
            self._rays.add(found, true, self._objects.origins(frame.name), frame.where)
        self._frames += 1

    def end(self) -> None:
        self._tracking.end_log()

    def state(self) -> Counts:
        counts = prefixed("quality", self._quality.state()) | prefixed("tracking", self._tracking.state())
        rays = {} if self._rays is None else prefixed("rays", self._rays.state())
        return counts | rays | {"frames": np.array([self._frames])}

    def merge(self, state: Counts) -> None:
        self._quality.merge(part("quality", state))
        self._tracking.merge(part("tracking", state))
        if self._rays is not None:
            self._rays.merge(part("rays", state))
        self._frames += int(state["frames"][0])

    def evaluation(self) -> PanopticEvaluation | None:
        """None when no frame was scored."""
        if not self._frames:
            return None
        rays = None if self._rays is None else self._rays.scores()
        return PanopticEvaluation(
            self._quality.scores(), self._tracking.scores(), rays, self._taxonomy.names, self._frames
        )
