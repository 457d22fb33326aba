"""What a report says, before it is a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from occlabel.pipeline.delivery.report.look import Look
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.compare.compare import Comparison
from occlabel.pipeline.quality.evaluation import Evaluation
from occlabel.pipeline.running.history import RunState
from occlabel.pipeline.running.quarantine import QuarantineEntry
from occlabel.schemas.version import GateResult


@dataclass(frozen=True)
class Shown:
    """One frame in pictures."""

    log: str
    name: str
    why: str
    """It is shown, in a few words."""
    volumes: dict[str, str]
    """``now``, and where there are such ``before`` and ``truth`` -> ``volumes.packed``."""
    cameras: tuple[tuple[str, str], ...]
    """Words and picture (JPEG in base64) of each camera."""
    car: tuple[float, float, float, float]
    """Where the own car stands in the grid, x and y [m], and its heading there as x and y of a unit vector."""


@dataclass(frozen=True)
class Cost:
    """Of one stage in the run that made the version."""

    stage: str
    frames: int
    """That were done in it; the others lay in the store."""
    seconds: float
    """Of workers for a frame."""
    parts: dict[str, float]
    """``load``, ``setup``, ``process`` and ``write``, of the same."""


@dataclass
class Report:
    """Everything about a version ``b``, beside a version ``a`` where there is one."""

    version: PublishedVersion
    gates: tuple[GateResult, ...]
    look: Look
    evaluation: Evaluation | None = None
    comparison: Comparison | None = None
    run: RunState | None = None
    """The newest that was for this version."""
    quarantine: tuple[QuarantineEntry, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Entries of the quarantine that cannot be read, as sentences."""
    shown: list[Shown] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What could not be shown, in sentences."""

    @property
    def sound(self) -> bool:
        """Whether everything that was asked for could be read."""
        parts = (part for part in (self.evaluation, self.comparison) if part is not None)
        return not self.look.damaged and all(part.sound for part in parts)

    @property
    def costs(self) -> list[Cost]:
        """By stage, in the order of the chain."""
        stages = () if self.run is None else self.run.stages
        parts = ("load", "setup", "process", "write")
        return [
            Cost(s.stage, s.frames, s.seconds / s.frames, {part: getattr(s, part) / s.frames for part in parts})
            for s in stages
            if s.frames
        ]

    @property
    def measures(self) -> dict[str, Any]:
        """Range -> what ``occlabel evaluate --json`` says of it."""
        return {} if self.evaluation is None else self.evaluation.facts()["scores"]
