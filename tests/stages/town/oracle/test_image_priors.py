"""Priors of images: the exact ones are the truth, the degraded ones are wrong in the ways that they claim."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.town.oracle.depth_faults import DepthDrift, degraded_depth, draw_drift
from occlabel.stages.town.oracle.image_priors import exact_priors
from occlabel.stages.town.oracle.segment_faults import degraded_segments
from occlabel.stages.town.sensors.recording import TownImage
from occlabel.stages.town.things.kinds import KIND_ID, KINDS

STEADY = DepthDrift(0.0, 0.0, (0.0, 0.0), 30.0, 0.0)
SHAPE = (120, 400)
THINGS = [index + 1 for index, kind in enumerate(KINDS) if kind.thing]


def image() -> TownImage:
    """A road below, a wall 20 m ahead, sky above; a car (object 700), two touching people (9, 12), a far pole."""
    height, width = SHAPE
    v = np.arange(height)[:, None] + np.zeros((1, width))
    depth = np.where(v > 60, 1.7 * 300 / np.maximum(v - 50, 1), 20.0)
    kinds = np.where(v > 60, KIND_ID["road"], KIND_ID["building"])
    kinds[:20], depth[:20] = 0, np.inf
    objects = np.zeros(SHAPE, np.uint16)
    for kind, object_id, rows, columns, away in (
        ("car", 700, slice(60, 100), slice(40, 110), 9.0), ("person", 9, slice(50, 90), slice(200, 212), 12.0),
        ("person", 12, slice(50, 90), slice(212, 224), 12.5), ("pole", 0, slice(5, 80), slice(300, 301), 16.0),
    ):  # fmt: skip
        kinds[rows, columns], depth[rows, columns], objects[rows, columns] = KIND_ID[kind], away, object_id
    pixels = np.zeros((*SHAPE, 3), np.uint8)
    return TownImage(pixels, depth.astype(np.float32), kinds.astype(np.uint8), objects)


def test_exact_priors_are_the_truth_with_objects_numbered_in_the_image() -> None:
    picture = image()
    exact = exact_priors(picture)
    np.testing.assert_array_equal(exact.depth, picture.depth)
    np.testing.assert_array_equal(exact.kinds, picture.kinds)
    np.testing.assert_array_equal(exact.scores, np.where(picture.kinds > 0, 255, 0))
    assert [exact.instances[row, column] for row, column in ((60, 205), (60, 215), (80, 60), (110, 10))] == [1, 2, 3, 0]


@pytest.mark.parametrize("seed", range(5))
def test_the_scale_of_degraded_depth_is_its_own_in_each_image_and_alignment_helps(seed: int) -> None:
    picture = image()
    drift = draw_drift(np.random.default_rng(seed))
    first, again, other = (
        degraded_depth(picture, drift, frame, np.random.default_rng([seed, draw]))
        for frame, draw in ((0, 0), (0, 0), (7, 1))
    )
    np.testing.assert_array_equal(first, again)
    known = np.isfinite(first) & np.isfinite(other) & np.isfinite(picture.depth)
    assert known.mean() > 0.7 and (first > 0).all()
    assert abs(np.log(np.median(first[known] / other[known]))) > 0.003
    wrong = np.abs(first[known] / picture.depth[known] - 1).mean()
    a, b = np.polyfit(1 / first[known], 1 / picture.depth[known], 1)
    aligned = np.abs(1 / (a / first[known] + b) / picture.depth[known] - 1).mean()
    assert 0.02 < aligned < 0.2
    assert aligned < wrong + 0.01
    assert np.corrcoef(np.log(first[known]), np.log(picture.depth[known]))[0, 1] > 0.9, "near stays near"


def test_drift_and_compression_are_of_the_whole_log() -> None:
    drift = DepthDrift(0.1, 0.0, (0.05, 0.002), 40.0, 0.0)
    assert drift.at(0) == pytest.approx((0.1, 0.0))
    assert drift.at(10) == pytest.approx((0.15, 0.002))
    picture = image()
    found = np.mean([degraded_depth(picture, STEADY, 0, np.random.default_rng(n)) for n in range(40)], axis=0)
    far, near = (found[row, 350] / picture.depth[row, 350] for row in (65, 115))
    assert far < 0.95 * near, "far is taken for nearer"


def test_edges_are_smeared_and_what_is_thin_is_missed() -> None:
    picture = image()
    found = degraded_depth(picture, STEADY, 0, np.random.default_rng(3))
    assert np.isinf(found[12, 300]), "the pole before the sky is one pixel wide"
    step = np.abs(np.diff(np.log(found[70, 100:120])))
    assert (step > 0.05).sum() >= 3, "the side of the car is a slope"


def test_degraded_segments_err_as_models_do() -> None:
    picture = image()
    seen = [degraded_segments(picture, np.random.default_rng(n)) for n in range(60)]
    again = degraded_segments(picture, np.random.default_rng(5))
    assert [part.tobytes() for part in again] == [part.tobytes() for part in seen[5]]
    right, wrong, missed, imagined, merged = [], [], 0, 0, 0
    for kinds, instances, scores in seen:
        true = kinds == picture.kinds
        assert 0.5 < true.mean() < 1
        assert not instances[~np.isin(kinds, THINGS)].any()
        np.testing.assert_array_equal(scores > 0, kinds > 0)
        right.append(scores[true & (kinds > 0)])
        wrong.append(scores[~true & (kinds > 0)])
        people = kinds[60:80, 202:222]
        missed += int((people != KIND_ID["person"]).mean() > 0.4)
        merged += int(instances[70, 206] == instances[70, 218] > 0)
        imagined += int(np.isin(kinds[:, 240:], THINGS).any() or np.isin(kinds[:, :30], THINGS).any())
    sure, unsure = np.concatenate(right), np.concatenate(wrong)
    assert unsure.mean() < sure.mean() - 25, "scores say something"
    assert (unsure > np.quantile(sure, 0.25)).mean() > 0.02, "but not always"
    assert 2 <= missed < 30 and 5 <= merged < 40 and 10 <= imagined < 55
