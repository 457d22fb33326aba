"""The expected calibration error against its definition, and of confidence that is right or wrong on purpose."""

import math

import numpy as np
import pytest

from occlabel.stages.evaluation.reliability import Reliability, ReliabilityByClass


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


def test_frames_add_up_and_nothing_scored_has_no_error() -> None:
    reliability = Reliability()
    assert math.isnan(reliability.error())
    for right in (True, False):
        reliability.add(np.full(3, 51, np.uint8), np.full(3, right), np.array([True, True, False]))
    assert reliability.curve() == [{"confidence": pytest.approx(0.2), "accuracy": 0.5, "voxels": 4}]


def test_the_bias_has_a_sign_where_errors_have_none() -> None:
    boast, modest = (
        counted(np.full(4, 255, np.uint8), np.arange(4) < 1),
        counted(np.zeros(4, np.uint8), np.arange(4) < 1),
    )
    assert (boast.bias(), modest.bias()) == (0.75, -0.25)
    both = Reliability(boast.counts + modest.counts)
    assert both.error() == 0.5 and both.bias() == 0.25
    assert math.isnan(Reliability().bias())


def test_what_nobody_saw_is_told_from_what_was_hit() -> None:
    found = ReliabilityByClass(3, free_id=0)
    labels, right = np.array([0, 0, 1, 1, 2], np.uint8), np.array([True, True, False, False, True])
    observed, every = np.array([0, 1, 0, 0, 2], np.uint8), np.ones(5, bool)
    found.add(labels, np.full(5, 255, np.uint8), right, every, observed)
    told = {name: (all_.error(), some.error(), some.voxels) for name, (all_, some) in found.by_observation().items()}
    assert told.pop("passed") == (0, pytest.approx(math.nan, nan_ok=True), 0)
    assert told == {"nobody": (pytest.approx(2 / 3), 1, 2), "hit": (0, 0, 1)}
    facts = found.facts(["free", "car", "road"])["observed"]
    assert facts["nobody"]["occupied"]["bias"] == 1
    assert facts["passed"]["occupied"] == {"error": None, "bias": None, "voxels": 0}
    found.add(labels, np.full(5, 255, np.uint8), right, every)
    assert found.whole().voxels == 10 and found.occupied().voxels == 6
    assert sum(all_.voxels for all_, _ in found.by_observation().values()) == 5, "of the others nobody says"
