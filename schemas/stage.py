"""The stage contract: what a stage declares, what it is given, what it gives back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.arrays import EXTRINSICS, INTRINSICS, POSES, ArraySpec
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.geometry import Matrix, rigid
from occlabel.schemas.grid import Grid
from occlabel.schemas.log_facts import LogFacts
from occlabel.schemas.rig import Rig
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.space import LabelSpace

Sensor = Literal["points", "images"]
Arrays = dict[str, NDArray[np.generic]]
T = TypeVar("T", bound=np.generic)

NAME_OR_FILE = "the name of what comes with occlabel, or a file"
"""Marks an option that is text and may name a file: ``Annotated[str, NAME_OR_FILE]``. A ``Path`` needs no mark."""
HUB_OR_FOLDER = "a name on the Hugging Face hub, or a folder"
"""Marks an option that names weights: ``Annotated[str, HUB_OR_FOLDER]``."""
PLACE = "where something lies whose content is told of each log"
"""Marks an option that decides no output by itself: ``Annotated[Path, PLACE]``. All of what lies there that decides the
output for a log is in ``Stage.fingerprint_extra``."""


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
class Resources:
    """What one worker needs while it runs the stage. ``gpus`` is used where there are any."""

    cpus: int = 1
    gpus: float = 0.0
    memory: int = 2 << 30
    """Peak bytes of one clip."""


@dataclass(frozen=True, slots=True)
class Hands:
    """What a stage works with."""

    device: Literal["cpu", "cuda"] = "cpu"
    threads: int = 1
    """As many as the stage asked CPUs for: the bytes must not depend on the cores that a machine happens to have."""


class Sensors(Protocol):
    """The sensor data of the frames of an input, read when asked for. ``row`` counts as in ``Inputs``."""

    def points(self, row: int) -> NDArray[np.float32] | None:
        """LiDAR points [n, 4] in the LiDAR frame: x, y, z [m], intensity 0..1. None: no scan that can be read."""

    def image(self, row: int, camera: str) -> NDArray[np.uint8] | None:
        """RGB [h, w, 3]. None: no image of that camera that can be read."""


class NoSensors:
    """For a stage that senses nothing."""

    def points(self, row: int) -> NDArray[np.float32] | None:
        raise OcclabelError("the stage reads points and does not say so in `senses`; it breaks its contract")

    def image(self, row: int, camera: str) -> NDArray[np.uint8] | None:
        raise OcclabelError("the stage reads images and does not say so in `senses`; it breaks its contract")


@dataclass(frozen=True, slots=True)
class Inputs:
    """What a stage may see of a log: its clip and ``halo`` frames around it, clipped to the log.

    Row ``i`` of everything belongs to log frame ``first + i``. Arrays are read by their spec: ``inputs[SEMANTICS]`` is
    uint8 [frame, X, Y, Z], ``inputs[DEPTH.on("CAM_FRONT")]`` is float16 [frame, v, u].
    """

    first: int
    frames: tuple[Moment, ...]
    arrays: Mapping[str, NDArray[np.generic]]
    """The arrays in ``reads`` by their stored names; of the nearest stage before this one that writes them, poses,
    intrinsics and extrinsics of the log itself where no stage does."""
    sensors: Sensors = field(default_factory=NoSensors)
    rig: Rig = Rig()
    """Of the whole log; cameras of intrinsics and extrinsics are in its order."""
    past: Mapping[str, NDArray[np.generic]] = field(default_factory=dict)
    """What the stage itself wrote for the ``recalls`` frames before the clip, or for as many as there are."""
    seen: ScanFacts = ScanFacts()
    """What a few scans of the whole log show. A stage whose output depends on it says so in ``fingerprint_extra``."""

    def __getitem__(self, spec: ArraySpec[T]) -> NDArray[T]:
        if spec.name not in self.arrays:
            raise OcclabelError(f"the stage reads {spec.name!r} and does not say so in `reads`; it breaks its contract")
        return cast("NDArray[T]", self.arrays[spec.name].astype(spec.dtype, copy=False))

    def target(self, clip: Clip) -> slice:
        """Where the clip's own frames lie."""
        return slice(clip.start - self.first, clip.stop - self.first)

    def own(self, clip: Clip) -> range:
        """Rows of the clip's own frames."""
        return range(*self.target(clip).indices(len(self.frames)))

    def pose(self, row: int) -> Matrix | None:
        """``world_from_ego`` [4, 4], None where it is not known. Raises BadLog for one that is not rigid."""
        pose = self[POSES][row]
        return None if np.isnan(pose).any() else rigid(pose, f"frame {self.frames[row].name}: pose")

    def world_from_grid(self, row: int, grid: Grid) -> Matrix | None:
        """[4, 4] from ``grid.frame`` to the world; None without a pose."""
        pose = self.pose(row)
        return None if pose is None else pose @ self.frames[row].ego_from_grid(grid)

    def intrinsics(self, row: int, camera: str) -> Matrix | None:
        """K [3, 3] in pixels, None where it is not known."""
        return self._of_camera(INTRINSICS, row, camera)

    def extrinsics(self, row: int, camera: str) -> Matrix | None:
        """``ego_from_camera`` [4, 4], None where it is not known."""
        return self._of_camera(EXTRINSICS, row, camera)

    def points(self, row: int) -> NDArray[np.float32] | None:
        """See ``Sensors``."""
        return self.sensors.points(row)

    def image(self, row: int, camera: str) -> NDArray[np.uint8] | None:
        """See ``Sensors``; decoded anew at each call, so ask once."""
        return self.sensors.image(row, camera)

    def _of_camera(self, spec: ArraySpec[np.float64], row: int, camera: str) -> Matrix | None:
        matrix = self[spec][row, self.rig.names.index(camera)]
        return None if np.isnan(matrix).any() else matrix


