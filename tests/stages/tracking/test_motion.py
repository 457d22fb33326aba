"""Velocities of known paths, and what counts as having moved."""

import numpy as np
import pytest

from occlabel.stages.tracking.motion import DIRECTIONS, Seen, driving, has_moved, heading

TIMES = np.arange(40) / 10
NONE_CUT = np.zeros(40, bool)


def path(velocity: float, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    """Places [40, 3] of one that drives along x, far from where the world begins."""
    places = np.random.default_rng(seed).normal(0, noise, (40, 3))
    places[:, 0] += velocity * TIMES
    return np.add(places, [5e5, 4e6, 100.0])


def moved(times: np.ndarray, places: np.ndarray, cut: np.ndarray, length: float = 4.0, measured: int = -1) -> bool:
    """Of a round thing of that length; the voxels are 0.4 m."""
    along = places[:, :2] @ DIRECTIONS.T
    counted = np.full(len(times), measured)
    return has_moved(Seen(times, places, cut, along - length / 2, along + length / 2, counted), 0.4)


def test_a_straight_line_is_found_exactly_and_noise_is_smoothed() -> None:
    velocity, turns = driving(1.6e9 + TIMES, path(7.0), NONE_CUT)
    np.testing.assert_allclose(velocity, np.tile([7.0, 0, 0], (40, 1)), atol=1e-5)
    np.testing.assert_allclose(turns, 0, atol=1e-6)
    rough, _ = driving(TIMES, path(7.0, 0.1), NONE_CUT)
    assert np.abs(rough - [7.0, 0, 0]).max() < 0.4 < np.abs(np.diff(path(7.0, 0.1), axis=0) / 0.1 - [7.0, 0, 0]).max()


def test_equals_a_fit_of_each_window() -> None:
    draw = np.random.default_rng(1)
    times = np.cumsum(draw.uniform(0.05, 0.9, 30))
    places = draw.normal(0, 3, (30, 3))
    velocity, _ = driving(times, places, np.zeros(30, bool))
    for n, now in enumerate(times):
        near = (np.abs(times - now) <= 1.0) | (np.abs(np.arange(30) - n) <= 1)
        slope, _ = np.polyfit(times[near] - now, places[near], 1)
        np.testing.assert_allclose(velocity[n], slope, atol=1e-9)


@pytest.mark.parametrize(("period", "seconds"), [(0.1, 2.0), (0.1, 6.0), (0.5, 4.0)])
@pytest.mark.parametrize("memory", [1.0, 1.5])
def test_a_bend_turns_as_much_at_the_ends_of_a_life(period: float, seconds: float, memory: float) -> None:
    times = np.arange(round(seconds / period) + 1) * period
    angle = 0.4 * times
    places = 15 * np.stack([np.sin(angle), 1 - np.cos(angle), 0 * angle], 1)
    velocity, turns = driving(times, places, np.zeros(len(times), bool), memory)
    np.testing.assert_allclose(turns, 0.4, atol=0.02)
    np.testing.assert_allclose(np.hypot(*velocity[:, :2].T), 6, atol=0.4)
    slow, straight = driving(times, places / 10, np.zeros(len(times), bool), memory)
    assert not straight.any() and np.hypot(*slow[0, :2]) == pytest.approx(0.6, abs=0.02)


def test_one_observation_has_no_velocity_and_two_have_theirs() -> None:
    assert np.isnan(driving(TIMES[:1], path(3.0)[:1], NONE_CUT[:1])[0]).all()
    np.testing.assert_allclose(driving(TIMES[:2], path(3.0)[:2], NONE_CUT[:2])[0], [[3.0, 0, 0]] * 2, atol=1e-6)
    # Seldom seen: the observations next to one count whenever they were.
    np.testing.assert_allclose(driving(5 * TIMES[:9], path(3.0)[:9], NONE_CUT[:9])[0][:, 0], 0.6, atol=1e-6)


def test_cut_observations_have_no_say() -> None:
    places, cut = path(7.0), NONE_CUT.copy()
    cut[:3] = cut[20] = cut[33:] = True
    places[cut, 0] += 5
    np.testing.assert_allclose(driving(TIMES, places, cut)[0], np.tile([7.0, 0, 0], (40, 1)), atol=1e-6)
    assert heading(TIMES.tolist(), list(places), cut.tolist(), 0.4) == pytest.approx([7.0, 0, 0], abs=1e-6)
    # A parked car that the border cuts off bit by bit.
    parked, leaving = path(0.0), TIMES > 2.4
    parked[leaving, 0] += np.linspace(0, 3, leaving.sum())
    assert not moved(TIMES, parked, leaving, 2.0) and moved(TIMES, parked, NONE_CUT, 2.0)
    # Where all are cut, they are all there is.
    np.testing.assert_allclose(driving(TIMES, path(7.0), ~NONE_CUT)[0][:, 0], 7.0, atol=1e-6)
    assert heading(TIMES.tolist(), list(path(7.0)), (~NONE_CUT).tolist(), 0.4)[0] == pytest.approx(7.0)


def test_the_heading_is_that_of_the_last_second_and_of_more_than_a_voxel() -> None:
    places = np.concatenate([path(0.0)[:20], path(8.0)[20:]])
    assert heading(TIMES.tolist(), list(places), NONE_CUT.tolist(), 0.4)[0] == pytest.approx(8.0)
    assert heading(TIMES[:20].tolist(), list(path(0.3)[:20]), NONE_CUT[:20].tolist(), 0.4).tolist() == [0, 0, 0]
    assert heading([0.0], [np.zeros(3)], [False], 0.4).tolist() == [0, 0, 0]
    assert heading([0.0, 5.0], [np.zeros(3), np.ones(3)], [False, False], 0.4) == pytest.approx([0.2, 0.2, 0.2])


def test_moving_is_further_than_an_object_can_be_misseen() -> None:
    assert moved(TIMES, path(1.0), NONE_CUT)
    assert not moved(TIMES, path(0.4), NONE_CUT)
    assert moved(TIMES, path(0.5), NONE_CUT, 0.8)  # a person who ambles
    assert not moved(TIMES, path(0.0, 0.8), NONE_CUT)
    assert not moved(TIMES[:5], path(90.0)[:5], NONE_CUT[:5]), "two sightings may be of two objects"
    # There and back again.
    assert moved(TIMES, np.concatenate([path(3.0)[:20], path(3.0)[:20][::-1]]), NONE_CUT)
    # Up and down is the ground's fault.
    assert not moved(TIMES, path(2.0)[:, [1, 2, 0]], NONE_CUT)


def test_an_id_that_leaps_to_the_car_beside_has_not_moved() -> None:
    places = path(0.0)
    places[20:, 1] += 3.0
    assert not moved(TIMES, places, NONE_CUT)
    places[20:, 1] += 5.0
    assert not moved(TIMES, places, NONE_CUT)


def test_what_was_not_measured_has_not_moved() -> None:
    assert moved(TIMES, path(3.0), NONE_CUT, measured=3)
    assert not moved(TIMES, path(3.0), NONE_CUT, measured=2)


def test_an_object_of_which_more_is_seen_has_not_moved() -> None:
    """A long thing comes into sight: its middle moves on, its far end does, its near end stands."""
    places = path(1.5)
    along = places[:, :2] @ DIRECTIONS.T
    near = np.tile(along[0] - 1, (40, 1))
    measured = np.full(40, 9)
    assert not has_moved(Seen(TIMES, places, NONE_CUT, near, 2 * along - near, measured), 0.4)
    assert has_moved(Seen(TIMES, places, NONE_CUT, along - 1, along + 1, measured), 0.4)
