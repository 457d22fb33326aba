"""Damaged labels: what may change, and that the damage is drawn."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.instances.damage import Damage

CAR, ROAD, FREE = 4, 11, 17


@pytest.fixture
def damage() -> Damage:
    return Damage(np.arange(256) == CAR, FREE, 0.4)


@pytest.fixture
def street() -> np.ndarray:
    labels = np.full((48, 48, 16), FREE, np.uint8)
    labels[:, :, 0] = ROAD
    labels[4:44:8, 4:44, 1:5] = CAR
    labels[5:44:8, 4:44, 1:5] = CAR
    return labels


def test_things_lose_voxels_and_fray_into_free_space_and_nothing_else_changes(
    damage: Damage, street: np.ndarray
) -> None:
    before = street.copy()
    lost = grown = 0
    for seed in range(20):
        result = damage.done(street, np.random.default_rng(seed))
        changed = result != street
        assert set(np.unique(street[changed])) <= {CAR, FREE}
        assert set(np.unique(result[changed])) <= {CAR, FREE}
        lost += int((changed & (street == CAR)).sum())
        grown += int((changed & (street == FREE)).sum())
    assert (street == before).all()
    cars = 20 * int((street == CAR).sum())
    assert 0.1 * cars < lost < 0.45 * cars
    assert grown > 0.02 * cars


def test_the_damage_is_drawn(damage: Damage, street: np.ndarray) -> None:
    first, again, other = (damage.done(street, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


def test_an_empty_crop_stays_empty(damage: Damage) -> None:
    empty = np.full((16, 16, 4), FREE, np.uint8)
    assert (damage.done(empty, np.random.default_rng(0)) == FREE).all()
