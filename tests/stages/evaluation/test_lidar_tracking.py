"""LSTQ: the numbers that the benchmark's own evaluator gave for the same made-up logs, and its rules by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from occlabel.stages.evaluation.lidar_tracking import LidarTrackingCounts, LidarTrackingScores
from occlabel.stages.evaluation.panoptic_rules import semantickitti
from occlabel.stages.evaluation.segments import Labels

CAR, TRUCK, ROAD = 1, 4, 9
OFFICIAL = [
    (50, 0.5022543470139899, 0.6575623763169292, 0.3836281365539478),
    (10, 0.48735568048965205, 0.6191296640519774, 0.3836281365539478),
]
"""What ``Panoptic4DEval`` of MehmetAygun/4D-PLS found: points that an object must have, LSTQ, S_assoc, S_cls."""
Frame = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Predicted classes and ids, true classes and ids."""


def made_up_log(log: int) -> list[Frame]:
    """Four frames of six objects and stuff, made by arithmetic alone; 0 is unlabelled. Some objects are small, one
    changes its id, one its class, one is lost for a frame, and a part of all points is labelled wrongly."""
    frames = []
    for t in range(4):
        sizes = np.array([20, 45, 60, 75, 110, 130]) + 5 * (t + log)
        classes, ids = np.array([1, 1, 4, 5, 6, 8]), np.arange(1, 7)
        true = np.concatenate([np.repeat(classes, sizes), np.resize([0, 9, 10, 13, 15, 17], 600)])
        number = np.concatenate([np.repeat(ids, sizes), np.zeros(600, int)])
        found, object_ = true.copy(), number * 3
        if t > 1:
            object_[number == 2] = 90
            found[number == 3] = 1
        if t == 1:
            found[number == 5], object_[number == 5] = 9, 0
        place = np.arange(len(true))
        found[place % 11 == 0] = (place[place % 11 == 0] + t) % 20
        object_[place % 13 == 0] = place[place % 13 == 0] % 7
        object_[~np.isin(found, range(1, 9))] = 0
        frames.append((found, object_, true, number))
    return frames


def counted(least: int, *logs: list[Frame]) -> LidarTrackingScores:
    whole = LidarTrackingCounts(semantickitti(least))
    for log in logs:
        counts = LidarTrackingCounts(semantickitti(least))
        for found, object_, true, number in log:
            everything = np.ones(len(true), bool)
            counts.add(Labels(found.astype(np.uint8), object_), Labels(true.astype(np.uint8), number), everything)
        counts.end_log()
        whole.merge(counts.state())
    return whole.scores()


@pytest.mark.parametrize(("least", "lstq", "association", "classification"), OFFICIAL)
def test_made_up_logs_score_as_the_official_evaluator_scores_them(
    least: int, lstq: float, association: float, classification: float
) -> None:
    scores = counted(least, made_up_log(0), made_up_log(1))
    assert scores.lstq == pytest.approx(lstq, rel=1e-12)
    assert scores.association == pytest.approx(association, rel=1e-12)
    assert scores.classification == pytest.approx(classification, rel=1e-12)


def alone(class_: int, id_: int, count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    """One object and 40 points of road."""
    return np.repeat([class_, ROAD], [count, 40]), np.repeat([id_, 0], [count, 40])


def test_a_predicted_tube_is_its_id_whatever_its_class() -> None:
    log = [(*alone(CAR, 5), *alone(CAR, 7)), (*alone(TRUCK, 5), *alone(CAR, 7))]
    scores = counted(50, log)
    assert scores.association == 1.0
    assert scores.classification == pytest.approx((0.5 + 1 + 0) / 3), "car, road, and a truck that is nowhere"


def test_an_object_of_few_points_counts_in_no_frame_and_what_was_predicted_of_it_does() -> None:
    log = [(*alone(CAR, 5), *alone(CAR, 7)), (*alone(CAR, 5, 50), *alone(CAR, 7, 50))]
    assert counted(50, log).association == pytest.approx(60 / 110)
    assert math.isnan(counted(60, log).association)
    assert counted(60, log).facts() == {"lstq": None, "s_assoc": None, "s_cls": 1.0}


def test_points_predicted_as_unlabelled_are_one_more_class() -> None:
    found, ids = alone(CAR, 5)
    found[-10:] = 0
    assert counted(50, [(found, ids, *alone(CAR, 7))]).classification == pytest.approx((1 + 0.75 + 0) / 3)
