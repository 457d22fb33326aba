"""What the kinds have in common that find poses, and K where it is not known, in all images of a log at once."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION, ArraySpec, Extent
from occlabel.schemas.errors import BadLog
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage
from occlabel.stages.geometry.from_images.mounted import height_of, lacks_height
from occlabel.stages.geometry.from_images.whole_film import Beside, LogPoses

_WHOLE_LOG = 1_000_000
"""Frames: more than a log has."""
_FRAMES = 2000
"""Of a log, for which there is memory."""
_FRAME = 2 << 20
"""Bytes of the points of a frame, what it shares with others, and its place in a model."""
Search = Callable[[Clip, Inputs, str, float | None], LogPoses]
"""Of a whole log, its inputs, the name of a camera and its height [m] above the road, None where it is not known.
Raises BadLog."""


class PosesFromWholeLog(Stage):
    """The first clip of a log takes the time of all; where clips begin changes nothing."""

    slot: ClassVar[str] = "geometry"
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, INTRINSICS, EXTRINSICS, SCALE_DEVIATION)
    knows_metres: ClassVar[bool] = False
    """Whether it needs no height."""

    camera: str | None = None
    """Which camera is looked through; the first when not given."""
    camera_height: float | None = Field(default=None, gt=0.2, lt=10.0)
    """Metres of the camera above the road; what the log says when not given."""

    @abstractmethod
    def search(self, hands: Hands) -> Search:
        """How poses are found."""

    @property
    def own_world(self) -> bool:
        return True

    @property
    def halo(self) -> int:
        return _WHOLE_LOG

    @property
    def recalls(self) -> int:
        """One frame, so that the clips of a log are done in turn, and its model is not built by many at once."""
        return 1

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; points and places of a long log; what is read and written."""
        extent = Extent(clip_frames + _FRAMES, space.grid, rig)
        arrays = sum(extent.nbytes(spec) for spec in (*self.reads, *self.writes))
        return Resources(memory=(500 << 20) + _FRAMES * _FRAME + 2 * arrays)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None:
            return None
        if not rig.cameras:
            return "the log has no cameras, and poses are found in what they see"
        if self.camera is not None and self.camera not in rig.names:
            return f"there is no camera {self.camera!r}; there is {', '.join(rig.names) or 'none'}; set geometry.camera"
        return None if self.knows_metres else lacks_height(self.chosen(rig), self.camera_height)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        begins = f"log {log.id} has poses; those that the geometry stage finds in its images take their place"
        if not log.poses:
            begins = f"log {log.id} has no poses: they are made from its images"
        if not log.rig.cameras or self.chosen(log.rig).intrinsics:
            return begins
        return f"{begins}, and K of {self.chosen(log.rig).name} with them"

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return "" if self.camera_height is not None else f"{log.seen.ground_in_ego}"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import cv2

        search = self.search(hands)
        cv2.setNumThreads(hands.threads)
        camera = self.chosen(rig)
        found: dict[str, LogPoses | BadLog] = {}

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            if clip.log not in found:
                whole = Clip(clip.log, 0, len(inputs.frames))
                try:
                    found[clip.log] = search(whole, inputs, camera.name, self._height(camera, inputs, whole))
                except BadLog as error:
                    found[clip.log] = error
            log, own = found[clip.log], inputs.target(clip)
            if isinstance(log, BadLog):
                raise BadLog(str(log))
            extent = Extent(clip.frames, space.grid, rig)
            poses, deviation = POSES.empty(extent), SCALE_DEVIATION.empty(extent)
            intrinsics, extrinsics = inputs[INTRINSICS][own].copy(), inputs[EXTRINSICS][own].copy()
            poses[:], deviation[:] = log.world_from_ego[own], log.deviation[own]
            every = {camera.name: Beside(log.ego_from_camera, log.intrinsics), **log.beside}
            for column, each in ((rig.names.index(name), each) for name, each in every.items()):
                placed = ~np.isnan(each.ego_from_camera[own]).any(axis=(1, 2))
                extrinsics[placed, column] = each.ego_from_camera[own][placed]
                intrinsics[np.isnan(intrinsics[:, column]).any(axis=(1, 2)), column] = each.intrinsics
            return {
                POSES.name: poses,
                INTRINSICS.name: intrinsics,
                EXTRINSICS.name: extrinsics,
                SCALE_DEVIATION.name: deviation,
            }

        return process

    def chosen(self, rig: Rig) -> RigCamera:
        """The camera that is looked through."""
        return rig.camera(self.camera or rig.names[0])

    def _height(self, camera: RigCamera, inputs: Inputs, whole: Clip) -> float | None:
        if self.knows_metres and lacks_height(camera, self.camera_height) is not None:
            return None
        return height_of(camera, self.camera_height, inputs, whole)
