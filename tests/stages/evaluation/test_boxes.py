"""Objects against boxes: who is found by whom, how far off, and under which id."""

import math

import numpy as np
import pytest

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.boxes import NONE, BoxCounts, Placed, pairs


def placed(*rows: tuple[int, int, float, float]) -> Placed:
    """Id, class, x, y of each; the height does not matter."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    centres = np.column_stack([table[:, 2:], np.arange(len(table)) * 9.0])
    boxes = np.column_stack([centres, np.tile([4.0, 2.0, 1.5, 0.0], (len(table), 1))])
    return Placed(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), boxes)


CAR, TRUCK, BUS = 1, 2, 3
NAMES = ("free", "car", "truck", "bus")


def test_as_many_boxes_are_found_as_can_be() -> None:
    objects = placed((1, CAR, 0, 0), (2, CAR, 1.5, 0))
    boxes = placed((1, CAR, 1, 0), (2, CAR, 3, 0), (3, CAR, 9, 0))
    # The nearest object of the first box is the second, the only one of the second box.
    assert pairs(objects, boxes).tolist() == [0, 1, -1]
    assert pairs(placed(), boxes).tolist() == [-1, -1, -1]
    assert pairs(objects, placed()).tolist() == []


def test_own_class_comes_first() -> None:
    # A car stands 1.9 m from both, a truck on top of the car's box.
    objects = placed((1, CAR, 0, 0), (2, TRUCK, 1.9, 0.0))
    assert pairs(objects, placed((1, CAR, 1.9, 0.0))).tolist() == [0]
    assert pairs(objects, placed((1, CAR, 1.9, 0.0), (2, BUS, 0.5, 0.0))).tolist() == [0, 1]


def test_scores_of_two_frames() -> None:
    counts = BoxCounts()
    counts.add(placed((5, 1, 0, 0), (6, 2, 10, 1)), placed((1, 1, 0.5, 0), (2, 1, 10, 0), (3, 2, 30, 0)))
    counts.add(placed((5, 1, 1, 0), (7, 1, 12, 0)), placed((1, 1, 1, 0), (2, 1, 12, 0)))
    scores = counts.scores()
    whole = scores.whole
    assert whole.boxes == 5 and whole.found == pytest.approx(4 / 5) and whole.recall == pytest.approx(3 / 5)
    assert whole.offset == pytest.approx((0.5 + 1.0) / 4)
    assert whole.switches == pytest.approx(100 / 4), "the second box went from object 6 to 7"
    assert whole.objects == 4 and whole.precision == pytest.approx(3 / 4) and whole.nowhere == 0
    cars, trucks = scores.per_class[CAR], scores.per_class[TRUCK]
    assert (cars.boxes, cars.found, cars.recall) == (4, 1.0, 0.75) and cars.taken == {CAR: 3, TRUCK: 1}
    assert (trucks.boxes, trucks.recall, trucks.precision) == (1, 0.0, 0.0) and trucks.taken == {NONE: 1}
    assert scores.facts(NAMES)["per_class"]["truck"]["taken_for"] == {"none": 1}


def test_boxes_have_a_size_and_a_direction_too() -> None:
    objects, boxes = placed((1, CAR, 0, 0), (2, CAR, 10, 0)), placed((1, CAR, 0, 0), (2, CAR, 10, 0))
    objects.boxes[0, 3:] = 2.0, 2.0, 1.5, np.deg2rad(175)
    boxes.boxes[1, 3:] = 2.5, 2.0, 1.5, 1.0  # points nowhere
    counts = BoxCounts()
    counts.add(objects, boxes)
    whole = counts.scores().whole
    assert whole.scale == pytest.approx((0.5 + (1 - 2.5 / 4)) / 2)
    assert whole.turn == pytest.approx(5.0), "front and back look alike"
    assert BoxCounts().scores().facts(NAMES)["scale_error"] is None


def test_objects_at_boxes_that_are_not_asked_for_count_neither_way() -> None:
    boxes = placed((1, CAR, 0, 0), (2, CAR, 20, 0), (3, TRUCK, 40, 0), (4, UNKNOWN, 60, 0))
    asked = np.array([True, False, False, False])
    objects = placed((1, CAR, 0, 0), (2, CAR, 21, 0), (3, CAR, 40, 0), (4, BUS, 60, 0), (5, CAR, 80, 0), (6, CAR, 1, 1))
    counts = BoxCounts()
    counts.add(objects, boxes, asked)
    scores = counts.scores()
    # Right is 1; 2 is a car of which little was seen, 4 may be anything. 3 is no truck, 5 is nothing, 6 is said twice.
    assert scores.whole.boxes == 1 and scores.whole.objects == 4 and scores.whole.precision == pytest.approx(1 / 4)
    assert scores.whole.nowhere == pytest.approx(1 / 4)
    assert BUS not in scores.per_class and UNKNOWN not in scores.per_class


def test_counts_of_logs_merge() -> None:
    whole, first, second = BoxCounts(), BoxCounts(), BoxCounts()
    for part, id_ in ((first, 5), (second, 6)):
        for counts in (whole, part):
            counts.add(placed((id_, CAR, 0, 0), (9, BUS, 30, 0)), placed((1, CAR, 0, 0), (2, BUS, 9, 0)))
            counts.end_log()
    first.merge(second.state())
    assert first.scores().facts(NAMES) == whole.scores().facts(NAMES)


def test_ids_begin_anew_with_a_log() -> None:
    counts = BoxCounts()
    for id_ in (5, 6):
        counts.add(placed((id_, 1, 0, 0)), placed((1, 1, 0, 0)))
        counts.end_log()
    assert counts.scores().whole.switches == 0


def test_a_frame_without_objects_misses_its_boxes() -> None:
    counts = BoxCounts()
    counts.add(placed(), placed((1, CAR, 0, 0)))
    counts.add(placed((1, CAR, 0, 0)), placed())
    whole = counts.scores().whole
    assert (whole.boxes, whole.recall, whole.objects, whole.precision) == (1, 0.0, 1, 0.0)


def test_nothing_gives_no_score() -> None:
    scores = BoxCounts().scores()
    assert scores.whole.boxes == 0 and math.isnan(scores.whole.found)
    assert scores.facts(("free",))["found"] is None
