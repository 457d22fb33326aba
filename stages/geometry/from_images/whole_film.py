"""The film of one camera over a whole log, for ways of finding poses that look at all of it: what of it can be looked
at, and what a course becomes of it in metres; or why not, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_facts import worst_leap
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.from_images.linked import linked
from occlabel.stages.geometry.from_images.metres import Metres, metres_of, mounting
from occlabel.stages.geometry.from_images.mounted import refuse_contradicted
from occlabel.stages.geometry.from_images.pairs import Pair
from occlabel.stages.geometry.from_images.seen import GAPS, Seen, grey_of, seen_in

_WAYS = 40
"""So many ways of a log are measured on the road, and twice as many at most."""
_NEARBY = 7
"""Ways around a frame that say how sure its metres are."""
_STANDS = 1.5
"""Pixels by which things move before a camera that stands, and by which no rotation explains it where it turns."""
_MOVES = 0.2
"""Share of the frames must show a parallax against the earliest that sees the same, or the camera does not move."""
_SAME = 1e-3
"""Share by which K of two frames may differ."""


@dataclass(frozen=True)
class Beside:
    """A camera that sits on the same car: ``ego_from_camera`` [frame, 4, 4], NaN of a frame without a place, and K [3,
    3]."""

    ego_from_camera: NDArray[np.float64]
    intrinsics: Matrix


@dataclass(frozen=True)
class LogPoses:
    """``world_from_ego`` and ``ego_from_camera`` [frame, 4, 4], NaN of a frame without a place; ``intrinsics`` K [3,
    3]; ``deviation`` [frame] of lengths, as a share; ``beside`` are other cameras of which this was found, by name."""

    world_from_ego: NDArray[np.float64]
    ego_from_camera: NDArray[np.float64]
    intrinsics: Matrix
    deviation: NDArray[np.float64]
    beside: Mapping[str, Beside] = field(default_factory=dict)


class WholeFilm:
    """The images of ``camera`` in all frames of a log, which ``inputs`` holds. ``by`` is what looks at them, for
    sentences."""

    def __init__(self, clip: Clip, inputs: Inputs, camera: str, by: str) -> None:
        self.log, self.frames, self.by = clip.log, len(inputs.frames), by
        self._inputs, self._camera = inputs, camera

    def image(self, number: int) -> NDArray[np.uint8] | None:
        """[h, w, 3] RGB of a frame; None where it cannot be read."""
        return self._inputs.image(number, self._camera)

    def name(self, number: int) -> str:
        """Of a frame."""
        return self._inputs.frames[number].name

    def where(self, numbers: Sequence[int]) -> str:
        """From the first of frames to the last, for sentences."""
        return refused.between(self.log, self.name(numbers[0]), self.name(numbers[-1]))

    def seen(self) -> Seen:
        """Points of all images, and which of them they share. Raises BadLog where none can be read."""
        seen = seen_in(self.image, self.frames)
        if seen is None:
            raise self._nothing(0)
        return seen

    def known(self) -> Matrix | None:
        """K [3, 3] as the log knows it. Raises BadLog where it changes on the way."""
        every = [self._inputs.intrinsics(number, self._camera) for number in range(self.frames)]
        told = [(number, k) for number, k in enumerate(every) if k is not None]
        for number, k in told:
            if not np.allclose(k, told[0][1], rtol=_SAME, atol=_SAME):
                raise BadLog(
                    f"log {self.log}: K of {self._camera} changes at frame {self.name(number)}, and {self.by} takes "
                    "one lens; set geometry.kind=odometry"
                )
        return told[0][1] if told else None

    def together(self, pairs: Mapping[tuple[int, int], Pair], seen: Seen) -> list[int]:
        """Numbers of the frames that see the same things. Raises BadLog where the film is cut, or shows nothing."""
        groups = linked(range(self.frames), GAPS, lambda one, other: (one, other) in pairs)
        groups = [group for group in groups if len(group) > 1]
        if not groups:
            raise self._nothing(int(np.median([len(each.pixels) for each in seen.features.values()])))
        if len(groups) > 1:
            raise refused.cut(self.log, self.name(groups[1][0]))
        return groups[0]

    def check_moves(self, pairs: Mapping[tuple[int, int], Pair], where: str) -> None:
        """Raises BadLog for a camera that does not: frames are held against the earliest that shares enough."""
        farthest = [pairs[both] for both in farthest_of(pairs)]
        if np.mean([pair.parallax > _STANDS for pair in farthest]) >= _MOVES:
            return
        moved = float(np.median([pair.moved for pair in farthest]))
        raise refused.stands(where) if moved < _STANDS else refused.only_turns(where)

    def metres(self, course: Course, intrinsics: Matrix, shrunk: float, height: float) -> Metres:
        """Of a course, with a camera ``height`` metres above the road. Raises BadLog where the road tells none."""
        placed = [int(number) for number in np.flatnonzero(~np.isnan(course.world_from_camera).any(axis=(1, 2)))]
        focal = float(np.sqrt(intrinsics[0, 0] * intrinsics[1, 1])) * shrunk

        def grey(number: int) -> tuple[NDArray[np.uint8], Matrix] | None:
            image = grey_of(self.image(number))
            return None if image is None else (image, intrinsics)

        metres = metres_of(course, focal, grey, height, placed[:: max(1, len(placed) // _WAYS)])
        if isinstance(metres, int) or metres.spread > refused.UNSURE:
            raise refused.no_metres(self.where(placed), metres)
        return metres

    def poses(self, course: Course, metres: Metres, height: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """``world_from_ego`` and ``ego_from_camera`` [frame, 4, 4], NaN of a frame without a place, the latter as the
        log knows it, or as the road shows. Raises BadLog for a way that no car drives."""
        cameras = course.world_from_camera.copy()
        cameras[:, :3, 3] *= metres.scale
        known = [self._inputs.extrinsics(number, self._camera) for number in range(self.frames)]
        found = mounting(metres.down, metres.ahead, height)
        mounted = np.array([found if each is None else each for each in known])
        seen = np.flatnonzero(~np.isnan(cameras).any(axis=(1, 2)))
        first = int(seen[0])
        if known[first] is not None and not self._inputs.rig.lidar:  # a LiDAR decides itself where x is
            refuse_contradicted(self.log, self._camera, mounted[first], metres.down, list(cameras[seen]))
        world = mounted[first] @ inverse(cameras[first])
        poses = world @ cameras @ np.linalg.inv(mounted)
        lost = np.isnan(poses).any(axis=(1, 2))
        placed = np.flatnonzero(~lost)
        leap = worst_leap(poses[placed], [self._inputs.frames[number].time for number in placed])
        if leap is not None:
            raise refused.leaps(self.log, self.name(int(placed[leap[1]])), leap[0], self.by)
        mounted[lost] = np.nan
        return poses, mounted

    def deviation(self, course: Course, metres: Metres, unsure: float) -> NDArray[np.float64]:
        """[frame]: what ways differ by, by how much those around a frame say something else than all, and what lengths
        are wrong by besides, ``unsure``: as the focal length is."""
        result = np.full(self.frames, np.nan)
        images, off = metres.said.T
        for number in np.flatnonzero(~np.isnan(course.world_from_camera).any(axis=(1, 2))):
            nearest = np.argsort(np.abs(images - number), kind="stable")[:_NEARBY]
            result[number] = np.sqrt(metres.spread**2 + float(np.median(off[nearest])) ** 2 + unsure**2)
        return result

    def _nothing(self, points: int) -> BadLog:
        return refused.nothing_shared(self.log, self.name(0), self.name(self.frames - 1), points)


def farthest_of(pairs: Mapping[tuple[int, int], Pair]) -> list[tuple[int, int]]:
    """Of each frame the pair with the earliest that shares enough."""
    farthest: dict[int, int] = {}
    for earlier, later in sorted(pairs):
        farthest.setdefault(later, earlier)
    return [(earlier, later) for later, earlier in farthest.items()]
