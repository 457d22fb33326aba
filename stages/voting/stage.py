"""Global voting as a stage: +-radius frames around each frame vote on its voxels."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Process, Resources, Sensor, Stage
from occlabel.stages.voting.calibration import find, load
from occlabel.stages.voting.rules import Rules


class Registration(Rules, Stage):
    """The sensor-weighted registration of OccFiner (section III-C), empty votes included.

    A frame whose scan was damaged (all UNKNOWN) is filled by its neighbours; a frame without a pose keeps its own
    labels. Semantics is UNKNOWN where no frame voted; confidence is the vote margin, or how often labels that won by
    such a margin are right where there is a calibration; support counts the frames.
    """

    slot: ClassVar[str] = "voting"
    version: ClassVar[int] = 4
    reads: ClassVar[tuple[str, ...]] = ("semantics", "confidence")
    senses: ClassVar[tuple[Sensor, ...]] = ("poses",)
    writes: ClassVar[tuple[str, ...]] = ("semantics", "confidence", "support")

    kind: Literal["registration"] = "registration"

    @property
    def halo(self) -> int:
        return self.radius * self.stride

    def resources(self, space: LabelSpace) -> Resources:
        """Two input bytes, two of weight and a list of what is not free over the window and a clip; four output bytes a
        voxel of a clip; and the libraries."""
        frames = 2 * self.halo + 32
        return Resources(memory=(500 << 20) + 5 * frames * space.grid.voxels + 4 * 32 * space.grid.voxels)

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        return () if self.calibration is None else (find(self.calibration),)

    def refuse(self, space: LabelSpace) -> str | None:
        if self.calibration is not None:
            load(self.calibration, space)
        return None

    def setup(self, space: LabelSpace, device: str) -> Process:
        from occlabel.stages.voting.vote import PollingPlace

        place = PollingPlace(self, space, device)

        def process(clip: Clip, inputs: Inputs) -> Arrays:
            poll = place.open(clip.log, inputs)
            rows = [poll.on(row) for row in range(*inputs.target(clip).indices(len(inputs.frames)))]
            return {name: np.stack([row[name] for row in rows]) for name in self.writes}

        return process


VotingStage = Registration
"""The kinds of the voting slot."""
