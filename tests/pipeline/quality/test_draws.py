"""What figures of few logs are worth."""

import numpy as np
import pytest

from occlabel.pipeline.quality.draws import Draws, figure, gain, summed
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.evaluation import semantickitti

TAXONOMY = TAXONOMIES["semantickitti"]


def counts(right: int, wrong: int) -> np.ndarray:
    """Cars seen as cars, and seen as trucks."""
    result = np.zeros((len(TAXONOMY.classes),) * 2, np.int64)
    result[1, 1], result[4, 1] = right, wrong
    return result


def shares(logs: list[np.ndarray]) -> list[float]:
    return [100 * s.miou_present for s in Draws.of(len(logs)).scores(logs, semantickitti.score, TAXONOMY)]


def test_logs_that_are_alike_leave_no_doubt_and_others_do() -> None:
    alike = figure(shares([counts(80, 20)] * 6))
    assert (alike.low, alike.value, alike.high) == pytest.approx((80, 80, 80))
    mixed = figure(shares([counts(100, 0), counts(60, 40)] * 3))
    assert mixed.value == pytest.approx(80) and mixed.low < 74 and mixed.high > 86


def test_a_gain_in_every_log_is_surer_than_the_figures() -> None:
    """Logs differ by far more than the rows; log by log one row is always the better."""
    logs = [(90, 10), (50, 50), (20, 80), (70, 30)]
    better, base = shares([counts(a + 5, b - 5) for a, b in logs]), shares([counts(a, b) for a, b in logs])
    won, plain = gain(better, base), figure(base)
    assert plain.high - plain.low > 30
    assert won.low > 5 and won.high < 15 and won.value == pytest.approx(100 * 5 / 57.5)


def test_counts_are_summed_exactly() -> None:
    every = np.random.default_rng(0).integers(10**9, size=(5, 3, 3))
    draws = Draws.of(5, count=20)
    np.testing.assert_array_equal(summed(draws.times, every), [every[logs].sum(axis=0) for logs in draws.chosen])
