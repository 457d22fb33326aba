"""Flow against the boxes of the log: how each of them goes on from the frame before to the frame after.

They go on in the world of the poses that the labels were made with: by poses that know no height what is parked on a
hill would move.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.pipeline.quality.true_objects import TrueObjects
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.evaluation.flow import FlowCounts, FlowScores


class FlowRule:
    """See ``Rule``. Frames count that have a flow and a pose, in logs with boxes. At voxels those of the truth that are
    somebody's are asked for; at boxes, where no voxel has a truth, those that the labels call a thing inside of a box.
    """

    name = "flow"

    def __init__(self, taxonomy: Taxonomy, grid: Grid, at: Literal["voxels", "boxes"]) -> None:
        self._taxonomy, self._grid, self._at = taxonomy, grid, at
        self._counts = FlowCounts()
        self._truth: TrueObjects | None = None
        self._frames = 0

    def begin(self, log: LabelledLog) -> None:
        boxed = log.log is not None and any(frame.truth.boxes for frame in log.log.frames)
        if boxed and log.log is not None:
            self._truth = TrueObjects(log.log, self._grid, self._taxonomy, log.places())
        else:
            self._truth = None

    def add(self, frame: LabelledFrame) -> None:
        if self._truth is None or not self._truth.in_time([frame.name]) or (flow := frame.flow) is None:
            return
        if self._at == "voxels":
            truth, seen = frame.voxel_truth, frame.seen
            where, owners = seen.within(truth.scored), self._truth.instances(frame.name, truth.semantics)
            speeds = frame.vectors_in_target(flow)
        else:
            where, owners = np.ones(self._grid.shape, np.bool_), self._truth.things(frame.name, frame.classes)
            speeds = flow
        for instance in np.unique(owners[where & (owners > 0)]).tolist():
            cells = np.argwhere(where & (owners == instance))
            self._counts.add(speeds[tuple(cells.T)], self._truth.flow(frame.name, instance, cells))
        self._frames += 1

    def end(self) -> None:
        pass

    def state(self) -> Counts:
        return self._counts.state() | {"frames": np.array([self._frames])}

    def merge(self, state: Counts) -> None:
        self._counts.merge(state)
        self._frames += int(state["frames"][0])

    def scores(self) -> FlowScores | None:
        """None where no frame has a flow."""
        return self._counts.scores() if self._frames else None
