"""A label version: the immutable list of the labelled frames that make it up, and all that a reader needs to know."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.arrays import ArraySpec
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace


class ArrayPlace(BaseModel):
    """Where an array of one frame lies, and what it holds."""

    model_config = ConfigDict(frozen=True)

    path: str
    """Of the zarr v3 array in the store; the frame is row ``index`` of it."""
    digest: str
    """Of the frame's values."""


class VersionFrame(BaseModel):
    """One labelled frame: where it was, where its arrays lie and what they hold."""

    model_config = ConfigDict(frozen=True)

    log: str
    index: int
    """Place in its log, and row of its arrays."""
    name: str
    """The frame's name in its data set: ``000042``, or a sample token."""
    time: float = 0.0
    """Seconds, on the log's clock."""
    world_from_ego: tuple[float, ...] | None = None
    """The pose that the labels were made with: a [4, 4] matrix, row by row; None where it is not known."""
    ego_from_grid: tuple[float, ...] | None = None
    """From the frame that the grid is fixed to: a [4, 4] matrix, row by row; None: the identity."""
    arrays: dict[str, ArrayPlace]
    damaged: tuple[str, ...] = ()
    """Sensor files of the frame that could not be read."""
    scan_bytes: int | None = None
    """Size of the file of the scan that was labelled; None where there was none, or it was part of a larger file."""

    @property
    def world_from_grid(self) -> Matrix | None:
        """[4, 4] from the frame that the grid is fixed to into the world; None without a pose."""
        if self.world_from_ego is None:
            return None
        return np.array(self.world_from_ego).reshape(4, 4) @ self.ego_from_grid_matrix

    @property
    def ego_from_grid_matrix(self) -> Matrix:
        """``ego_from_grid`` as [4, 4]."""
        return np.eye(4) if self.ego_from_grid is None else np.array(self.ego_from_grid).reshape(4, 4)


class GateResult(BaseModel):
    """One gate: what was asked, what was found."""

    model_config = ConfigDict(frozen=True)

    gate: str
    """``min_known``, ``drift``, ``score.min_miou``."""
    required: float
    found: float | None
    """None where it could not be judged; ``said`` has why."""
    bound: Literal["least", "most"] = "least"
    """Whether ``required`` is the least or the most that passes."""
    action: Literal["block", "warn"] = "block"
    held: bool | None = None
    """Whether it passes, where that is not for the two numbers alone to say: a change that is noise passes."""
    said: str = ""
    """What is worst and by how much, as a sentence."""
    look: str = ""
    """A command that shows it."""

    @property
    def passed(self) -> bool:
        if self.held is not None or self.found is None:
            return bool(self.held)
        return self.found >= self.required if self.bound == "least" else self.found <= self.required

    @property
    def blocks(self) -> bool:
        """Whether the version must not be the latest for it."""
        return not self.passed and self.action == "block"

    def sentence(self) -> str:
        """``drift: 0.412, at most 0.1: car is ...``"""
        found = "not judged" if self.found is None else f"{self.found:.3g}"
        said = f": {self.said}" if self.said else ""
        return f"{self.gate}: {found}, at {self.bound} {self.required:g}{said}"


class PublishedArray(BaseModel):
    """One array of a version: what it is, and which stage wrote it."""

    model_config = ConfigDict(frozen=True)

    stage: str
    """Name in the chain: ``voting``, ``priors.depth``."""
    facts: dict[str, Any]
    """Of ``ArraySpec``: name, dtype, fill, meaning, dims, stride and so on."""

    @property
    def spec(self) -> ArraySpec[Any]:
        return ArraySpec.from_facts(self.facts)


class StepOrigin(BaseModel):
    """What decided the output of one stage beside its options."""

    model_config = ConfigDict(frozen=True)

    version: int
    """Of the stage's code: raised whenever the same options give other output."""
    files: dict[str, str] = {}
    """Name of each file whose content decides the output (weights) -> digest of that content."""


class LogOrigin(BaseModel):
    """What one log was when it was labelled."""

    model_config = ConfigDict(frozen=True)

    content: str
    """Digest of everything that a stage may read from it; a copy of the log has the same."""
    geometry: str
    """Digest of the poses, calibration and times that the log has written itself."""
    extra: dict[str, str] = {}
    """Stage -> what else decided its output for this log, as stored predictions do."""


class Provenance(BaseModel):
    """How a version came about: for people and for comparisons, never needed to read it."""

    model_config = ConfigDict(frozen=True)

    code: str
    """Version of occlabel that wrote it."""
    recipe: str
    """The effective recipe as YAML text."""
    steps: dict[str, StepOrigin] = {}
    """By name in the chain: ``voting``, ``priors.depth``. Empty in versions that were published before it was kept."""
    logs: dict[str, LogOrigin] = {}
    """Of the logs that were planned. Empty as above."""
    device: str | None = None
    """What stages that use a GPU ran on; it decides the voxels of those that are not exact."""
    base: str | None = None
    """Name of the version whose other logs are in it by reference."""


class Changelog(BaseModel):
    """What changed since the version before, as it was said when the version was published."""

    model_config = ConfigDict(frozen=True)

    since: str
    """Name of the version before: the base, or what was the latest. Empty where that could not be read."""
    content_digest: str
    """Of that version: the name may have been given to another one since."""
    sentences: tuple[str, ...]


class VersionInfo(BaseModel):
    """Everything a version says about itself but its frames."""

    model_config = ConfigDict(frozen=True)

    layout: Literal["occlabel version, layout 2"] = "occlabel version, layout 2"
    name: str
    created: str
    """UTC, ISO 8601."""
    space: LabelSpace
    arrays: dict[str, PublishedArray]
    """By stored name."""
    logs: tuple[str, ...]
    cameras: dict[str, tuple[str, ...]] = {}
    """Log -> names of its cameras, where it has any."""
    worlds: dict[str, str] = {}
    """Log -> name of the frame that its poses are in, where other logs may share it."""
    frames: int
    planned: int | None = None
    """Frames that were to be labelled. None in versions that were published before it was kept."""
    missing: dict[str, str]
    """What was planned and has no labels: log or log and clip -> why."""
    gates: tuple[GateResult, ...]
    content_digest: str
    """Digest of the published values alone: not of paths, times, machines or clip sizes."""
    provenance: Provenance
    changes: Changelog | None = None
    """None for the first version of its store, and for one that was published before this was kept."""

    @cached_property
    def specs(self) -> dict[str, ArraySpec[Any]]:
        """The published arrays by stored name."""
        return {name: array.spec for name, array in self.arrays.items()}


def content_digest(frames: Iterable[VersionFrame]) -> str:
    """Digest over (log, frame name, array, values), sorted. Raises OcclabelError for a frame that is in it twice."""
    rows = sorted((f.log, f.name, name, place.digest) for f in frames for name, place in f.arrays.items())
    for row, following in pairwise(rows):
        if row[:3] == following[:3]:
            raise OcclabelError(f"frame {row[1]} of log {row[0]} is in the version twice")
    state = hashlib.blake2b(digest_size=16)
    for row in rows:
        state.update("\x00".join(row).encode() + b"\n")
    return state.hexdigest()
