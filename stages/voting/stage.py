"""Global voting as a stage: +-radius frames around each frame vote on its voxels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from occlabel.schemas.arrays import (
    CONFIDENCE,
    EXTRINSICS,
    INTRINSICS,
    MARGIN,
    OBSERVED,
    POSES,
    PROBABILITY,
    SAW,
    SEMANTICS,
    SUPPORT,
    SURENESS,
    VOTED,
    ArraySpec,
)
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs, Process, Resources, Stage
from occlabel.stages.voting.calibration import find, load, made_of
from occlabel.stages.voting.rules import Rules

_MOST_HEIGHTS = 256
"""Of a grid, by how the ballots of columns are packed."""
_UNHEARD = {"evidence": False, "observed_only": False}
"""Options by which no sweep is heard."""


class Registration(Rules, Stage):
    """The sensor-weighted registration of OccFiner (section III-C), empty votes included.

    A frame whose scan was damaged (all UNKNOWN) is filled by its neighbours; a frame without a pose keeps its own
    labels. Semantics is UNKNOWN where no frame voted; confidence is the vote margin, or with a calibration how often
    labels that won by such a margin are right where as much was observed, corrected by how sure the frame is.

    With ``evidence`` the frames' sweeps are heard as well: what the frame's own hit is never free, ``OBSERVED`` becomes
    what any frame of the window saw, and support counts the frames that did. What others measured on something that can
    move is a hit only where the label is such a thing too. Without evidence, support counts the frames that voted.
    """

    slot: ClassVar[str] = "voting"
    version: ClassVar[int] = 7
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE, OBSERVED, POSES, INTRINSICS, EXTRINSICS)
    writes: ClassVar[tuple[ArraySpec[Any], ...]] = (SEMANTICS, CONFIDENCE, SUPPORT, OBSERVED, SURENESS)

    kind: Literal["registration"] = "registration"

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        unread = set() if self.sensor == "camera" else {INTRINSICS.name, EXTRINSICS.name}
        unread |= set() if self.evidence else {OBSERVED.name}
        return tuple(spec for spec in self.reads if spec.name not in unread)

    def without(self, array: str) -> Registration | None:
        return self.model_copy(update=_UNHEARD) if array == OBSERVED.name and self.evidence else None

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        confidence = replace(CONFIDENCE, meaning=self._confidence_is())
        if not self.evidence:
            return (SEMANTICS, confidence, replace(SUPPORT, meaning=VOTED))
        return (SEMANTICS, confidence, replace(SUPPORT, meaning=SAW), OBSERVED, SURENESS)

    def _confidence_is(self) -> str:
        """What confidence means, and what it was made of: a version says it with the array."""
        if self.calibration is None:
            return MARGIN
        corrected = self.evidence and self.log_shift
        how = "corrected by how sure each frame is" if corrected else "not corrected for the log"
        return f"{PROBABILITY}; calibrated to {made_of(self.calibration) or 'what is not said'}, {how}"

    @property
    def halo(self) -> int:
        return self.radius * self.stride

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """The libraries; two input bytes, two of weight and a list of what is not free over the window and a clip; four
        output bytes a voxel of a clip, and as many of its frames before they are one array. By rolling, also a world
        about eight grids large. With evidence, an input byte and three bits of whole words more, and an output byte."""
        frames = 2 * self.halo + clip_frames
        world = 8 * 30 if self.method == "rolling" else 0
        voxels = (5 * frames + 2 * 4 * clip_frames + world) * space.grid.voxels
        x, y, z = space.grid.shape
        heard = (frames + 2 * clip_frames) * space.grid.voxels + 24 * -(-z // 64) * frames * x * y
        return Resources(memory=(500 << 20) + voxels + (heard if self.evidence else 0))

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """Of the method, where that alone decides otherwise than it did."""
        return "2" if self.method == "rolling" else ""

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return () if self.calibration is None else (find(self.calibration),)

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        if rig is not None:
            return self._lacking(rig)
        if self.observed_only and not self.evidence:
            return "what no frame observed is not known without evidence; set voting.observed_only to false"
        if self.method != "splat" and space.grid.shape[2] > _MOST_HEIGHTS:
            return (
                f"a grid of {space.grid.shape[2]} heights cannot be voted on by the method {self.method}, which takes "
                f"{_MOST_HEIGHTS} at most; set voting.method=splat, or a grid that is less high"
            )
        if self.radius > self.largest_radius:
            return (
                f"the votes of {2 * self.radius + 1} frames could overflow the 32 bits of a voxel; with the other "
                f"options as they are, voting.radius can be {self.largest_radius} at most"
            )
        try:
            if self.calibration is not None:
                load(self.calibration, space)
        except BadRecipe as error:
            return str(error)
        return None

    def _lacking(self, rig: Rig) -> str | None:
        """What the cameras of ``rig`` lack to weigh votes, in a sentence."""
        if self.sensor != "camera":
            return None
        if not rig.cameras:
            return "votes cannot be weighed by cameras where there are none; set voting.sensor to lidar"
        for camera in rig.cameras:
            known = {"size": camera.size, "intrinsics": camera.intrinsics, "extrinsics": camera.extrinsics}
            if lacking := [name for name, value in known.items() if not value]:
                return (
                    f"votes cannot be weighed by the camera {camera.name} without knowing its {' and '.join(lacking)}; "
                    "set voting.sensor to lidar"
                )
        return None

    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        from occlabel.stages.voting.vote import PollingPlace

        place = PollingPlace(self, space, hands)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            poll = place.open(inputs)
            rows = [poll.on(row) for row in inputs.own(clip)]
            return {spec.name: np.stack([row[spec.name] for row in rows]) for spec in self.written}

        return process
