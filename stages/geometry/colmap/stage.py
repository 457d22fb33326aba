"""Structure from motion as a stage of the geometry slot."""

from __future__ import annotations

from importlib import util
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, SCALE_DEVIATION, ArraySpec, Extent
from occlabel.schemas.errors import BadLog
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage
from occlabel.stages.geometry.from_images.mounted import height_of, lacks_height

_WHOLE_LOG = 1_000_000
"""Frames: more than a log has."""
_FRAMES = 2000
"""Of a log, for which there is memory."""
_FRAME = 2 << 20
"""Bytes of the points of a frame, what it shares with others, and its place in a model."""


class PosesFromModel(Stage):
    """Structure from motion by COLMAP (``pip install occlabel[colmap]``): finds how a camera moved and, where K is not
    known, its focal length, from all images of a log at once; metres from the road, which lies as far below the camera
    as ``calibration.yaml`` or an option says.

    Rotations first, then all places; with K, where that does not hold, one image after the other. COLMAP gives some
    model for almost any images, so that each is held against what can be: how many frames fit in, by how much points
    are off, whether halves of the frames tell the same focal length, how far rays lie apart, and whether a car could
    drive so. A lens without distortion and with its middle in that of the image is taken where K is not known. The ego
    frame is that of the log, or lies on the road below the camera, x where the car drives. ``scale_deviation`` of each
    frame holds what the road says now and then, and what the focal length may be off. A frame that shows too little has
    no pose. The first clip of a log takes the time of all; where clips begin changes nothing. On one thread the same
    images give the same bytes.

    Raises BadLog for a log in which the film is cut, too little is seen, the camera stands or only turns, no model
    holds, or the road tells no metres: nothing is made up.
    """

    slot: ClassVar[str] = "geometry"
    version: ClassVar[int] = 1
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    exact: ClassVar[bool] = False
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES, INTRINSICS, EXTRINSICS, SCALE_DEVIATION)

    kind: Literal["colmap"] = "colmap"
    camera: str | None = None
    """Which camera is looked through; the first when not given."""
    camera_height: float | None = Field(default=None, gt=0.2, lt=10.0)
    """Metres of the camera above the road; what the log says when not given."""
    seed: int = Field(default=0, ge=0, lt=2**31)
    """Decides which matches are tried together, and where places begin."""

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
        if util.find_spec("pycolmap") is None:
            return "it needs pycolmap; install it with pip install occlabel[colmap]"
        if rig is None:
            return None
        if self.camera is not None and self.camera not in rig.names:
            return f"there is no camera {self.camera!r}; there is {', '.join(rig.names) or 'none'}; set geometry.camera"
        return lacks_height(self._chosen(rig), self.camera_height)

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        begins = f"log {log.id} has poses; those that the geometry stage finds in its images take their place"
        if not log.poses:
            begins = f"log {log.id} has no poses: they are made from its images"
        if not log.rig.cameras or self._chosen(log.rig).intrinsics:
            return begins
        return f"{begins}, and K of {self._chosen(log.rig).name} with them"

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        return "" if self.camera_height is not None else f"{log.seen.ground_in_ego}"

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        import cv2

        from occlabel.stages.geometry.colmap.quiet import load

        load()
        from occlabel.stages.geometry.colmap.log_poses import Film, LogPoses

        cv2.setNumThreads(hands.threads)
        camera = self._chosen(rig)
        column = rig.names.index(camera.name)
        found: dict[str, LogPoses | BadLog] = {}

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            if clip.log not in found:
                whole = Clip(clip.log, 0, len(inputs.frames))
                film = Film(whole, inputs, camera.name, self.seed)
                try:
                    found[clip.log] = film.poses(height_of(camera, self.camera_height, inputs, whole))
                except BadLog as error:
                    found[clip.log] = error
            log, own = found[clip.log], inputs.target(clip)
            if isinstance(log, BadLog):
                raise BadLog(str(log))
            extent = Extent(clip.frames, space.grid, rig)
            poses, deviation = POSES.empty(extent), SCALE_DEVIATION.empty(extent)
            intrinsics, extrinsics = inputs[INTRINSICS][own].copy(), inputs[EXTRINSICS][own].copy()
            poses[:], deviation[:] = log.world_from_ego[own], log.deviation[own]
            placed = ~np.isnan(log.ego_from_camera[own]).any(axis=(1, 2))
            extrinsics[placed, column] = log.ego_from_camera[own][placed]
            intrinsics[np.isnan(intrinsics[:, column]).any(axis=(1, 2)), column] = log.intrinsics
            return {
                POSES.name: poses,
                INTRINSICS.name: intrinsics,
                EXTRINSICS.name: extrinsics,
                SCALE_DEVIATION.name: deviation,
            }

        return process

    def _chosen(self, rig: Rig) -> RigCamera:
        return rig.camera(self.camera or rig.names[0])
