"""The poses of the frames of a clip: one block of frames after the other, each hung onto the frames before it; and what
keeps them from being found, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from occlabel.schemas.arrays import EXTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_facts import worst_leap
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.linked import linked
from occlabel.stages.geometry.from_images.metres import mounting
from occlabel.stages.geometry.from_images.mounted import refuse_contradicted
from occlabel.stages.geometry.odometry.looking import GAPS, Looked
from occlabel.stages.geometry.odometry.reach import BLOCK
from occlabel.stages.geometry.odometry.stretch import Stretch, stretch_of
from occlabel.stages.geometry.odometry.two_views import FEWEST

_CARRIED, _WAY = 1.25, 1.0
"""A scale that is carried over from the frames before is so much less sure, and needs a way of so many metres in
them."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of a frame. ``deviation`` of the length of the way to it, as a share; 0 of a camera that stands."""

    world_from_ego: Matrix
    ego_from_camera: Matrix
    deviation: float


class Chain:
    """Of the frames of ``clip``, seen through ``camera``, which is ``height`` metres above the road. What frames before
    the clip were found to be is in ``inputs.past``. Numbers are those of frames in the log."""

    def __init__(self, clip: Clip, inputs: Inputs, camera: str, looked: Looked, height: float) -> None:
        self._clip, self._inputs, self._camera = clip, inputs, camera
        self._looked, self._height = looked, height
        self._stop = inputs.first + len(inputs.frames)
        self._known = self._before()
        looked.look(
            lambda number: inputs.image(number - inputs.first, camera),
            lambda number: inputs.intrinsics(number - inputs.first, camera),
            inputs.first,
        )

    def find(self) -> dict[int, Found]:
        """By row of the clip; frames that show too little have none. Raises BadLog where poses end."""
        clip = self._clip
        result: dict[int, Found] = {}
        for begin in range(clip.start // BLOCK * BLOCK, clip.stop, BLOCK):
            own = range(max(begin, clip.start), min(begin + BLOCK, clip.stop))
            placed = self._block(begin, own)
            self._known |= placed
            result |= {number - clip.start: found for number, found in placed.items()}
            self._refuse_leaps(placed)
        if not self._known:
            points = [self._looked.points(number) for number in range(clip.start, clip.stop)]
            raise refused.nothing_shared(
                clip.log, self._name(clip.start), self._name(clip.stop - 1), int(np.median(points))
            )
        return result

    def _refuse_leaps(self, placed: dict[int, Found]) -> None:
        """Raises BadLog where a frame of a block is not where the motion of the two before it can have brought it."""
        if not placed:
            return
        before = sorted(number for number in self._known if number < min(placed))[-2:]
        numbers = [*before, *placed]
        poses = [self._known[number].world_from_ego for number in numbers]
        leap = worst_leap(poses, [self._inputs.frames[number - self._inputs.first].time for number in numbers])
        if leap is not None:
            raise refused.leaps(self._clip.log, self._name(numbers[leap[1]]), leap[0], "odometry")

    def _block(self, begin: int, own: range) -> dict[int, Found]:
        around = range(max(0, begin - BLOCK, self._inputs.first), min(begin + 2 * BLOCK, self._stop))
        groups = linked(around, GAPS, lambda one, other: len(self._looked.link(one, other)[0]) >= FEWEST)
        groups = [group for group in groups if len(group) > 1 and group[-1] >= begin and group[0] < begin + BLOCK]
        last = max((number for number in self._known if number < begin), default=None)
        if groups and (len(groups) > 1 or (last is not None and last not in groups[0])):
            raise refused.cut(self._clip.log, self._name(groups[0][0] if len(groups) == 1 else groups[1][0]))
        if not groups:
            return {}
        stretch = stretch_of(self._looked, groups[0], lambda: self._height)
        scale, deviation = self._scale(stretch, groups[0], begin)
        self._refuse_contradicted(stretch)
        cameras = {number: pose.copy() for number, pose in stretch.poses.items()}
        for camera in cameras.values():
            camera[:3, 3] *= scale
        world = self._world(cameras, stretch, begin)
        result = {}
        for number in own:
            if number in cameras:
                mounted = self._mounted(stretch, number, begin)
                result[number] = Found(world @ cameras[number] @ inverse(mounted), mounted, deviation)
        return result

    def _refuse_contradicted(self, stretch: Stretch) -> None:
        """Raises BadLog where the extrinsics of the log cannot be, by a stretch whose road is seen well."""
        numbers = sorted(stretch.poses)
        known = self._inputs.extrinsics(numbers[0] - self._inputs.first, self._camera)
        if known is None or self._inputs.rig.lidar:  # a LiDAR decides itself where x is
            return
        if not isinstance(stretch.metres, int) and stretch.metres.spread < refused.UNSURE:
            poses = [stretch.poses[number] for number in numbers]
            refuse_contradicted(self._clip.log, self._camera, known, stretch.metres.down, poses)

    def _world(self, cameras: dict[int, Matrix], stretch: Stretch, begin: int) -> Matrix:
        """The world, from that of the stretch: so that the last frame before the block that both know is in its place,
        or so that the first of all frames is where the world is."""
        hooks = [number for number in self._known if number < begin and number in cameras]
        if hooks:
            hook = self._known[max(hooks)]
            return hook.world_from_ego @ hook.ego_from_camera @ inverse(cameras[max(hooks)])
        first = min((number for number in cameras if number >= begin), default=min(cameras))
        return self._mounted(stretch, first, begin) @ inverse(cameras[first])

    def _scale(self, stretch: Stretch, numbers: list[int], begin: int) -> tuple[float, float]:
        """Metres of a length of the stretch, and its deviation. Raises BadLog where nothing tells them."""
        where = refused.between(self._clip.log, self._name(numbers[0]), self._name(numbers[-1]))
        if stretch.kind == "lost":
            raise refused.no_motion(where)
        if stretch.kind == "turns":
            raise refused.only_turns(where)
        if stretch.kind == "stands":
            return 1.0, 0.0
        metres = stretch.metres
        if not isinstance(metres, int) and metres.spread < refused.UNSURE:
            return metres.scale, metres.spread
        carried = self._carried(stretch, begin)
        if carried is not None and carried[1] < refused.UNSURE:
            return carried
        raise refused.no_metres(where, metres)

    def _carried(self, stretch: Stretch, begin: int) -> tuple[float, float] | None:
        """The scale by which the stretch fits the poses before it."""
        before = sorted(number for number in self._known if number < begin and number in stretch.poses)
        if len(before) < 2:
            return None
        cameras = [self._known[number].world_from_ego @ self._known[number].ego_from_camera for number in before]
        metres = sum(float(np.linalg.norm(b[:3, 3] - a[:3, 3])) for a, b in pairwise(cameras))
        own = [stretch.poses[number][:3, 3] for number in before]
        length = sum(float(np.linalg.norm(b - a)) for a, b in pairwise(own))
        if metres < _WAY or length <= 0:
            return None
        return metres / length, _CARRIED * max(self._known[number].deviation for number in before)

    def _mounted(self, stretch: Stretch, number: int, begin: int) -> Matrix:
        """``ego_from_camera`` of a frame: the log's, that of frames before the block, or as the stretch shows. Raises
        BadLog where nothing tells it."""
        known = self._inputs.extrinsics(number - self._inputs.first, self._camera)
        if known is not None:
            return known
        before = max((earlier for earlier in self._known if earlier < begin), default=None)
        if before is not None:
            return self._known[before].ego_from_camera
        if isinstance(stretch.metres, int):
            raise refused.stands_at_first(self._clip.log)
        return mounting(stretch.metres.down, stretch.metres.ahead, self._height)

    def _before(self) -> dict[int, Found]:
        past, result = self._inputs.past, {}
        if past:
            index = self._inputs.rig.names.index(self._camera)
            begin = self._clip.start - len(past[POSES.name])
            for row, pose in enumerate(past[POSES.name].astype(np.float64)):
                mounted = past[EXTRINSICS.name][row, index].astype(np.float64)
                if not np.isnan(pose).any() and not np.isnan(mounted).any():
                    result[begin + row] = Found(pose, mounted, float(past[SCALE_DEVIATION.name][row]))
        return result

    def _name(self, number: int) -> str:
        return self._inputs.frames[number - self._inputs.first].name
