"""What is counted of a log for gates: a few rows of numbers a frame, whatever the thresholds are."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.quality.gates.look import Look
from occlabel.schemas.arrays import ArraySpec
from occlabel.schemas.errors import StoreAway, StoreError

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Measure:
    """One thing that is counted."""

    name: str
    reads: tuple[ArraySpec[Any], ...]
    """Arrays that a version must publish."""
    count: Callable[[Look], Numbers]
    """Rows [n, columns] of a frame; n may be 0."""


@dataclass(frozen=True)
class Rows:
    """What one measure found in a log."""

    frame: NDArray[np.int64]
    """[n]: place in ``names`` of the frame that a row is of."""
    values: Numbers
    """[n, columns]"""


@dataclass(frozen=True)
class LogNumbers:
    """What all measures found in a log."""

    names: tuple[str, ...]
    """Of the frames."""
    damaged: tuple[str, ...]
    """A sentence for each frame that could not be read."""
    measured: dict[str, Rows]

    def to_bytes(self) -> bytes:
        about = {"names": self.names, "damaged": self.damaged, "measured": list(self.measured)}
        arrays: dict[str, Any] = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
        for index, rows in enumerate(self.measured.values()):
            arrays |= {f"frame {index}": rows.frame, f"values {index}": rows.values}
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> LogNumbers:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            found = {name: Rows(file[f"frame {i}"], file[f"values {i}"]) for i, name in enumerate(about["measured"])}
            return LogNumbers(tuple(about["names"]), tuple(about["damaged"]), found)


def measure_log(version: PublishedVersion, log: str, measures: Sequence[Measure]) -> LogNumbers:
    """A frame at a time, in time; two are held at once. One that cannot be read costs that frame. Raises StoreAway."""
    names, damaged = [], []
    found: dict[str, list[Numbers]] = {measure.name: [] for measure in measures}
    before: Look | None = None
    for frame in version.frames(log):
        look = Look(frame, version.space, before)
        try:
            for spec in {spec.name: spec for measure in measures for spec in measure.reads}.values():
                look[spec]  # all of them first: what a measure reads late would be said of the next frame
            rows = {measure.name: measure.count(look) for measure in measures}
        except StoreAway:
            raise
        except StoreError as error:
            damaged.append(f"log {log}, frame {frame.name}: {error}")
            before = None
            continue
        for name, values in rows.items():
            found[name].append(values)
        names.append(frame.name)
        look.before, before = None, look
    return LogNumbers(tuple(names), tuple(damaged), {name: _stacked(values) for name, values in found.items()})


def _stacked(values: list[Numbers]) -> Rows:
    lengths = [len(rows) for rows in values]
    stacked = np.concatenate(values) if values else np.zeros((0, 0))
    return Rows(np.repeat(np.arange(len(values)), lengths), np.asarray(stacked, np.float64))
