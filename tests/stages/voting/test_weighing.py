"""What a vote counts, against the same said with NumPy."""

import numpy as np
import pytest

from occlabel.stages.voting.weighing import weigh
from occlabel.stages.voting.weights import soft_shift

SHAPE = (8, 9, 4)
DRAW = np.random.default_rng(2)
CONFIDENCE = DRAW.integers(0, 256, SHAPE).astype(np.uint8)
LABELS = DRAW.integers(0, 20, SHAPE).astype(np.uint8)
HIDDEN = DRAW.random(SHAPE) < 0.3
MOVABLE = np.arange(256) < 9


def weighed(rig: np.ndarray, shift: int, boost: int = 1, divisor: int = 1) -> np.ndarray:
    weights = np.empty(SHAPE, np.uint16)
    weigh(rig, LABELS, CONFIDENCE, MOVABLE, HIDDEN, shift, 0.5 * 255, boost, divisor, weights)
    return weights.astype(int)


@pytest.mark.parametrize(("most", "shift"), [(100, 0), (10_000, 6)])
def test_confidence_scales_a_vote_and_never_silences_it(most: int, shift: int) -> None:
    rig = DRAW.integers(1, most, SHAPE).astype(np.uint16)
    rig[0, 0, 0] = most
    assert soft_shift(rig) == shift
    np.testing.assert_array_equal(weighed(rig, shift), np.maximum(rig.astype(int) * CONFIDENCE >> shift, 1))
    np.testing.assert_array_equal(weighed(rig, -1), rig)


def test_what_is_movable_and_unsure_or_hidden_counts_less() -> None:
    rig = DRAW.integers(1, 10_001, SHAPE).astype(np.uint16)
    unsure = MOVABLE[LABELS] & (CONFIDENCE < 127.5)
    expected = np.where(unsure, np.maximum(rig // 100, 1), rig)
    np.testing.assert_array_equal(weighed(rig, -1, boost=100), expected)
    behind = HIDDEN & ~MOVABLE[LABELS]  # what can move is always hidden by itself
    np.testing.assert_array_equal(
        weighed(rig, -1, boost=100, divisor=10), np.where(behind, np.maximum(expected // 10, 1), expected)
    )
