"""What a gate is asked about, and how it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.gates import GateOptions, Gates
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.gates.measure import LogNumbers, Measure, Numbers
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.version import GateResult


class NotJudged(OcclabelError):
    """A gate that cannot be judged, and why."""


@dataclass(frozen=True)
class Case:
    """A version, what was counted of it, and what it is held against."""

    version: PublishedVersion
    gates: Gates
    against: PublishedVersion | None = None
    numbers: Mapping[str, LogNumbers] = field(default_factory=dict)
    """By log."""
    numbers_against: Mapping[str, LogNumbers] = field(default_factory=dict)
    """The same of the other version."""
    workplace: Workplace = Workplace("local")
    """Who scores it against truth."""
    quiet: bool = True

    @property
    def names(self) -> tuple[str, ...]:
        """Of the classes."""
        return self.version.space.taxonomy.names

    def rows(self, measure: Measure) -> Iterator[tuple[str, str, Numbers]]:
        """(log, frame, [columns]) of every row."""
        for log, numbers in self.numbers.items():
            found = numbers.measured[measure.name]
            for place, values in zip(found.frame, found.values, strict=True):
                yield log, numbers.names[place], values

    def view(self, log: str, frame: str | None = None, more: str = "") -> str:
        """The command that draws it."""
        middle = "" if frame is None else f" --frame {frame}"
        return f"occlabel view {self.version.spec} --log {log}{middle}{more} --out look.png"


@dataclass(frozen=True)
class Gate:
    """One gate: what it has counted, and how it judges."""

    name: str
    judge: Callable[[Case, Any], list[GateResult]]
    """Of the case and the gate's options. Raises NotJudged."""
    measures: tuple[Measure, ...] = ()
    """Of the version."""
    against: bool = False
    """Whether it holds the version against another one, of which it has the same counted."""


@dataclass(frozen=True)
class Shares:
    """A share that is counted frame by frame."""

    logs: NDArray[np.str_]
    """[n]"""
    frames: NDArray[np.str_]
    """[n]"""
    part: NDArray[np.float64]
    """[n]"""
    whole: NDArray[np.float64]
    """[n]"""

    @staticmethod
    def of(rows: Iterator[tuple[str, str, Numbers]], lacking: str) -> Shares:
        """Of rows (part, whole). Raises NotJudged, which says what is ``lacking``, where there is nothing to share."""
        told = list(rows)
        values = np.array([row for _, _, row in told], np.float64).reshape(-1, 2)
        if not values[:, 1].sum() > 0:
            raise NotJudged(lacking)
        logs, frames = (np.array([row[n] for row in told], np.str_) for n in (0, 1))
        return Shares(logs, frames, values[:, 0], values[:, 1])

    @property
    def share(self) -> float:
        return float(self.part.sum() / self.whole.sum())

    def worst_log(self, high: bool = True) -> tuple[str, float]:
        """The log whose share is the highest, or the lowest."""
        found = {}
        for log in np.unique(self.logs):
            mine = self.logs == log
            if self.whole[mine].sum() > 0:
                found[str(log)] = float(self.part[mine].sum() / self.whole[mine].sum())
        return (max if high else min)(found.items(), key=lambda item: item[1])

    def worst_frame(self, log: str, high: bool = True) -> tuple[str, float]:
        """The frame of the log; one of which next to nothing was counted is none."""
        mine = np.flatnonzero((self.logs == log) & (self.whole >= 0.1 * self.whole.mean()))
        if not len(mine):
            mine = np.flatnonzero((self.logs == log) & (self.whole > 0))
        shares = self.part[mine] / self.whole[mine]
        place = int(shares.argmax() if high else shares.argmin())
        return str(self.frames[mine[place]]), float(shares[place])


def answer(
    name: str, options: GateOptions, found: float | None, said: str, look: str = "", held: bool | None = None
) -> GateResult:
    """What a gate with one threshold found."""
    bound, required = options.bound
    return GateResult(
        gate=name, required=required, found=found, bound=bound, action=options.action, held=held, said=said, look=look
    )


def percent(share: float) -> str:
    return f"{100 * share:.2f}%"
