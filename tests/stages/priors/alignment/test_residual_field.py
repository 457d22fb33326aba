"""Errors that neighbours at one depth share are taken out; what another surface has wrong is not carried over."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.priors.alignment.residual_field import errors_held_out, field

WALL, CAR = np.s_[:, :], np.s_[20:40, 30:60]


def scene() -> tuple[np.ndarray, np.ndarray]:
    """Inverse depth of a car 10 m away before a wall at 30 m, and depth known of one element in nine."""
    true = np.full((60, 90), 1 / 30)
    true[CAR] = 1 / 10
    known = np.full(true.shape, np.nan, np.float32)
    known[1::3, 1::3] = 1 / true[1::3, 1::3]
    return true, known


def test_what_a_wall_lacks_is_not_added_to_the_car_before_it() -> None:
    true, known = scene()
    said = true * 1.1
    said[CAR] = true[CAR] * 0.95
    found = said * field(said, known, 0.1)
    np.testing.assert_allclose(found, true, rtol=0.01)


def test_far_from_all_that_is_known_nothing_changes() -> None:
    true, known = scene()
    known[:, 20:] = np.nan
    factor = field(true * 1.1, known, 0.1)
    np.testing.assert_allclose(factor[:, :15], 1 / 1.1, rtol=0.01)
    np.testing.assert_allclose(factor[:, 60:], 1, rtol=1e-3)
    assert (field(true, np.full_like(known, np.nan), 0.1) == 1).all()


def test_points_that_something_hides_are_not_heard() -> None:
    true, known = scene()
    known[22:38:3, 34:58:6] = 30
    np.testing.assert_allclose(field(true, known, 0.02), 1, rtol=1e-3)


def test_errors_are_those_of_a_field_that_did_not_hear_of_them() -> None:
    true, known = scene()
    noise = np.random.default_rng(0).normal(0, 0.1, known.shape).astype(np.float32)
    noisy = known * np.exp(noise)
    errors = errors_held_out(true, noisy, 0.1)
    assert (np.isfinite(errors) == np.isfinite(known)).all()
    assert np.sqrt(np.nanmean(errors**2)) == pytest.approx(0.105, rel=0.1)
