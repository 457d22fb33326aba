"""Objects against annotated boxes: how many are found, under which name, how far from their centre, and whether they
keep their id; and how many objects there are that no box speaks for.

Real logs have boxes where they have no voxel truth. A box is found by an object whose centre lies near its own, seen
from above, as the detection benchmark of nuScenes matches (Caesar et al. 2020, section 3.1). Objects and boxes of a
frame are paired so that the most boxes are found by an object of their own class, then the most of the others by any,
and of equally good pairings by the one with the least sum of distances.

Not every box is asked for. What is found at a box that is not asked for counts neither for nor against.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.confusion import Counts

NEAR = 2.0
"""[m]: the distance that the benchmark's true-positive errors use."""

NONE = -1
"""The class of what finds a box that nothing finds."""

_LONG = 1.5
"""Times its width: a box that is shorter points nowhere."""

_ANY, _OWN = 1e4, 1e8
"""What it is worth [m] that a box is found at all, and that it is by its own class: no sum of distances outweighs the
one, no number of boxes the other."""


@dataclass(frozen=True)
class Placed:
    """Objects or boxes of a frame."""

    ids: NDArray[np.int64]
    """[n]: unique in the log."""
    classes: NDArray[np.int64]
    """[n]: UNKNOWN for a box of no class, which may be of any."""
    boxes: NDArray[np.float64]
    """[n, 7]: x, y, z of the middle, length, width, height [m] and turn of the length about z [rad]; front and back
    alike, and the length the longer side."""

    @property
    def centres(self) -> NDArray[np.float64]:
        """[n, 3] metres."""
        return self.boxes[:, :3]

    def where(self, which: NDArray[np.bool_]) -> Placed:
        """Those of them."""
        return Placed(self.ids[which], self.classes[which], self.boxes[which])


@dataclass(frozen=True)
class ClassScores:
    """Of one class, or of all together. NaN where there is nothing to score."""

    boxes: int
    """That are asked for."""
    found: float
    """Share of the boxes that have an object, whatever its class."""
    recall: float
    """Share of the boxes that are found by an object of their class."""
    objects: int
    """Objects that count."""
    precision: float
    """Share of the objects that find a box of their class."""
    nowhere: float
    """Share of the objects that have no box at all near them."""
    offset: float
    """Mean distance [m] of the centres, seen from above, of boxes that are found."""
    scale: float
    """1 - IoU of their boxes when one is laid into the other, mean: the benchmark's scale error."""
    turn: float
    """Mean degrees between their lengths, front and back alike, of boxes that are half as long again as wide."""
    switches: float
    """Per 100 found boxes: how often the object's id is another than when the box's object was last found."""
    taken: dict[int, int]
    """What the boxes were taken for: class of the object, NONE where there is none -> boxes."""

    def facts(self, names: tuple[str, ...]) -> dict[str, Any]:
        """For JSON; ``names`` are those of the classes."""
        values = {
            "found": self.found, "recall": self.recall, "precision": self.precision, "no_box_near": self.nowhere,
            "centre_offset": self.offset, "scale_error": self.scale, "orientation_error_degrees": self.turn,
            "id_switches_per_100_found_boxes": self.switches,
        }  # fmt: skip
        known = {name: None if math.isnan(value) else value for name, value in values.items()}
        taken = {"none" if i == NONE else names[i]: count for i, count in self.taken.items()}
        return {"boxes": self.boxes, "objects": self.objects, **known, "taken_for": taken}


@dataclass(frozen=True)
class BoxScores:
    """By class, and of all together."""

    whole: ClassScores
    per_class: dict[int, ClassScores]
    """Of the classes that have boxes or objects."""

    def facts(self, names: tuple[str, ...]) -> dict[str, Any]:
        """For JSON; ``names`` are those of the classes."""
        return self.whole.facts(names) | {"per_class": {names[i]: s.facts(names) for i, s in self.per_class.items()}}


