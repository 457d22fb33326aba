"""A stretch of a log, a few seconds long: how the camera moved through it, and how far in metres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.metres import Metres, metres_of
from occlabel.stages.geometry.odometry.course import STANDS, course_of
from occlabel.stages.geometry.odometry.looking import GAPS, Looked
from occlabel.stages.geometry.odometry.tracks import tracks_of
from occlabel.stages.geometry.odometry.two_views import FEWEST, turned

_WAYS = 12
"""So many ways of a stretch are measured on the road, and twice as many at most."""
_TURNS = np.deg2rad(0.3)
"""A camera that turns by less than that between images stands."""

Kind = Literal["moves", "stands", "turns", "lost"]


@dataclass(frozen=True, slots=True)
class Stretch:
    """``poses`` by frame are world_from_camera [4, 4] in a length and a world of their own; of a camera that stands,
    all equal. ``metres`` is what the road says of that length, or how many ways it could be measured on."""

    kind: Kind
    poses: dict[int, Matrix]
    metres: Metres | int


def stretch_of(looked: Looked, numbers: list[int], height: Callable[[], float]) -> Stretch:
    """Of frames that see the same things; ``height`` [m] is that of the camera above the road."""
    place = {number: index for index, number in enumerate(numbers)}
    pairs = [(one, other) for one, other in combinations(numbers, 2) if other - one in GAPS]
    links = {(place[one], place[other]): looked.link(one, other) for one, other in pairs}
    seen = tracks_of([looked.rays(number) for number in numbers], links)
    focal = looked.focal(numbers[0])
    if focal is None or not seen.shape[1]:
        return Stretch("lost", {}, 0)
    course = course_of(seen, focal)
    if course is None:
        kind = _still(seen, focal)
        return Stretch(kind, {} if kind == "lost" else dict.fromkeys(numbers, np.eye(4)), 0)
    placed = np.flatnonzero(~np.isnan(course.world_from_camera).any(axis=(1, 2)))
    chosen = [int(index) for index in placed[:: max(1, len(placed) // _WAYS)]]
    metres = metres_of(course, focal, lambda index: looked.grey(numbers[index]), height(), chosen)
    return Stretch("moves", {numbers[index]: course.world_from_camera[index] for index in placed}, metres)


def _still(seen: NDArray[np.float64], focal: float) -> Kind:
    """What a camera does of which no two images show a parallax."""
    there = ~np.isnan(seen[..., 0])
    turns = []
    for other in range(1, len(seen)):
        one = max(0, other - GAPS[-1])
        both = there[one] & there[other]
        if both.sum() < FEWEST:
            continue
        turn, off = turned(seen[one, both], seen[other, both], focal)
        if off > 2 * STANDS:
            return "lost"
        turns.append(float(np.arccos(np.clip((np.trace(turn) - 1) / 2, -1, 1))))
    return "lost" if not turns else "turns" if max(turns) > _TURNS else "stands"
