"""What the images of a whole log tell: where the camera was, K, and how sure that is; or why not, in a sentence."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.geometry.colmap.checks import fault_of, jump_in
from occlabel.stages.geometry.colmap.database import Pair, lay_down, verify
from occlabel.stages.geometry.colmap.mapping import How, Model, mapped
from occlabel.stages.geometry.colmap.quiet import quiet
from occlabel.stages.geometry.from_images import refused
from occlabel.stages.geometry.from_images.course import Course
from occlabel.stages.geometry.from_images.linked import linked
from occlabel.stages.geometry.from_images.metres import Metres, metres_of, mounting
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
class LogPoses:
    """``world_from_ego`` and ``ego_from_camera`` [frame, 4, 4], NaN of a frame without a place; ``intrinsics`` K [3,
    3]; ``deviation`` [frame] of lengths, as a share."""

    world_from_ego: NDArray[np.float64]
    ego_from_camera: NDArray[np.float64]
    intrinsics: Matrix
    deviation: NDArray[np.float64]


class Film:
    """The images of ``camera`` in all frames of a log, which ``inputs`` holds. ``seed`` decides what is drawn."""

    def __init__(self, clip: Clip, inputs: Inputs, camera: str, seed: int) -> None:
        self._log, self._inputs, self._camera, self._seed = clip.log, inputs, camera, seed
        self._frames = len(inputs.frames)

    def poses(self, height: float) -> LogPoses:
        """With a camera ``height`` metres above the road. Raises BadLog where poses cannot be told."""
        seen = seen_in(lambda number: self._inputs.image(number, self._camera), self._frames)
        if seen is None:
            raise self._nothing(0)
        model = self._model(seen)
        metres = self._metres(model, seen, height)
        cameras = model.world_from_camera.copy()
        cameras[:, :3, 3] *= metres.scale
        mounted = self._mounted(metres, height)
        first = int(np.flatnonzero(~np.isnan(cameras).any(axis=(1, 2)))[0])
        world = mounted[first] @ inverse(cameras[first])
        poses = world @ cameras @ np.linalg.inv(mounted)
        jump = jump_in(poses, [moment.time for moment in self._inputs.frames])
        if jump is not None:
            raise refused.jumps(self._log, self._name(jump[0]), jump[1])
        mounted[np.isnan(poses).any(axis=(1, 2))] = np.nan
        return LogPoses(poses, mounted, model.intrinsics, _deviation(metres, model, self._frames))

    def known(self) -> Matrix | None:
        """K [3, 3] as the log knows it. Raises BadLog where it changes on the way."""
        every = [self._inputs.intrinsics(number, self._camera) for number in range(self._frames)]
        told = [(number, k) for number, k in enumerate(every) if k is not None]
        for number, k in told:
            if not np.allclose(k, told[0][1], rtol=_SAME, atol=_SAME):
                raise BadLog(
                    f"log {self._log}: K of {self._camera} changes at frame {self._name(number)}, and structure from "
                    "motion takes one lens; set geometry.kind=odometry"
                )
        return told[0][1] if told else None

    def _model(self, seen: Seen) -> Model:
        known = self.known()
        with tempfile.TemporaryDirectory() as folder, quiet():
            path = Path(folder) / "database.db"
            images = lay_down(path, seen, known)
            pairs = verify(path, seen, images, self._seed)
            together = self._together(pairs, seen)
            where = refused.between(self._log, self._name(together[0]), self._name(together[-1]))
            self._check_moves(pairs, where)
            faults: list[str] = []
            # One image after the other a focal length is found that halves of the frames agree on, and that is wrong.
            ways: tuple[How, ...] = ("global",) if known is None else ("global", "incremental")
            for how in ways:
                try:
                    model = mapped(path, how, self._frames, known is not None, self._seed)
                    fault = fault_of(model, together, seen.size, seen.shrunk)
                except (RuntimeError, ValueError) as error:  # colmap's own checks
                    model, fault = None, f"colmap gave up ({str(error).splitlines()[0]})"
                if model is not None and fault is None:
                    return model
                faults.append(str(fault))
        raise refused.no_model(where, list(dict.fromkeys(faults)))

    def _together(self, pairs: dict[tuple[int, int], Pair], seen: Seen) -> list[int]:
        """Numbers of the frames that see the same things. Raises BadLog where the film is cut, or shows nothing."""
        groups = linked(range(self._frames), GAPS, lambda one, other: (one, other) in pairs)
        groups = [group for group in groups if len(group) > 1]
        if not groups:
            raise self._nothing(int(np.median([len(each.pixels) for each in seen.features.values()])))
        if len(groups) > 1:
            raise refused.cut(self._log, self._name(groups[1][0]))
        return groups[0]

    def _check_moves(self, pairs: dict[tuple[int, int], Pair], where: str) -> None:
        """Raises BadLog for a camera that does not: frames are held against the earliest that shares enough."""
        farthest: dict[int, Pair] = {}
        for (_, later), pair in sorted(pairs.items()):
            farthest.setdefault(later, pair)
        if np.mean([pair.parallax > _STANDS for pair in farthest.values()]) >= _MOVES:
            return
        moved = float(np.median([pair.moved for pair in farthest.values()]))
        raise refused.stands(where) if moved < _STANDS else refused.only_turns(where)

    def _metres(self, model: Model, seen: Seen, height: float) -> Metres:
        placed = [int(number) for number in np.flatnonzero(~np.isnan(model.world_from_camera).any(axis=(1, 2)))]
        course = Course(model.world_from_camera, model.points, model.near)
        focal = float(np.sqrt(model.intrinsics[0, 0] * model.intrinsics[1, 1])) * seen.shrunk

        def grey(number: int) -> tuple[NDArray[np.uint8], Matrix] | None:
            image = grey_of(self._inputs.image(number, self._camera))
            return None if image is None else (image, model.intrinsics)

        metres = metres_of(course, focal, grey, height, placed[:: max(1, len(placed) // _WAYS)])
        if isinstance(metres, int) or metres.spread > refused.UNSURE:
            raise refused.no_metres(refused.between(self._log, self._name(placed[0]), self._name(placed[-1])), metres)
        return metres

    def _mounted(self, metres: Metres, height: float) -> NDArray[np.float64]:
        """``ego_from_camera`` [frame, 4, 4]: the log's, or as the road shows."""
        known = [self._inputs.extrinsics(number, self._camera) for number in range(self._frames)]
        found = mounting(metres, height)
        return np.array([found if each is None else each for each in known])

    def _nothing(self, points: int) -> BadLog:
        return refused.nothing_shared(self._log, self._name(0), self._name(self._frames - 1), points)

    def _name(self, number: int) -> str:
        return self._inputs.frames[number].name


def _deviation(metres: Metres, model: Model, frames: int) -> NDArray[np.float64]:
    """[frame]: what ways differ by, by how much those around a frame say something else than all, and the focal
    length, which lengths are as wrong as."""
    result = np.full(frames, np.nan)
    images, off = metres.said.T
    for number in np.flatnonzero(~np.isnan(model.world_from_camera).any(axis=(1, 2))):
        nearest = np.argsort(np.abs(images - number), kind="stable")[:_NEARBY]
        result[number] = np.sqrt(metres.spread**2 + float(np.median(off[nearest])) ** 2 + model.unsure**2)
    return result
