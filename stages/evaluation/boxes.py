"""Objects against annotated boxes: how many are found, how far from their centre, and whether they keep their id.

Real logs have boxes where they have no voxel truth. A box is found by an object whose centre lies near its own, seen
from above, as the detection benchmark of nuScenes matches (Caesar et al. 2020, section 3.1): objects and boxes of a
frame are paired so that the most boxes are found, of equally many pairings the one with the least sum of distances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from occlabel.stages.evaluation.confusion import Counts

NEAR = 2.0
"""[m]: the distance that the benchmark's true-positive errors use."""

_FAR = 1e3


@dataclass(frozen=True)
class Placed:
    """Objects or boxes of a frame."""

    ids: NDArray[np.int64]
    """[n]: unique in the log."""
    classes: NDArray[np.int64]
    """[n]."""
    centres: NDArray[np.float64]
    """[n, 3] metres."""


@dataclass(frozen=True)
class BoxScores:
    """NaN where there is nothing to score."""

    boxes: int
    found: float
    """Share of the boxes, whatever the object's class."""
    named: float
    """Share of the boxes that are found by an object of their class."""
    offset: float
    """Mean distance [m] of the centres, seen from above, of boxes that are found."""
    switches: float
    """Per 100 found boxes: how often the object's id is another than when the box's object was last found."""
    per_class: dict[int, tuple[int, float]]
    """By class: boxes, and share found."""

    def facts(self, names: tuple[str, ...]) -> dict[str, Any]:
        """For JSON; ``names`` are those of the classes."""
        values = {"found": self.found, "named": self.named, "centre_offset": self.offset}
        values |= {"id_switches_per_100_found_boxes": self.switches}
        known = {name: None if math.isnan(value) else value for name, value in values.items()}
        classes = {names[i]: {"boxes": count, "found": share} for i, (count, share) in self.per_class.items()}
        return {"boxes": self.boxes, **known, "per_class": classes}


class BoxCounts:
    """Counts frame by frame, in order of time, and log by log."""

    def __init__(self) -> None:
        self._found: list[tuple[int, bool, bool]] = []  # class, found, of its class
        self._offsets: list[float] = []
        self._switches = 0
        self._last: dict[int, int] = {}

    def add(self, objects: Placed, boxes: Placed) -> None:
        which = pairs(objects.centres, boxes.centres)
        for box, object_ in enumerate(which.tolist()):
            class_ = int(boxes.classes[box])
            if object_ < 0:
                self._found.append((class_, False, False))
                continue
            self._found.append((class_, True, int(objects.classes[object_]) == class_))
            self._offsets.append(float(np.linalg.norm((objects.centres[object_] - boxes.centres[box])[:2])))
            name, id_ = int(boxes.ids[box]), int(objects.ids[object_])
            self._switches += self._last.get(name, id_) != id_
            self._last[name] = id_

    def end_log(self) -> None:
        """To be called between two logs: ids begin anew."""
        self._last = {}

    def state(self) -> Counts:
        """What was counted, for ``merge``."""
        found = np.array(self._found, np.int64).reshape(-1, 3)
        return {"found": found, "offsets": np.array(self._offsets), "switches": np.array([self._switches])}

    def merge(self, state: Counts) -> None:
        """Adds what others counted of other logs."""
        self._found += [(class_, bool(found), bool(named)) for class_, found, named in state["found"].tolist()]
        self._offsets += state["offsets"].tolist()
        self._switches += int(state["switches"][0])

    def scores(self) -> BoxScores:
        found = np.array([row[1] for row in self._found], np.float64)
        named = np.array([row[2] for row in self._found], np.float64)
        classes = np.array([row[0] for row in self._found], np.int64)
        per_class = {int(c): (int((classes == c).sum()), float(found[classes == c].mean())) for c in np.unique(classes)}
        return BoxScores(
            boxes=len(found),
            found=_mean(found),
            named=_mean(named),
            offset=_mean(np.array(self._offsets)),
            switches=100 * self._switches / len(self._offsets) if self._offsets else math.nan,
            per_class=per_class,
        )


def pairs(objects: NDArray[np.float64], boxes: NDArray[np.float64]) -> NDArray[np.int64]:
    """The object [n] that finds each of ``boxes`` [n, 3], of ``objects`` [m, 3]; -1 for none within NEAR metres."""
    result = np.full(len(boxes), -1, np.int64)
    distances = np.linalg.norm(boxes[:, None, :2] - objects[None, :, :2], axis=2)
    rows, columns = linear_sum_assignment(np.where(distances <= NEAR, distances, _FAR))
    near = distances[rows, columns] <= NEAR
    result[rows[near]] = columns[near]
    return result


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan
