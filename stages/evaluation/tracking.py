"""Whether objects keep their ids through a log: STQ and id switches.

STQ is the segmentation and tracking quality of Weber et al. 2021 (STEP), sqrt(AQ * SQ). SQ is the mean semantic IoU.
AQ is the mean over the true tubes (all voxels of an object through a log) of sum(TPA * IoU) / size over the predicted
tubes that share voxels with it, where TPA is the shared number and IoU = TPA / (TPA + FPA + FNA). As in the authors'
evaluator a tube is a class and an id. What the truth does not label is dropped on both sides.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.confusion import Counts, confusion
from occlabel.stages.evaluation.segments import Labels, Segments, overlaps

P = TypeVar("P")
T = TypeVar("T")
Tube = tuple[int, int]
"""Class and id."""


@dataclass(frozen=True)
class TrackingScores:
    """As fractions of 1, but for the switches; NaN where there is nothing to score."""

    stq: float
    aq: float
    sq: float
    switches: float
    """Per 100 matched object-frames: how often the prediction's id of an object is another than when it was last
    matched. A match is an IoU above 0.5 in a frame."""
    matched: float
    """Share of the truth's object-frames that are matched."""

    def facts(self) -> dict[str, Any]:
        """For JSON: None in place of NaN."""
        values = {"stq": self.stq, "aq": self.aq, "sq": self.sq}
        values |= {"id_switches_per_100_object_frames": self.switches, "objects_matched": self.matched}
        return {name: None if math.isnan(value) else value for name, value in values.items()}


def association(predicted: Mapping[P, int], true: Mapping[T, int], shared: Mapping[tuple[P, T], int]) -> float:
    """The sum over true tubes, of which the mean is AQ: from the sizes of the tubes of both sides, and of what they
    share."""
    return sum(
        both / true[t] * both / (predicted[p] + true[t] - both) for (p, t), both in shared.items() if p in predicted
    )


@dataclass
class _Log:
    """Voxels of the tubes of one log, and which id each object was matched with last."""

    predicted: Counter[Tube] = field(default_factory=Counter)
    true: Counter[Tube] = field(default_factory=Counter)
    shared: Counter[tuple[Tube, Tube]] = field(default_factory=Counter)
    last: dict[Tube, int] = field(default_factory=dict)

    def association(self) -> float:
        """See ``association``."""
        return association(self.predicted, self.true, self.shared)


class TrackingCounts:
    """Counts frame by frame, in order of time, and log by log; it grows with the number of objects, not of frames."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._taxonomy = taxonomy
        classes = len(taxonomy.classes)
        self._things = np.zeros(256, np.bool_)
        self._things[[c.id for c in taxonomy.classes if c.thing]] = True
        self._confusion = np.zeros((classes, classes), np.int64)
        self._association, self._tubes = 0.0, 0
        self._switches = self._matched = self._objects = 0
        self._log = _Log()

    def end_log(self) -> None:
        """To be called between two logs: ids begin anew."""
        self._association += self._log.association()
        self._tubes += len(self._log.true)
        self._log = _Log()

    def add(self, predicted: Labels, true: Labels, scored: NDArray[np.bool_], where: str = "the prediction") -> None:
        """Counts the ``scored`` voxels of the log's next frame; all arrays are of one shape. Things without an id (0)
        in the truth count for the semantics only. Raises BadPredictions, naming ``where``, for an id that is no
        class."""
        classes, log = len(self._confusion), self._log
        self._confusion += confusion(predicted.semantics, true.semantics, scored, classes, where)
        kept = scored & (true.semantics < classes) & (~self._things[true.semantics] | (true.instance != 0))
        found = overlaps(
            Labels(predicted.semantics[kept], predicted.instance[kept]),
            Labels(true.semantics[kept], true.instance[kept]),
            self._things,
        )
        predicted_tubes, true_tubes = _tubes(found.predicted), _tubes(found.true)
        log.predicted.update(dict(zip(predicted_tubes, found.predicted.sizes.tolist(), strict=True)))
        log.true.update(dict(zip(true_tubes, found.true.sizes.tolist(), strict=True)))
        pairs = [(predicted_tubes[p], true_tubes[t]) for p, t in found.pairs.tolist()]
        log.shared.update(dict(zip(pairs, found.shared.tolist(), strict=True)))
        self._objects += len(true_tubes)
        for ((_, found_id), tube), iou in zip(pairs, found.ious().tolist(), strict=True):
            if iou > 0.5 and found_id != 0:
                self._matched += 1
                self._switches += log.last.get(tube, found_id) != found_id
                log.last[tube] = found_id

    def state(self) -> Counts:
        """What was counted of the logs that ended, for ``merge``."""
        numbers = [self._association, self._tubes, self._switches, self._matched, self._objects]
        return {"confusion": self._confusion, "numbers": np.array(numbers, np.float64)}

    def merge(self, state: Counts) -> None:
        """Adds what others counted of other logs."""
        self._confusion += state["confusion"]
        association, *whole = state["numbers"].tolist()
        self._association += association
        for name, number in zip(("_tubes", "_switches", "_matched", "_objects"), whole, strict=True):
            setattr(self, name, getattr(self, name) + int(number))

    def scores(self) -> TrackingScores:
        """Of all logs so far, the one that is open included."""
        tubes = self._tubes + len(self._log.true)
        aq = (self._association + self._log.association()) / tubes if tubes else math.nan
        ids = list(self._taxonomy.occupied_ids)
        right = self._confusion.diagonal()[ids]
        union = self._confusion.sum(axis=0)[ids] + self._confusion.sum(axis=1)[ids] - right
        sq = float((right[union > 0] / union[union > 0]).mean()) if union.any() else math.nan
        return TrackingScores(
            stq=math.sqrt(aq * sq),
            aq=aq,
            sq=sq,
            switches=100 * self._switches / self._matched if self._matched else math.nan,
            matched=self._matched / self._objects if self._objects else math.nan,
        )


def _tubes(segments: Segments) -> list[Tube]:
    return list(zip(segments.classes.tolist(), segments.ids.tolist(), strict=True))
