"""What both kinds of alignment have in common: which estimate they make metric, and how lines become arrays."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from occlabel.schemas.arrays import (
    DEPTH,
    DEPTH_DEVIATION,
    EXTRINSICS,
    INTRINSICS,
    RELATIVE_DEPTH,
    ArraySpec,
)
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources
from occlabel.stages.priors.alignment.disagreement import deviation
from occlabel.stages.priors.alignment.residual_field import errors_held_out, field
from occlabel.stages.priors.alignment.scale_shift import Line, depth_of, fitted, steadied
from occlabel.stages.priors.depth.slot import Depth, blank, clip_bytes, image_bytes

_SWEEP = 32 << 20
"""Bytes of a sweep of 128 beams with its points moved and projected."""


class Alignment(Depth):
    """Makes an estimate of an earlier stage metric: a scale and a shift of inverse depth for each image."""

    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, RELATIVE_DEPTH, INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (DEPTH, DEPTH_DEVIATION)

    of: Literal["depth", "relative_depth"] = "depth"
    """Which array of an earlier stage is made metric: metres that a model took for true, or inverse depth of a model
    that knows no metre."""
    steadied: int = Field(default=8, ge=0, le=100)
    """Frames before and after an image whose lines steady its own, as far as they agree among each other."""
    local: ClassVar[bool] = False
    """Whether what is known is exact enough to correct the estimate near by beyond the line."""
    least: ClassVar[float] = 0.0
    """Deviation, as a share of depth, that all of an image may have in common whatever the points say."""

    @abstractmethod
    def known(self, inputs: Inputs, row: int, space: LabelSpace) -> dict[str, NDArray[np.float32]]:
        """By camera, the depth [v, u] that something else than the model knows; NaN where nothing does."""

    @property
    def halo(self) -> int:
        return self.steadied

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        return tuple(spec for spec in self.reads if spec.name not in {DEPTH.name, RELATIVE_DEPTH.name} - {self.of})

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; the sweep of a frame; what is fitted of an image; the arrays."""
        frames = clip_frames + 2 * self.steadied
        memory = (400 << 20) + _SWEEP + 40 * image_bytes(rig) + clip_bytes(self, frames, space, rig)
        return Resources(memory=memory)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is None or (said := super().refuse(space, rig)) is not None:
            return None if rig is None else said
        if len(lost := rig.uncalibrated) == len(rig.cameras):
            return f"no camera is calibrated ({', '.join(lost)}), so nothing says how far away a pixel is"
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        lost = log.rig.uncalibrated
        return f"log {log.id}: depth of {', '.join(lost)} without a calibration is not aligned" if lost else None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        def process(clip: Clip, inputs: Inputs) -> Arrays:
            result = blank(self, clip.frames, space, rig)
            seen = [self._looked_at(inputs, row, space) for row in range(len(inputs.frames))]
            for n, row in enumerate(inputs.own(clip)):
                around = seen[max(0, row - self.steadied) : row + self.steadied + 1]
                for camera in rig.names:
                    if (own := seen[row].get(camera)) is not None:
                        lines = [look[camera].line for look in around if camera in look]
                        aligned = self._aligned(self._said(inputs, row, camera), own, lines)
                        if aligned is not None:
                            result[DEPTH.on(camera).name][n], result[DEPTH_DEVIATION.on(camera).name][n] = aligned
            return result

        return process

    def _said(self, inputs: Inputs, row: int, camera: str) -> NDArray[np.float64]:
        """What the model says of the pixels [v, u], as inverse depth up to scale and shift; NaN: nothing."""
        spec = RELATIVE_DEPTH if self.of == "relative_depth" else DEPTH
        said = inputs[spec.on(camera)][row].astype(np.float64)
        if spec is DEPTH:
            with np.errstate(divide="ignore", invalid="ignore"):
                return np.where(said > 0, 1 / said, np.nan)
        return np.where(np.isfinite(said), said, np.nan)

    def _looked_at(self, inputs: Inputs, row: int, space: LabelSpace) -> dict[str, _Look]:
        """By camera; those that nothing is known of by any means are left out."""
        result = {}
        for camera, known in self.known(inputs, row, space).items():
            said = self._said(inputs, row, camera)
            both = np.isfinite(said) & np.isfinite(known)
            places = np.flatnonzero(both)
            metres = known.ravel()[places]
            result[camera] = _Look(fitted(said.ravel()[places], 1 / metres), places, metres)
        return result

    def _aligned(
        self, said: NDArray[np.float64], own: _Look, lines: list[Line | None]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]] | None:
        line = steadied(own.line, [line for line in lines if line is not None], said[np.isfinite(said)])
        if line is None:
            return None
        inverse, known = line.at(said), np.full(said.shape, np.nan, np.float32)
        known.ravel()[own.places] = own.metres
        inverse = np.where(inverse > 0, inverse, np.nan)
        if self.local:
            errors = errors_held_out(inverse, known, line.spread)
            inverse = inverse * field(inverse, known, line.spread)
        else:
            errors = np.abs(1 / (known * inverse) - 1)
        depth = depth_of(inverse)
        off = np.hypot(deviation(inverse, errors, said, line), self.least)
        return depth, np.where(np.isfinite(depth), off, np.nan).astype(np.float32)


@dataclass(frozen=True, slots=True)
class _Look:
    """What is known of one image."""

    line: Line | None
    places: NDArray[np.int64]
    """[n] elements, counted through the image, ..."""
    metres: NDArray[np.float32]
    """... and their depth."""