Process = Callable[[Clip, Inputs], Arrays]
"""Takes a clip and its inputs, returns the arrays in ``written``, each [clip.frames, ...] as declared, by stored name.
Pure: same input and seed, same bytes; no paths, no clock, no global random state; a frame without input gets the fill
value."""


class Stage(BaseModel, ABC):
    """One step of the chain. The fields of the frozen model are the step's options.

    ``kind`` (a Literal field in each subclass) picks the class in a recipe. What an option means stands in a docstring
    below it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    slot: ClassVar[str]
    """Where in the chain it stands."""
    version: ClassVar[int]
    """Raised when the same options give other output."""
    reads: ClassVar[tuple[ArraySpec[Any], ...]] = ()
    """Arrays that the stage may read; those over images for all cameras."""
    senses: ClassVar[tuple[Sensor, ...]] = ()
    """Raw data that the stage reads from the log."""
    writes: ClassVar[tuple[ArraySpec[Any], ...]]
    """Arrays that the stage may write."""
    exact: ClassVar[bool] = True
    """Whether every kind of hardware gives the same bytes. Otherwise the device is part of the fingerprint."""

    kind: str
    """Its name in a recipe."""

    @property
    def needed(self) -> tuple[ArraySpec[Any], ...]:
        """The arrays that the stage reads with these options."""
        return self.reads

    def without(self, array: str) -> Stage | None:
        """The stage with other options, by which it works without reading ``array``; None where it cannot."""
        return None

    @property
    def written(self) -> tuple[ArraySpec[Any], ...]:
        """The arrays that the stage writes with these options; those over images for all cameras."""
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
    def recalls(self) -> int:
        """Frames before the clip whose own output the stage reads. With any, the clips of a log are done in turn."""
        return 0

    @property
    def own_world(self) -> bool:
        """Whether poses that the stage writes are in a world of their own, and not in that of the log."""
        return False

    def resources(self, space: LabelSpace, rig: Rig, clip_frames: int) -> Resources:
        """What one worker needs for a clip of so many frames."""
        return Resources()

    def files(self, space: LabelSpace) -> tuple[Path, ...]:
        """Files whose content decides the output (weights). Raises OcclabelError when one is missing."""
        return ()

    def fingerprint_extra(self, space: LabelSpace, log: LogFacts) -> str:
        """What else decides the output for ``log`` and is neither an option nor the content of ``files``."""
        return ""

    def refuse(self, space: LabelSpace, rig: Rig | None) -> str | None:
        """Why this stage cannot work in ``space`` on a log with ``rig``, in a sentence, or None. Asked before any
        compute; with None for the rig whether it can work on any log at all."""
        return None

    def doubts(self, space: LabelSpace, log: LogFacts) -> str | None:
        """What of ``log`` the stage will leave out or get wrong though it works, in a sentence, or None. Asked before
        any compute. Raises BadLog when nothing would be left."""
        return None

    def try_out(self, space: LabelSpace, hands: Hands) -> None:
        """Loads what the stage needs and tries it on something made up, where that is somebody else's: once before the
        work of a run, in a process of its own. Raises OcclabelError, in a sentence, when it cannot work in ``space``.
        """

    @abstractmethod
    def setup(self, space: LabelSpace, rig: Rig, hands: Hands) -> Process:
        """Loads what the stage needs, once per worker and rig."""


def places_of(stage: type[Stage]) -> frozenset[str]:
    """Names of the options that are marked as ``PLACE``."""
    return frozenset(name for name, option in stage.model_fields.items() if PLACE in option.metadata)
