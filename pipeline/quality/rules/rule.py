"""What a rule is."""

from __future__ import annotations

from typing import Protocol

from occlabel.pipeline.published.labelled_log import LabelledFrame, LabelledLog
from occlabel.stages.evaluation.confusion import Counts


class Rule(Protocol):
    """Counts over the frames of one log after the other; counts of several logs, made apart, merge."""

    name: str

    def begin(self, log: LabelledLog) -> None:
        """The next frames are those of ``log``."""

    def add(self, frame: LabelledFrame) -> None:
        """Raises BadPredictions for labels that cannot be scored, DamagedFile for truth that cannot be read."""

    def end(self) -> None:
        """There are no more frames of the log."""

    def state(self) -> Counts:
        """What was counted."""

    def merge(self, state: Counts) -> None:
        """Adds what the same rule counted of another log."""


def prefixed(prefix: str, counts: Counts) -> Counts:
    """The counts of a part of a rule, so that they can lie beside those of others."""
    return {f"{prefix} {name}": array for name, array in counts.items()}


def part(prefix: str, counts: Counts) -> Counts:
    """Those that ``prefixed`` laid there."""
    return {name.removeprefix(f"{prefix} "): array for name, array in counts.items() if name.startswith(f"{prefix} ")}
