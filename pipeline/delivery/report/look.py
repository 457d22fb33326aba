"""What a version's labels are made of, and which of its frames are most worth a look: read a frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.version import PublishedFrame, PublishedVersion
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.schemas.taxonomy import UNKNOWN

_HALF = 128
"""A confidence byte below it is less than a half."""


@dataclass
class Look:
    """Sums over the frames that were read."""

    classes: NDArray[np.int64]
    """Voxels of each class; the last is unknown."""
    read: list[tuple[str, str]] = field(default_factory=list)
    """(log, frame)"""
    doubtful: int = 0
    """Voxels labelled occupied of which the labels are less than half sure."""
    damaged: list[str] = field(default_factory=list)
    """A sentence for each frame that cannot be read."""
    doubts: dict[tuple[str, str], float] = field(default_factory=dict)
    """(log, frame) -> share of the voxels labelled occupied of which the labels are less than half sure."""

    @property
    def unknown(self) -> float:
        """Share of all voxels."""
        return float(self.classes[-1] / max(self.classes.sum(), 1))

    def occupied(self, free: int) -> int:
        return int(self.classes[:-1].sum() - self.classes[free])


def look_at(version: PublishedVersion, frames: Sequence[PublishedFrame], note: Callable[[str], None]) -> Look:
    """Reads the ``frames`` of the version. A frame that cannot be read costs that frame. Raises StoreAway."""
    taxonomy = version.space.taxonomy
    size, sure = len(taxonomy.classes), CONFIDENCE.name in version.info.arrays
    found = Look(np.zeros(size + 1, np.int64))
    for place, frame in enumerate(frames):
        if place and place % 50 == 0:
            note(f"looked at {place} of {len(frames)} frames")
        try:
            semantics = frame[SEMANTICS]
            confidence = frame[CONFIDENCE] if sure else None
        except StoreAway:
            raise
        except StoreError as error:
            found.damaged.append(f"log {frame.log}, frame {frame.name}: {error}")
            continue
        found.read.append((frame.log, frame.name))
        counts = np.bincount(semantics.ravel(), minlength=256)
        found.classes += [*counts[:size], counts[UNKNOWN]]
        if confidence is not None:
            occupied = (semantics != taxonomy.free_id) & (semantics != UNKNOWN)
            doubtful = int((occupied & (confidence < _HALF)).sum())
            found.doubtful += doubtful
            found.doubts[frame.log, frame.name] = doubtful / max(int(occupied.sum()), 1)
    return found


def spread(frames: Sequence[PublishedFrame], most: int) -> list[PublishedFrame]:
    """At most so many of them, evenly drawn."""
    places = np.unique(np.linspace(0, len(frames) - 1, min(most, len(frames))).round().astype(int))
    return [frames[place] for place in places.tolist()]


def apart(ranked: Sequence[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """The first of ``ranked`` (log, frame), log by log in turn: the worst of each log before the second worst of any,
    so that one bad log does not hide the others."""
    turns: dict[str, int] = {}
    order = []
    for rank, (log, name) in enumerate(ranked):
        turns[log] = turns.get(log, -1) + 1
        order.append((turns[log], rank, (log, name)))
    return [place for _, _, place in sorted(order)[:most]]
