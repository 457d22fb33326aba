"""What sweeps carve of the space before a camera."""

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.evaluation.carving import AHEAD, ASIDE, LAYERS, PER_METRE, Sweep, carve, in_camera, level, samples


def wall(ahead: float, left: float, right: float, y: float = 0.4) -> NDArray[np.float64]:
    """Points [n, 3] of a wall across the view, of one height, a centimetre apart."""
    x = np.arange(left, right, 0.01)
    return np.stack([x, np.full_like(x, y), np.full_like(x, ahead)], axis=1)


def seen_from(x: float, z: float, *walls: NDArray[np.float64]) -> Sweep:
    return np.concatenate(walls), np.array([x, 0.0, z])


def at(which: NDArray[np.bool_], x: float, z: float) -> bool:
    return bool(which[0, int((z - AHEAD[0]) * PER_METRE), int((x - ASIDE[0]) * PER_METRE)])


def test_samples_lie_before_the_camera() -> None:
    places = samples(0.375)
    assert places.shape == (160, 80, 3)
    np.testing.assert_allclose(places[0, 0], (-3.95, 0.375, 4.05))
    np.testing.assert_allclose(places[-1, -1], (3.95, 0.375, 19.95))
    assert LAYERS["block"][0] == 0.05 and LAYERS["block"][-1] == 0.95, "h of the paper is up, from -1 to 0 m"


def test_behind_a_wall_all_is_occupied_until_another_sweep_looks_there() -> None:
    back, front = wall(25, -60, 60), wall(10, -2, 2)
    occupied, visible = carve([seen_from(0, 0, front, back)], (0.375,))
    np.testing.assert_array_equal(visible, ~occupied)
    assert at(visible, 0, 9.5) and at(occupied, 0, 10.5) and at(occupied, 0, 19)
    assert at(visible, 3.9, 15), "beside the wall"
    other = seen_from(0, 12, back)
    occupied, visible = carve([seen_from(0, 0, front, back), other], (0.375,))
    assert at(occupied, 0, 10.5) and not at(occupied, 0, 19) and not at(visible, 0, 19)
    assert at(occupied, 0, 13), "within 3 m of the second sweep, which says nothing there"


def test_only_points_at_the_height_of_a_layer_are_in_its_way() -> None:
    low = wall(10, -2, 2, y=1.5)
    behind = wall(25, -60, 60)
    _, visible = carve([seen_from(0, 0, low, behind)], (0.375,))
    assert at(visible, 0, 19)
    _, visible = carve([seen_from(0, 0, wall(10, -2, 2, y=1.2), behind)], (0.95,))
    assert not at(visible, 0, 19)


def test_a_direction_without_points_at_the_height_is_open_as_far_as_any_point_there() -> None:
    road = np.concatenate([wall(ahead, -20, 20, y=1.6) for ahead in (5, 8, 12)])
    occupied, visible = carve([seen_from(0, 0, road)], (0.375,))
    assert at(visible, 0, 11.5) and at(occupied, 0, 12.5)
    occupied, visible = carve([seen_from(0, 0, wall(-10, -1, 1))], (0.375,))
    assert occupied.all() and not visible.any(), "nothing came back from ahead"


def test_points_on_the_own_car_are_in_nobodys_way_and_those_that_are_not_finite_are_none() -> None:
    bonnet, behind = wall(1.5, -1, 1), wall(25, -60, 60)
    broken = np.array([[np.nan, 0.4, 5.0]])
    sweep = in_camera(np.eye(4), np.concatenate([bonnet, behind, broken]))
    _, visible = carve([sweep], (0.375,))
    assert at(visible, 0, 19)


def test_a_camera_that_looks_down_is_asked_along_the_road_and_not_into_it() -> None:
    tilted = np.array(
        [[0, -np.sin(0.1), np.cos(0.1), 1.5], [-1, 0, 0, 0], [0, -np.cos(0.1), -np.sin(0.1), 1.6], [0, 0, 0, 1]]
    )
    upright = np.array([[0, 0, 1, 1.5], [-1, 0, 0, 0], [0, -1, 0, 1.6], [0, 0, 0, 1.0]])
    np.testing.assert_allclose(level(tilted), upright, atol=1e-12)
    np.testing.assert_allclose(level(upright), upright, atol=1e-12)


def test_without_a_sweep_nothing_is_known_to_be_free() -> None:
    occupied, visible = carve([], (0.375, 0.5))
    assert occupied.shape == (2, 160, 80) and occupied.all() and not visible.any()
