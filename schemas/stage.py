"""The stage contract: what a stage declares, what it is given, what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.drive_log import Frame
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import Taxonomy

Sensor = Literal["points", "images", "poses"]
Arrays = dict[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True, order=True)
class Clip:
    """Frames [start, stop) of a log: the unit of work and of commit."""

    log: str
    start: int
    stop: int

    @property
    def frames(self) -> int:
        return self.stop - self.start

    @property
    def name(self) -> str:
        return f"{self.start:06d}-{self.stop:06d}"


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """Where labels lie and what they mean: the grid and the taxonomy of a recipe."""

    grid: Grid
    taxonomy: Taxonomy


@dataclass(frozen=True, slots=True)
class Resources:
    """What one worker needs while it runs the stage. ``gpus`` is used where there are any."""

    cpus: int = 1
    gpus: float = 0.0
    memory: int = 2 << 30
    """Peak bytes of one clip."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a stage may see of a log: its clip and ``halo`` frames around it, clipped to the log.

    Entry ``i`` of every field belongs to log frame ``first + i``.
    """

    first: int
    frames: tuple[Frame, ...]
    arrays: Mapping[str, NDArray[np.generic]]
    """The arrays in ``reads``, each [frame, x, y, z]; of the nearest slot before this one that writes them."""
    points: tuple[NDArray[np.float32] | None, ...] = ()
    """LiDAR points [n, 4] in the LiDAR frame (x, y, z, intensity 0..1); None for a frame without a readable scan."""
    images: tuple[tuple[NDArray[np.uint8] | None, ...], ...] = ()
    """Per frame, per camera: RGB [h, w, 3]."""
    past: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    """What the stage itself wrote for the ``memory`` frames before the clip, or for as many as there are."""

    def target(self, clip: Clip) -> slice:
        """Where the clip's own frames lie in the fields."""
        return slice(clip.start - self.first, clip.stop - self.first)


Process = Callable[[Clip, Inputs], Arrays]
"""Takes a clip and its inputs, returns the arrays in ``written``, each [clip.frames, ...] as declared. Pure: same input
and seed, same bytes; no paths, no clock, no global random state; a frame without input gets the fill value."""


class Stage(BaseModel, ABC):
    """One step of the chain. The fields of the frozen model are the step's options.

    ``kind`` (a Literal field in each subclass) picks the class in a recipe.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slot: ClassVar[str]
    version: ClassVar[int]
    """Raised when the same options give other output."""
    reads: ClassVar[tuple[str, ...]] = ()
    """Names of the arrays that the stage reads."""
    senses: ClassVar[tuple[Sensor, ...]] = ()
    """Raw data that the stage reads from the log."""
    writes: ClassVar[tuple[str, ...]]

    kind: str

    @property
    def written(self) -> tuple[str, ...]:
        """The arrays that the stage writes with these options."""
        return self.writes

    @property
    def halo(self) -> int:
        """Frames before and after the clip that the stage reads."""
        return 0

    @property
    def lookahead(self) -> int:
        """Frames after the clip that the stage reads, where they are fewer than those before it."""
        return self.halo

    @property
    def memory(self) -> int:
        """Frames before the clip whose own output the stage reads. With any, the clips of a log are done in turn."""
        return 0

    def resources(self, space: LabelSpace) -> Resources:
        return Resources()

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        """Files whose content decides the output (weights). Raises OcclabelError when one is missing."""
        return ()

    def fingerprint_extra(self, space: LabelSpace) -> str:
        """What else decides the output and is neither an option nor the content of ``files``."""
        return ""

    def refuse(self, space: LabelSpace) -> str | None:
        """Why this stage cannot work in ``space``, in a sentence, or None. Asked before any compute."""
        return None

    @abstractmethod
    def setup(self, space: LabelSpace, device: str) -> Process:
        """Loads what the stage needs, once per worker. ``device`` is ``"cpu"`` or ``"cuda"``."""
