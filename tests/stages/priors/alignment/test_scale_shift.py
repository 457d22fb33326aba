"""A line of inverse depth is found though half of the pairs are wrong, and frames steady each other if they agree."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.priors.alignment.scale_shift import FEWEST, Line, depth_of, fitted, steadied


def pairs(n: int, scale: float, shift: float, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """What a model says of n pixels that lie 4 to 60 m away, and their inverse depth."""
    draw = np.random.default_rng(seed)
    inverse = 1 / draw.uniform(4, 60, n)
    return (inverse * (1 + draw.normal(0, noise, n)) - shift) / scale, inverse


def line(scale: float, shift: float, deviation: float) -> Line:
    return Line(scale, shift, np.diag([deviation**2, (deviation / 50) ** 2]), 0.02)


@pytest.mark.parametrize("wrong", [0.0, 0.2, 0.45])
def test_wrong_pairs_do_not_bend_the_line(wrong: float) -> None:
    said, inverse = pairs(4000, 1.7, -0.01, 0.02)
    said[: int(4000 * wrong)] = np.random.default_rng(1).uniform(0.1, 0.3, int(4000 * wrong))
    found = fitted(said, inverse)
    assert found is not None
    assert found.scale == pytest.approx(1.7, rel=0.01) and found.shift == pytest.approx(-0.01, abs=0.0005)
    assert found.spread == pytest.approx(0.02, rel=0.5 if wrong < 0.4 else 2)


def test_a_wall_in_one_distance_has_a_scale_at_least() -> None:
    found = fitted(np.full(500, 0.2), np.full(500, 0.1))
    assert found is not None
    assert float(depth_of(found.at(np.array([0.2])))[0]) == pytest.approx(10, rel=0.01)


def test_what_cannot_be_fitted_has_no_line() -> None:
    said, inverse = pairs(FEWEST - 1, 1, 0, 0)
    assert fitted(said, inverse) is None
    said, inverse = pairs(500, 1, 0, 0)
    assert fitted(0.5 - said, inverse) is None, "what is nearer is said to be farther"


def test_frames_that_agree_steady_one_that_few_points_have_bent() -> None:
    said = np.linspace(0.02, 0.2, 500)
    around = [line(1.5 + 0.001 * k, 0.0, 0.01) for k in range(-4, 4)]
    bent = line(2.1, 0.0, 0.6)
    found = steadied(bent, [*around, bent], said)
    assert found is not None and found.scale == pytest.approx(1.5, rel=0.03)


def test_a_model_that_finds_another_scale_for_every_image_keeps_them() -> None:
    said = np.linspace(0.02, 0.2, 500)
    around = [line(scale, 0.0, 0.005) for scale in (1.0, 1.3, 0.8, 2.0, 1.6, 0.7, 1.1)]
    found = steadied(around[3], around, said)
    assert found is not None and found.scale == pytest.approx(2.0, rel=0.01)


def test_an_image_of_no_line_has_that_of_the_frames_around_and_is_less_sure() -> None:
    said = np.linspace(0.02, 0.2, 500)
    around = [line(1.5, 0.001, 0.01), line(1.52, 0.001, 0.01), line(1.48, 0.001, 0.01)]
    found = steadied(None, around, said)
    assert found is not None and found.scale == pytest.approx(1.5, rel=0.01)
    assert (found.doubt(np.array([0.1])) > steadied(around[0], around, said).doubt(np.array([0.1]))).all()  # type: ignore[union-attr]
    assert steadied(None, [], said) is None


def test_what_lies_beyond_infinity_is_unknown() -> None:
    depth = depth_of(np.array([0.1, 0.0, -0.2, 1e-9, np.nan]))
    assert depth[0] == pytest.approx(10) and np.isnan(depth[1:]).all()
