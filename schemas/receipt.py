"""The receipt: proof that one unit of work is committed. No receipt: it never happened."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from occlabel.schemas.stage import Clip


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
    """Seconds that a unit took: fetching inputs, loading models, the work itself, writing and verifying."""

    model_config = ConfigDict(frozen=True)

    load: float = 0.0
    setup: float = 0.0
    process: float = 0.0
    write: float = 0.0

    @property
    def total(self) -> float:
        return self.load + self.setup + self.process + self.write


class Receipt(BaseModel):
    """What one clip of one stage produced. Written once, after its shards were read back and compared."""

    model_config = ConfigDict(frozen=True)

    stage: str
    """Name of the stage in its chain: ``voting``, ``priors.depth``."""
    fingerprint: str
    log: str
    start: int
    stop: int
    names: tuple[str, ...]
    """Of the frames, in the data set."""
    known: tuple[float, ...]
    """Per frame, the share of voxels whose semantics is not unknown; empty for a stage that writes none."""
    digests: dict[str, tuple[str, ...]]
    """Stored array name -> one digest a frame, of the values alone."""
    objects: dict[str, str] = {}
    """Path below the artifact -> tag in the store, of all that holds the clip: the shard of each array and what
    describes it. Empty: nothing lies there, as everything is the fill value."""
    bytes_written: int
    reads: dict[str, tuple[str, str]]
    """Stored array name -> stage and fingerprint of the artifact it was read from; ``log`` where the log wrote it."""
    damaged: tuple[Damage, ...] = ()
    attempt: int
    node: str
    """Name of the machine that did it."""
    timings: Timings

    @property
    def frames(self) -> int:
        return self.stop - self.start

    @property
    def clip(self) -> Clip:
        return Clip(self.log, self.start, self.stop)


class JobReceipt(BaseModel):
    """What one unit of a job (work over a log or a version) produced: its result lies beside, under the same name."""

    model_config = ConfigDict(frozen=True)

    job: str
    fingerprint: str
    unit: str
    frames: int
    digest: str
    """Of the result."""
    damaged: tuple[Damage, ...] = ()
    attempt: int
    node: str
    timings: Timings
