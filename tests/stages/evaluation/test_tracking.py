"""STQ against its definition, and id switches by hand."""

import math
from collections.abc import Iterable

import numpy as np
import pytest

from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.evaluation.segments import Labels
from occlabel.stages.evaluation.tracking import TrackingCounts, TrackingScores

NAMES = ("free", "car", "bus", "road")
TAXONOMY = Taxonomy(
    name="small",
    free_id=0,
    classes=tuple(
        LabelClass(id=i, name=name, colour=(0, 0, 0), thing=name in ("car", "bus")) for i, name in enumerate(NAMES)
    ),
)


def labels(semantics: list[int], instance: list[int]) -> Labels:
    return Labels(np.array(semantics, np.uint8), np.array(instance, np.int64))


def counted(*logs: Iterable[tuple[Labels, Labels]]) -> TrackingScores:
    counts = TrackingCounts(TAXONOMY)
    for log in logs:
        for found, true in log:
            counts.add(found, true, np.ones(true.semantics.shape, bool))
        counts.end_log()
    return counts.scores()


def frame(id_: int, semantics: int = 1) -> Labels:
    return labels([semantics] * 4 + [3, 3], [id_] * 4 + [0, 0])


def test_one_id_all_along_is_perfect_whatever_its_number() -> None:
    scores = counted([(frame(65_540), frame(7))] * 5)
    assert (scores.stq, scores.aq, scores.sq, scores.switches, scores.matched) == (1, 1, 1, 0, 1)


def test_a_track_cut_in_two_by_hand() -> None:
    # Tubes: the truth has 16 voxels, the prediction 12 + 4 of them.
    scores = counted([(frame(id_), frame(7)) for id_ in (1, 1, 1, 2)])
    assert scores.aq == pytest.approx((12 * 12 / 16 + 4 * 4 / 16) / 16)
    assert scores.stq == pytest.approx(math.sqrt(scores.aq))
    assert scores.switches == pytest.approx(100 / 4)


def test_a_frame_without_a_match_neither_switches_nor_forgets() -> None:
    lost = labels([0] * 4 + [3, 3], [0] * 6)
    unnamed = frame(0)
    log = [(frame(1), frame(7)), (lost, frame(7)), (unnamed, frame(7)), (frame(1), frame(7)), (frame(2), frame(7))]
    scores = counted(log)
    assert scores.switches == pytest.approx(100 / 3)
    assert scores.matched == pytest.approx(3 / 5)


def test_ids_begin_anew_with_each_log() -> None:
    scores = counted([(frame(1), frame(7))] * 2, [(frame(2), frame(7))] * 2)
    assert (scores.aq, scores.switches) == (1, 0)


def test_things_that_nobody_identified_are_only_semantics() -> None:
    scores = counted([(frame(1), frame(0))])
    assert math.isnan(scores.aq) and math.isnan(scores.stq)
    assert scores.sq == 1
    assert counted([(frame(5, semantics=2), frame(7))]).facts()["aq"] == 1, "a wrong class is a matter of SQ"


def test_nothing_has_no_score() -> None:
    facts = counted([]).facts()
    assert set(facts.values()) == {None}


def test_random_logs_equal_the_definition() -> None:
    rng = np.random.default_rng(5)
    shape = (4, 9, 7, 3)  # frames first
    true, found = (
        Labels(rng.integers(0, 4, shape).astype(np.uint8), rng.integers(0, 4, shape) + base) for base in (0, 70_000)
    )
    scored = rng.random(shape) < 0.8
    counts = TrackingCounts(TAXONOMY)
    for t in range(shape[0]):
        counts.add(
            Labels(found.semantics[t], found.instance[t]), Labels(true.semantics[t], true.instance[t]), scored[t]
        )
    named = scored & np.isin(true.semantics, (1, 2)) & (true.instance != 0)
    crowd = np.isin(true.semantics, (1, 2)) & (true.instance == 0)
    tubes = [named & (true.semantics == c) & (true.instance == i) for c in (1, 2) for i in range(1, 4)]
    parts = [
        scored & ~crowd & (found.semantics == c) & (found.instance == 70_000 + i) for c in (1, 2) for i in range(4)
    ]
    association = 0.0
    for tube in tubes:
        association += sum((tube & p).sum() * (tube & p).sum() / (tube | p).sum() for p in parts) / tube.sum() / 6
    ious = [
        ((found.semantics == c) & (true.semantics == c) & scored).sum()
        / (((found.semantics == c) | (true.semantics == c)) & scored).sum()
        for c in (1, 2, 3)
    ]
    scores = counts.scores()
    assert scores.aq == pytest.approx(association)
    assert scores.sq == pytest.approx(np.mean(ious))
    assert scores.stq == pytest.approx(math.sqrt(association * np.mean(ious)))
