"""What some logs show of two scores: a planted regression, noise, and too few logs."""

import numpy as np

from occlabel.pipeline.quality.compare.against_truth import AgainstTruth
from occlabel.pipeline.quality.compare.verdict import differences
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation import occ3d, semantickitti

TAXONOMY = TAXONOMIES["semantickitti"]
CAR, ROAD, FENCE = 1, 9, 14


def counts(rng: np.random.Generator, better: float = 0.0) -> np.ndarray:
    """Of one log: three classes, about 60% right (and ``better``), by other draws in each."""
    result = np.zeros((20, 20), np.int64)
    for i in (CAR, ROAD, FENCE):
        right = int(1000 * (0.6 + better + rng.normal(scale=0.03)))
        result[i, i], result[0, i] = right, 1000 - right
    return result


def against(a: list[np.ndarray], b: list[np.ndarray]) -> AgainstTruth:
    logs = tuple(f"log {n}" for n in range(len(a)))
    found = differences(logs, a, b, semantickitti.score, TAXONOMY)
    return AgainstTruth(frames=len(a), logs=logs, range="full", scores=({}, {}), measures=found)


def test_a_regression_of_one_class_in_one_log_is_named_first() -> None:
    rng = np.random.default_rng(0)
    a = [counts(rng) for _ in range(8)]
    b = [count.copy() for count in a]
    b[5][0, FENCE] += b[5][FENCE, FENCE]
    b[5][FENCE, FENCE] = 0
    found = against(a, b)
    name, worst = next(iter(found.classes.items()))
    assert (name, worst.log, worst.share) == ("fence", "log 5", 1.0) and worst.interval.value < -0.05
    assert found.verdict == "no difference that these logs can show", "one log says nothing of others"
    assert "worst class: fence" in list(found.sentences())[1] and "in log log 5" in list(found.sentences())[1]


def test_classes_without_a_number_do_not_hide_the_worst_regression() -> None:
    """Of 17 classes three have a number: between them lie some that the truth lacks."""
    logs, a, b = ("0", "1"), np.zeros((18, 18), np.int64), np.zeros((18, 18), np.int64)
    for id_, before, after in ((2, 500, 490), (9, 500, 600), (15, 500, 100)):
        for found, right in ((a, before), (b, after)):
            found[id_, id_], found[17, id_] = right, 1000 - right
    measures = differences(logs, [a, a], [b, b], occ3d.score, TAXONOMIES["occ3d"])
    named = AgainstTruth(frames=2, logs=logs, range="full", scores=({}, {}), measures=measures).classes
    names = TAXONOMIES["occ3d"].names
    assert list(named)[:3] == [names[15], names[2], names[9]] and len(named) == 17
    assert all(np.isnan(found.interval.value) for found in list(named.values())[3:])


def test_what_is_better_in_every_log_is_better() -> None:
    rng = np.random.default_rng(1)
    pairs = [(counts(rng), counts(rng, 0.2)) for _ in range(8)]
    a, b = ([pair[n] for pair in pairs] for n in (0, 1))
    assert against(a, b).verdict == "better" and against(b, a).verdict == "worse"
    assert against(a, b).classes["car"].shown


def test_another_seed_is_no_difference() -> None:
    """Ten pairs of equally good labels: one in twenty may be called a difference."""
    verdicts = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        verdicts.append(against([counts(rng) for _ in range(6)], [counts(rng) for _ in range(6)]).verdict)
    assert verdicts.count("no difference that these logs can show") >= 9


def test_few_logs_show_nothing_and_say_so() -> None:
    rng = np.random.default_rng(2)
    found = against([counts(rng) for _ in range(3)], [counts(rng, 0.3) for _ in range(3)])
    assert found.verdict == "no difference that these logs can show"
    assert "that takes 6" in list(found.sentences())[1]
