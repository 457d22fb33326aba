"""Objects against boxes: who is found by whom, how far off, and under which id."""

import math

import numpy as np
import pytest

from occlabel.stages.evaluation.boxes import BoxCounts, Placed, pairs


def placed(*rows: tuple[int, int, float, float]) -> Placed:
    """Id, class, x, y of each; the height does not matter."""
    table = np.array(rows, np.float64).reshape(-1, 4)
    centres = np.column_stack([table[:, 2:], np.arange(len(table)) * 9.0])
    return Placed(table[:, 0].astype(np.int64), table[:, 1].astype(np.int64), centres)


def test_as_many_boxes_are_found_as_can_be() -> None:
    objects = np.array([[0.0, 0, 0], [1.5, 0, 5]])
    boxes = np.array([[1.0, 0, 0], [3.0, 0, 0], [9.0, 0, 0]])
    # The nearest object of the first box is the second, the only one of the second box.
    assert pairs(objects, boxes).tolist() == [0, 1, -1]
    assert pairs(np.zeros((0, 3)), boxes).tolist() == [-1, -1, -1]
    assert pairs(objects, np.zeros((0, 3))).tolist() == []


def test_scores_of_two_frames() -> None:
    counts = BoxCounts()
    counts.add(placed((5, 1, 0.0, 0.0), (6, 2, 10.0, 1.0)), placed((1, 1, 0.5, 0.0), (2, 1, 10.0, 0.0), (3, 2, 30, 0)))
    counts.add(placed((5, 1, 1.0, 0.0), (7, 1, 12.0, 0.0)), placed((1, 1, 1.0, 0.0), (2, 1, 12.0, 0.0)))
    scores = counts.scores()
    assert scores.boxes == 5 and scores.found == pytest.approx(4 / 5) and scores.named == pytest.approx(3 / 5)
    assert scores.offset == pytest.approx((0.5 + 1.0) / 4)
    assert scores.switches == pytest.approx(100 / 4), "the second box went from object 6 to 7"
    assert scores.per_class == {1: (4, 1.0), 2: (1, 0.0)}


def test_ids_begin_anew_with_a_log() -> None:
    counts = BoxCounts()
    for id_ in (5, 6):
        counts.add(placed((id_, 1, 0, 0)), placed((1, 1, 0, 0)))
        counts.end_log()
    assert counts.scores().switches == 0


def test_nothing_gives_no_score() -> None:
    scores = BoxCounts().scores()
    assert scores.boxes == 0 and math.isnan(scores.found)
    assert scores.facts(("free",))["found"] is None
