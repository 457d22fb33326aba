"""What a course is in metres: the road, which lies as far below the camera as is known, measured many times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.from_images.road import road_of

FEWEST = 3
"""Times that the road must be measured for the middle of them to mean anything."""
_BACK = 8
"""Images back to the one that a way is measured from."""
_FAR, _NEAR = 10.0, 4.0
"""Pixels of parallax that the way should have, and must have: the nearest image with so much is taken."""
_FLOOR = 0.02
"""Deviation of a measured length that no pixel makes smaller: the road is no plane, and the car sways."""
_COMMON = 0.05
"""What all ways may be off together, as a share: by the height of the camera, its K, and roads that are no planes."""


@dataclass(frozen=True, slots=True)
class Metres:
    """``scale``: metres in a length of the course. ``spread``: deviation of what single ways say of it, as a share,
    and no less than they may be off together; ``ways`` were measured. ``down`` and ``ahead`` [3], of length 1, in the
    camera."""

    scale: float
    spread: float
    ways: int
    down: NDArray[np.float64]
    ahead: NDArray[np.float64]
    said: NDArray[np.float64]
    """[ways, 2]: the image to which a way leads, and by how much, as a logarithm, it says more than all."""


def metres_of(
    course: Course,
    focal: float,
    grey: Callable[[int], tuple[NDArray[np.uint8], Matrix] | None],
    height: float,
    chosen: list[int],
) -> Metres | int:
    """Of a course, by the ways to the images ``chosen``; how many ways could be measured, where they are too few.
    ``grey`` gives an image [h, w] and K, ``height`` is that of the camera above the road [m], ``focal`` in pixels of
    what points were looked for in."""
    images, logs, weights, downs, aheads = [], [], [], [], []
    for later in chosen:
        earlier = _from(course, later, focal)
        one, other = (None if earlier is None else grey(earlier)), grey(later)
        if earlier is None or one is None or other is None or one[0].shape != other[0].shape:
            continue
        motion = inverse(course.world_from_camera[later]) @ course.world_from_camera[earlier]
        length = float(np.linalg.norm(motion[:3, 3]))
        way = way_of(motion)
        aheads.append(
            way if way[2] > 0 else -way
        )  # how images follow on each other does not tell which way a film runs
        road = road_of(one[0], other[0], one[1], motion[:3, :3], motion[:3, 3] / length)
        if road is not None:
            images.append(later)
            logs.append(np.log(height * road.length / length))
            weights.append(1 / (road.deviation**2 + _FLOOR**2))
            downs.append(road.down)
    if len(logs) < FEWEST:
        return len(logs)
    middle = weighted_median(np.array(logs), np.array(weights))
    spread = 1.4826 * weighted_median(np.abs(np.array(logs) - middle), np.array(weights))
    said = np.column_stack([images, np.array(logs) - middle])
    return Metres(float(np.exp(middle)), max(spread, _COMMON), len(logs), _mean(downs), _mean(aheads), said)


def way_of(motion: Matrix) -> NDArray[np.float64]:
    """Where a car drives, [3] of length 1 in its camera, by ``later_from_earlier``. In a bend the way points by half
    the turn to one side of where the earlier camera looks, and by as much to the other of where the later one does."""
    ahead = -motion[:3, :3].T @ motion[:3, 3] - motion[:3, 3]
    return np.asarray(ahead / np.linalg.norm(ahead), np.float64)


def mounting(down: NDArray[np.float64], ahead: NDArray[np.float64], height: float) -> Matrix:
    """``ego_from_camera`` [4, 4] of an ego frame on the road ``height`` metres below the camera, x where the car drives
    and z up; ``down`` and ``ahead`` [3], of length 1, are in the camera."""
    up = -down
    forward = ahead - (ahead @ up) * up
    forward /= np.linalg.norm(forward)
    result = np.eye(4)
    result[:3, :3] = [forward, np.cross(up, forward), up]
    result[2, 3] = height
    return result


def _from(course: Course, later: int, focal: float) -> int | None:
    """The image that the way to another is measured from."""
    poses = course.world_from_camera
    best, most = None, _NEAR
    for earlier in range(later - 1, max(-1, later - _BACK - 1), -1):
        parallax = float(np.linalg.norm(poses[later, :3, 3] - poses[earlier, :3, 3])) * course.near * focal
        if parallax > most:  # False for an image that is not placed
            best, most = earlier, parallax
        if most > _FAR:
            break
    return best


def weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Of values [n], the lower where two are in the middle."""
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _mean(directions: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    middle = np.median(np.array(directions), axis=0)
    return np.asarray(middle / np.linalg.norm(middle), np.float64)