class BoxCounts:
    """Counts frame by frame, in order of time, and log by log."""

    def __init__(self) -> None:
        self._boxes: list[tuple[int, int, bool]] = []  # class, class of the object, whether its id is another
        self._off: list[tuple[float, float, float]] = []  # of each of these: place, scale, turn; NaN without an object
        self._objects: list[tuple[int, bool, bool]] = []  # class, whether it finds a box of that, whether one is near
        self._last: dict[int, int] = {}

    def add(self, objects: Placed, boxes: Placed, asked: NDArray[np.bool_] | None = None) -> None:
        """``asked`` [boxes]: those that count; None: all."""
        asked = np.ones(len(boxes.ids), np.bool_) if asked is None else asked
        self._add_boxes(objects, boxes.where(asked))
        self._add_objects(objects, boxes, asked)

    def _add_boxes(self, objects: Placed, boxes: Placed) -> None:
        for box, object_ in enumerate(pairs(objects, boxes).tolist()):
            class_ = int(boxes.classes[box])
            if object_ < 0:
                self._boxes.append((class_, NONE, False))
                self._off.append((math.nan, math.nan, math.nan))
                continue
            name, id_ = int(boxes.ids[box]), int(objects.ids[object_])
            self._boxes.append((class_, int(objects.classes[object_]), self._last.get(name, id_) != id_))
            self._off.append(_off(objects.boxes[object_], boxes.boxes[box]))
            self._last[name] = id_

    def _add_objects(self, objects: Placed, boxes: Placed, asked: NDArray[np.bool_]) -> None:
        which = pairs(objects, boxes.where(asked))
        right = np.zeros(len(objects.ids), np.bool_)
        finders = which[which >= 0]
        right[finders] = objects.classes[finders] == boxes.classes[asked][which >= 0]
        near = distances(objects, boxes) <= NEAR
        excused = (near & ~asked[:, None] & _alike(objects, boxes)).any(axis=0) & ~right
        counted = zip(objects.classes[~excused], right[~excused], near.any(axis=0)[~excused], strict=True)
        self._objects += [(int(class_), bool(true), bool(close)) for class_, true, close in counted]

    def end_log(self) -> None:
        """To be called between two logs: ids begin anew."""
        self._last = {}

    def state(self) -> Counts:
        """What was counted, for ``merge``."""
        boxes, objects = (np.array(rows, np.int64).reshape(-1, 3) for rows in (self._boxes, self._objects))
        return {"boxes": boxes, "objects": objects, "off": np.array(self._off, np.float64).reshape(-1, 3)}

    def merge(self, state: Counts) -> None:
        """Adds what others counted of other logs."""
        self._boxes += [(class_, taken, bool(other)) for class_, taken, other in state["boxes"].tolist()]
        self._objects += [(class_, bool(right), bool(near)) for class_, right, near in state["objects"].tolist()]
        self._off += [(place, scale, turn) for place, scale, turn in state["off"].tolist()]

    def scores(self) -> BoxScores:
        state = self.state()
        boxes, objects, off = state["boxes"], state["objects"], state["off"]
        classes = np.unique(np.concatenate([boxes[:, 0], objects[:, 0]])).tolist()
        per_class = {}
        for class_ in classes:
            mine = boxes[:, 0] == class_
            per_class[class_] = _scores(boxes[mine], objects[objects[:, 0] == class_], off[mine])
        return BoxScores(_scores(boxes, objects, off), per_class)


def _scores(boxes: NDArray[np.int64], objects: NDArray[np.int64], off: NDArray[np.float64]) -> ClassScores:
    """Of rows as ``BoxCounts.state`` has them."""
    found = boxes[:, 1] != NONE
    taken, counts = np.unique(boxes[:, 1], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return ClassScores(
        boxes=len(boxes),
        found=_mean(found),
        recall=_mean(boxes[:, 0] == boxes[:, 1]),
        objects=len(objects),
        precision=_mean(objects[:, 1]),
        nowhere=_mean(objects[:, 2] == 0),
        offset=_mean(off[found, 0]),
        scale=_mean(off[found, 1]),
        turn=_mean(off[np.isfinite(off[:, 2]), 2]),
        switches=100 * _mean(boxes[found, 2]),
        taken=dict(zip(taken[order].tolist(), counts[order].tolist(), strict=True)),
    )


def _off(object_: NDArray[np.float64], box: NDArray[np.float64]) -> tuple[float, float, float]:
    """By how much the box of an object [7] is off the annotated one: place, scale and turn, NaN for one without a
    length."""
    away = float(np.linalg.norm(object_[:2] - box[:2]))
    shared = float(np.minimum(object_[3:6], box[3:6]).prod())
    scale = 1 - shared / (float(object_[3:6].prod()) + float(box[3:6].prod()) - shared)
    turn = abs((object_[6] - box[6] + np.pi / 2) % np.pi - np.pi / 2)
    return away, scale, float(np.degrees(turn)) if box[3] > _LONG * box[4] else math.nan


def pairs(objects: Placed, boxes: Placed) -> NDArray[np.int64]:
    """The object [boxes] that finds each of ``boxes``; -1 for none within NEAR metres."""
    from scipy.optimize import linear_sum_assignment  # half a second, for those who label and score nothing

    result = np.full(len(boxes.ids), -1, np.int64)
    away = distances(objects, boxes)
    near = away <= NEAR
    worth = near * (_ANY + _OWN * _alike(objects, boxes)) - np.where(near, away, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    kept = near[rows, columns]
    result[rows[kept]] = columns[kept]
    return result


def distances(objects: Placed, boxes: Placed) -> NDArray[np.float64]:
    """[boxes, objects] metres between the centres, seen from above."""
    away: NDArray[np.float64] = np.linalg.norm(boxes.centres[:, None, :2] - objects.centres[None, :, :2], axis=2)
    return away


def _alike(objects: Placed, boxes: Placed) -> NDArray[np.bool_]:
    """[boxes, objects]: which are of one class, or may be."""
    alike: NDArray[np.bool_] = boxes.classes[:, None] == objects.classes[None]
    return alike | (boxes.classes[:, None] == UNKNOWN)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else math.nan
