"""The poses of the frames of a clip: one block of frames after the other, each hung onto the frames before it; and what
keeps them from being found, in a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from occlabel.schemas.arrays import EXTRINSICS, POSES, SCALE_DEVIATION
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.odometry.looking import Looked
from occlabel.stages.geometry.odometry.metres import mounting
from occlabel.stages.geometry.odometry.reach import BLOCK
from occlabel.stages.geometry.odometry.stretch import Stretch, linked, stretch_of

_UNSURE = 0.3
"""Spread of what ways say of a metre, as a share, beyond which it is not known."""
_CARRIED, _WAY = 1.25, 1.0
"""A scale that is carried over from the frames before is so much less sure, and needs a way of so many metres in
them."""
_OUT = "leave the log out with --log, or cut the film there"


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
        clip, result = self._clip, {}
        for begin in range(clip.start // BLOCK * BLOCK, clip.stop, BLOCK):
            own = range(max(begin, clip.start), min(begin + BLOCK, clip.stop))
            for number, found in self._block(begin, own):
                self._known[number] = found
                result[number - clip.start] = found
        if not self._known:
            points = [self._looked.points(number) for number in range(clip.start, clip.stop)]
            raise BadLog(
                f"log {clip.log}: no frame from {self._name(clip.start)} to {self._name(clip.stop - 1)} shares enough "
                f"with others to tell a motion (they have {int(np.median(points))} points each that could be found "
                f"again): it is dark, without texture, or too short; {_OUT}"
            )
        return result

    def _block(self, begin: int, own: range) -> list[tuple[int, Found]]:
        around = range(max(0, begin - BLOCK, self._inputs.first), min(begin + 2 * BLOCK, self._stop))
        groups = [group for group in linked(self._looked, around) if len(group) > 1 and group[-1] >= begin]
        groups = [group for group in groups if group[0] < begin + BLOCK]
        last = max((number for number in self._known if number < begin), default=None)
        if groups and (len(groups) > 1 or (last is not None and last not in groups[0])):
            cut = groups[0][0] if len(groups) == 1 else groups[1][0]
            raise BadLog(
                f"log {self._clip.log}: frame {self._name(cut)} shows nothing of what was seen before it, and the film "
                f"goes on from there: it is cut, or too little is seen between; {_OUT}"
            )
        if not groups:
            return []
        stretch = stretch_of(self._looked, groups[0], lambda: self._height)
        scale, deviation = self._scale(stretch, groups[0], begin)
        cameras = {number: pose.copy() for number, pose in stretch.poses.items()}
        for camera in cameras.values():
            camera[:3, 3] *= scale
        world = self._world(cameras, stretch, begin)
        result = []
        for number in own:
            if number in cameras:
                mounted = self._mounted(stretch, number, begin)
                result.append((number, Found(world @ cameras[number] @ inverse(mounted), mounted, deviation)))
        return result

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
        first, last = self._name(numbers[0]), self._name(numbers[-1])
        where = f"log {self._clip.log}: from frame {first} to {last}"
        if stretch.kind == "lost":
            raise BadLog(f"{where} what images see obeys no motion of a camera; {_OUT}")
        if stretch.kind == "turns":
            raise BadLog(
                f"{where} the camera only turns, or all it sees is far away: nothing tells where it moves; {_OUT}"
            )
        if stretch.kind == "stands":
            return 1.0, 0.0
        metres = stretch.metres
        if not isinstance(metres, int) and metres.spread < _UNSURE:
            return metres.scale, metres.spread
        carried = self._carried(stretch, begin)
        if carried is not None and carried[1] < _UNSURE:
            return carried
        said = (
            f"the road is seen well enough to tell how far on {metres} ways: too few"
            if isinstance(metres, int)
            else f"what the road says of how far on {metres.ways} ways differs by {metres.spread:.0%}: too much"
        )
        raise BadLog(f"{where} the camera moves, and {said}, so that poses would have no metres; {_OUT}")

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
            raise BadLog(
                f"log {self._clip.log}: the camera stands at the beginning, so nothing tells how it sits on the car: "
                "begin the film where the car drives, or write extrinsics into calibration.yaml"
            )
        return mounting(stretch.metres, self._height)

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
