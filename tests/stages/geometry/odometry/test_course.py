"""The course of a camera: recovered from what it saw, in a length of its own; none of one that does not move."""

from __future__ import annotations

import numpy as np
import pytest
from seen_points import FOCAL, cameras, likened, points, seen

from occlabel.stages.geometry.odometry.bundle import Bundle
from occlabel.stages.geometry.odometry.course import course_of
from occlabel.stages.geometry.odometry.tracks import tracks_of


@pytest.mark.parametrize("steps", [[1.0] * 9, [0.05] * 19, [2.0, 0.0, 0.0, 0.5, 1.0, 1.5, 2.0]])
def test_a_course_is_recovered_but_for_its_length(steps: list[float]) -> None:
    true = cameras(steps, turn=0.01)
    course = course_of(seen(true, points(600), noise=0.2), FOCAL)
    assert course is not None
    way = sum(steps)
    np.testing.assert_allclose(likened(course.world_from_camera, true), true[:, :3, 3], atol=0.006 * way)
    turns = np.linalg.inv(course.world_from_camera[0])[:3, :3] @ course.world_from_camera[:, :3, :3]
    np.testing.assert_allclose(turns, true[:, :3, :3], atol=1e-3)


def test_a_car_among_what_stands_does_not_bend_the_course() -> None:
    true = cameras([1.0] * 9)
    places = points(500)
    rays = seen(true, places, noise=0.2)
    ahead = np.random.default_rng(3).uniform([-1, 0, 10], [1, 1.5, 12], (40, 3))
    driving = np.stack([seen(pose[None], ahead + np.array([0.3, 0, 1.4]) * i)[0] for i, pose in enumerate(true)])
    course = course_of(np.concatenate([rays, driving], axis=1), FOCAL)
    assert course is not None
    np.testing.assert_allclose(likened(course.world_from_camera, true), true[:, :3, 3], atol=0.06)


@pytest.mark.parametrize("turn", [0.0, 0.02])
def test_a_camera_that_stands_or_only_turns_has_no_course(turn: float) -> None:
    assert course_of(seen(cameras([0.0] * 9, turn), points(400), noise=0.2), FOCAL) is None


def test_images_of_something_else_are_not_placed() -> None:
    true = cameras([1.0] * 9)
    rays = seen(true, points(600), noise=0.2)
    rays[6] = rays[6][np.random.default_rng(5).permutation(600)]
    course = course_of(rays, FOCAL)
    assert course is not None
    assert np.flatnonzero(np.isnan(course.world_from_camera).any(axis=(1, 2))).tolist() == [6]


def test_slopes_are_those_of_what_is_off() -> None:
    """Each analytic slope against the difference of two values."""
    true = cameras([1.0, 1.0], turn=0.05)
    back = np.linalg.inv(true)
    rays = seen(true, points(60))
    both = ~np.isnan(rays[..., 0]).any(axis=0)
    rays, count = rays[:, both], int(both.sum())
    bundle = Bundle(
        rays, FOCAL, back[:, :3, :3].copy(), back[:, :3, 3].copy(), np.ones(3, bool), np.ones(count, np.int64),
        np.random.default_rng(0).uniform(0.01, 0.1, count),
    )  # fmt: skip
    image, point = bundle.pairs()
    off, by_camera, by_anchor, by_point = bundle._slopes(image, point)
    for images, slopes in (([0, 2], by_camera), ([1], by_anchor)):
        for column in range(6):
            step = np.zeros((len(images), 6))
            step[:, column] = 1e-6
            keep = bundle.turn.copy(), bundle.way.copy()
            bundle._moved(np.array(images), step)
            change = (bundle._slopes(image, point)[0] - off) / 1e-6
            bundle.turn, bundle.way = keep
            np.testing.assert_allclose(slopes[..., column], change, rtol=1e-3, atol=0.5)
    bundle.inverse = bundle.inverse + 1e-6
    np.testing.assert_allclose(by_point, (bundle._slopes(image, point)[0] - off) / 1e-6, rtol=1e-3, atol=0.5)


def test_tracks_join_matches_and_drop_what_contradicts_itself() -> None:
    rays = [np.arange(6.0).reshape(3, 2) + 10 * image for image in range(3)]
    one, two = np.array([0, 1]), np.array([1, 1])
    links = {(0, 1): (one, one), (1, 2): (one, np.array([2, 1])), (0, 2): (np.array([1]), np.array([0]))}
    joined = tracks_of(rays, links)
    np.testing.assert_array_equal(joined[:, 0], [rays[0][0], rays[1][0], rays[2][2]])
    assert joined.shape == (3, 1, 2), "the other track would see two points in the last image"
    assert tracks_of(rays, {(0, 1): (two[:1], two[:1])}).shape == (3, 0, 2), "two images are not enough"
