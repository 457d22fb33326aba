"""A label version: the immutable list of the labelled frames that make it up."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import pairwise

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.errors import OcclabelError


class VersionFrame(BaseModel):
    """One labelled frame: where its voxels lie and what they are."""

    model_config = ConfigDict(frozen=True)

    log: str
    index: int
    name: str
    """The frame's name in its data set: ``000042``, or a sample token."""
    slot: str
    fingerprint: str
    """Of the last stage of the chain."""
    digests: dict[str, str]
    """Array name -> digest of the frame's voxels."""
    sources: dict[str, tuple[str, str]] = {}
    """Array name -> slot and fingerprint, where another stage than the last wrote it."""
    damaged: tuple[str, ...] = ()
    """Sensor files of the frame that could not be read."""

    def source(self, array: str) -> tuple[str, str]:
        """Slot and fingerprint of the artifact that holds ``array``."""
        return self.sources.get(array, (self.slot, self.fingerprint))


class GateResult(BaseModel):
    """One gate: what was asked, what was found."""

    model_config = ConfigDict(frozen=True)

    gate: str
    required: float
    found: float

    @property
    def passed(self) -> bool:
        return self.found >= self.required


class VersionInfo(BaseModel):
    """Everything a version says about itself but its frames."""

    model_config = ConfigDict(frozen=True)

    name: str
    created: str
    """UTC, ISO 8601."""
    code: str
    """Version of occlabel that wrote it."""
    recipe: str
    """The effective recipe as YAML."""
    logs: tuple[str, ...]
    frames: int
    missing: dict[str, str]
    """What was planned and has no labels: log or log and clip -> why."""
    gates: tuple[GateResult, ...]
    content_digest: str
    """Digest of the published voxels alone: not of paths, times, machines or clip sizes."""


def content_digest(frames: Iterable[VersionFrame]) -> str:
    """Digest over (log, frame name, array, voxels), sorted. Raises OcclabelError for a frame that is in it twice."""
    rows = sorted((f.log, f.name, name, digest) for f in frames for name, digest in f.digests.items())
    for row, following in pairwise(rows):
        if row[:3] == following[:3]:
            raise OcclabelError(f"frame {row[1]} of log {row[0]} is in the version twice")
    state = hashlib.blake2b(digest_size=16)
    for row in rows:
        state.update("\x00".join(row).encode() + b"\n")
    return state.hexdigest()
