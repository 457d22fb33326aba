"""Semantics at voxels, by range, and whether confidence means what it says."""

from __future__ import annotations

import numpy as np

from occlabel.pipeline.published.labelled_log import Join, LabelledFrame, LabelledLog
from occlabel.pipeline.quality.benchmark import Benchmark
from occlabel.stages.evaluation.confusion import Counts, confusion, crop
from occlabel.stages.evaluation.reliability import ReliabilityByClass
from occlabel.stages.evaluation.scores import Scores


class VoxelRule:
    """See ``Rule``; in the label space of the truth, by the formulas of the benchmark."""

    name = "voxels"

    def __init__(self, benchmark: Benchmark, joined: Join) -> None:
        self._score, self._taxonomy = benchmark.score, joined.target.taxonomy
        classes, (x, y, _) = len(self._taxonomy.classes), joined.target.grid.shape
        self._ranges = joined.target.grid.ranges or {"full": ((0, x), (0, y))}
        self._counts = {name: np.zeros((classes, classes), np.int64) for name in self._ranges}
        self._reliability = ReliabilityByClass(classes, self._taxonomy.free_id)
        self.beyond, self.scored = 0, 0
        """Voxels of the truth where the labels have no say, and those that are scored."""

    def begin(self, log: LabelledLog) -> None:
        pass

    def add(self, frame: LabelledFrame) -> None:
        truth, seen, classes = frame.voxel_truth, frame.seen, len(self._taxonomy.classes)
        scored = seen.within(truth.scored)
        self.beyond += int(truth.scored.sum()) - int(scored.sum())
        self.scored += int(scored.sum())
        for range_, box in self._ranges.items():
            labels, true = crop(seen.semantics, box), crop(truth.semantics, box)
            self._counts[range_] += confusion(labels, true, crop(scored, box), classes, frame.where)
        if frame.confidence is not None:
            confidence = frame.in_target(frame.confidence, np.uint8(0))
            right, observed = seen.semantics == truth.semantics, frame.observed
            if observed is not None:
                observed = frame.in_target(observed, np.uint8(0))
            self._reliability.add(seen.semantics, confidence, right, scored, observed)

    def end(self) -> None:
        pass

    def state(self) -> Counts:
        counts: Counts = {f"range {name}": count for name, count in self._counts.items()}
        sums = np.array([self.beyond, self.scored])
        return counts | {"reliability": self._reliability.counts, "beyond": sums}

    def merge(self, state: Counts) -> None:
        for name, count in self._counts.items():
            count += state[f"range {name}"]
        self._reliability.counts += state["reliability"]
        self.beyond += int(state["beyond"][0])
        self.scored += int(state["beyond"][1])

    def scores(self) -> dict[str, Scores]:
        """By range."""
        return {name: self._score(count, self._taxonomy) for name, count in self._counts.items()}

    @property
    def calibration(self) -> ReliabilityByClass | None:
        """None where the labels have no confidence."""
        return self._reliability if self._reliability.counts.any() else None
