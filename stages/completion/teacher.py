"""Where a training gets its truth from: of which frames of a log something is known, and what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.learning.truth import learnable_truth

FULL = 255
"""The trust in what is known for certain."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What is to be learned of a frame."""

    semantics: NDArray[np.uint8]
    """[X, Y, Z] class ids of the space; UNKNOWN where nothing is to be learned."""
    trust: NDArray[np.uint8] | None = None
    """[X, Y, Z] how much a voxel counts, up to FULL; None: all count the same."""


Ask = Callable[[], Lesson]
"""Reads the lesson of a frame when it is called. Raises as readers of truth do."""


class Teacher(Protocol):
    """Knows something of some frames."""

    @property
    def what(self) -> str:
        """What it knows, for sentences: ``voxel truth``."""

    @property
    def weighs(self) -> bool:
        """Whether its lessons say how much a voxel counts."""

    @property
    def believed(self) -> bool:
        """Whether nobody checked what it says."""

    def lessons(self, log: DriveLog) -> list[tuple[Frame, Ask]]:
        """The frames of ``log`` that have a sweep and of which something is known, in time. Reads nothing of them."""


@dataclass(frozen=True, slots=True)
class VoxelTeacher:
    """Teaches the voxel truth of the logs."""

    reader: LogReader
    space: LabelSpace
    what: str = "voxel truth"
    weighs: bool = False
    believed: bool = False

    def lessons(self, log: DriveLog) -> list[tuple[Frame, Ask]]:
        frames = [frame for frame in log.frames if frame.sweep is not None and frame.truth.voxels is not None]
        return [(frame, partial(self._lesson, frame)) for frame in frames]

    def _lesson(self, frame: Frame) -> Lesson:
        return Lesson(learnable_truth(self.reader, frame, self.space))


@dataclass(frozen=True, slots=True)
class SilentTeacher:
    """Knows nothing of any frame that has a sweep: for what can be learned from sweeps alone."""

    space: LabelSpace
    what: str = "poses or none"
    weighs: bool = False
    believed: bool = False

    def lessons(self, log: DriveLog) -> list[tuple[Frame, Ask]]:
        return [(frame, self._nothing) for frame in log.frames if frame.sweep is not None]

    def _nothing(self) -> Lesson:
        return Lesson(np.full(self.space.grid.shape, UNKNOWN, np.uint8))
