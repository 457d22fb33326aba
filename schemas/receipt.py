"""The receipt: proof that one clip of one stage is committed. No receipt: it never happened."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Damage(BaseModel):
    """One sensor file that could not be read; its frame was labelled without it."""

    model_config = ConfigDict(frozen=True)

    frame: int
    """Index in the log."""
    name: str
    """The frame's name in the data set."""
    sensor: str
    error: str


class Timings(BaseModel):
    """Seconds that a clip took: fetching inputs, loading models, the stage itself, writing and verifying."""

    model_config = ConfigDict(frozen=True)

    load: float
    setup: float
    process: float
    write: float

    @property
    def total(self) -> float:
        return self.load + self.setup + self.process + self.write


class Receipt(BaseModel):
    """What one clip of one stage produced. Written once, after its shards were read back and compared."""

    model_config = ConfigDict(frozen=True)

    slot: str
    fingerprint: str
    log: str
    start: int
    stop: int
    frames: tuple[str, ...]
    """Names of the frames in the data set."""
    known: tuple[float, ...]
    """Per frame, the share of voxels whose semantics is not unknown."""
    digests: dict[str, tuple[str, ...]]
    """Array name -> one digest a frame, of the voxels alone."""
    bytes_written: int
    reads: dict[str, str]
    """Array name -> fingerprint of the artifact it was read from."""
    damaged: tuple[Damage, ...] = ()
    attempt: int
    timings: Timings
