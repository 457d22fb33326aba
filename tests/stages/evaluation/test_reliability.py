"""The expected calibration error against its definition, and of confidence that is right or wrong on purpose."""

import numpy as np
import pytest

from occlabel.stages.evaluation.reliability import Reliability


def counted(confidence: np.ndarray, right: np.ndarray, scored: np.ndarray | None = None) -> Reliability:
    reliability = Reliability()
    reliability.add(confidence, right, np.ones(right.shape, bool) if scored is None else scored)
    return reliability


def test_error_is_the_mean_gap_of_the_bins() -> None:
    draw = np.random.default_rng(0)
    confidence = draw.integers(0, 256, (20, 30, 4)).astype(np.uint8)
    right = draw.random(confidence.shape) < 0.4
    scored = draw.random(confidence.shape) < 0.7
    sure, hit = confidence[scored] / 255, right[scored]
    place = np.minimum((sure * 15).astype(int), 14)
    expected = sum(abs(hit[place == b].mean() - sure[place == b].mean()) * (place == b).mean() for b in range(15))
    assert counted(confidence, right, scored).error() == pytest.approx(expected)


def test_honest_confidence_has_no_error_and_boasting_all_of_it() -> None:
    draw = np.random.default_rng(1)
    confidence = draw.integers(0, 256, 400_000).astype(np.uint8)
    assert counted(confidence, draw.random(400_000) < confidence / 255).error() < 0.01
    boast = counted(np.full(10, 255, np.uint8), np.zeros(10, bool))
    assert boast.error() == 1
    assert boast.curve() == [{"confidence": 1.0, "accuracy": 0.0, "voxels": 10}]


def test_frames_add_up_and_nothing_scored_is_no_error() -> None:
    reliability = Reliability()
    assert reliability.error() == 0
    for right in (True, False):
        reliability.add(np.full(3, 51, np.uint8), np.full(3, right), np.array([True, True, False]))
    assert reliability.curve() == [{"confidence": pytest.approx(0.2), "accuracy": 0.5, "voxels": 4}]
