"""Stages that occlabel has none of, as a user would write them: a camera prior, and poses for a log without any."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from occlabel.schemas.arrays import DEPTH, INTRINSICS, POSES, ArraySpec, Extent, resolved
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Sensor, Stage


class BrightIsNear(Stage):
    """Depth of each camera's image: the brighter a pixel, and the shorter the lens, the nearer."""

    slot: ClassVar[str] = "priors"
    version: ClassVar[int] = 1
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (INTRINSICS,)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH,)

    kind: Literal["bright_is_near"] = "bright_is_near"
    farthest: float = 50.0
    """Depth of black [m]."""

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        extent = Extent(clip_frames, space.grid, rig)
        return Resources(memory=(100 << 20) + 2 * sum(extent.nbytes(spec) for spec in self._cameras(rig)))

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        for camera in () if rig is None else rig.cameras:
            if not camera.intrinsics:
                return f"the intrinsics of {camera.name} are not known"
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            extent = Extent(clip.frames, space.grid, rig)
            result: Arrays = {}
            for spec in self._cameras(rig):
                depth = spec.empty(extent)
                for n, row in enumerate(inputs.own(clip)):
                    image, intrinsics = inputs.image(row, str(spec.camera)), inputs.intrinsics(row, str(spec.camera))
                    if image is not None and intrinsics is not None:
                        dark = 1 - image[:: spec.stride, :: spec.stride].mean(axis=2) / 255
                        depth[n] = self.farthest * dark * intrinsics[0, 0] / 100
                result[spec.name] = depth
            return result

        return process

    def _cameras(self, rig: Rig) -> tuple[ArraySpec[Any], ...]:
        return resolved(self.written, rig)


class BrightnessOdometer(Stage):
    """Poses of a log that has none: a metre ahead for each step of brightness of the first camera's image."""

    slot: ClassVar[str] = "geometry"
    version: ClassVar[int] = 1
    senses: ClassVar[tuple[Sensor, ...]] = ("images",)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (POSES,)

    kind: Literal["brightness_odometer"] = "brightness_odometer"
    step: float = 20.0
    """Of 255, for a metre."""

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        return "there is no camera to see the way with" if rig is not None and not rig.cameras else None

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        return Resources(memory=(100 << 20) + 128 * clip_frames)

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            poses = POSES.empty(Extent(clip.frames, space.grid, rig))
            for n, row in enumerate(inputs.own(clip)):
                image = inputs.image(row, rig.names[0])
                if image is not None:
                    poses[n] = np.eye(4)
                    poses[n, 0, 3] = image.mean() / self.step
            return {POSES.name: poses}

        return process


class Careless(BrightnessOdometer):
    """Reads what it does not declare."""

    reads: ClassVar[tuple[ArraySpec[Any], ...]] = ()
    kind: Literal["careless"] = "careless"  # type: ignore[assignment]

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        return lambda clip, inputs: {POSES.name: inputs[POSES]}
