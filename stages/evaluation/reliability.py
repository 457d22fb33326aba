"""Whether confidence means what it says: how often labels of each confidence are right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

BINS = 15
OBSERVED_AS = ("nobody", "passed", "hit")
"""What the values of ``OBSERVED`` are called."""


@dataclass(frozen=True, slots=True)
class Reliability:
    """Counts of scored voxels by confidence."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 256), np.int64))
    """[wrong, right] x confidence byte."""

    def add(self, confidence: NDArray[np.uint8], right: NDArray[np.bool_], scored: NDArray[np.bool_]) -> None:
        """Counts the ``scored`` voxels of a frame; all of one shape, confidence 0..255 for 0..1."""
        joint = right[scored].astype(np.int64) * 256 + confidence[scored]
        self.counts[:] += np.bincount(joint, minlength=512).reshape(2, 256)

    @property
    def voxels(self) -> int:
        """Or points."""
        return int(self.counts.sum())

    def bias(self) -> float:
        """By how much confidence exceeds the share that is right, on the whole; NaN without voxels."""
        said = int(self.counts.sum(axis=0) @ np.arange(256)) / 255
        return (said - int(self.counts[1].sum())) / self.voxels if self.voxels else math.nan

    def curve(self, bins: int = BINS) -> list[dict[str, float]]:
        """Of each bin of equal width that holds any voxel: mean ``confidence``, ``accuracy``, number of ``voxels``."""
        which = np.minimum(np.arange(256) * bins // 255, bins - 1)
        voxels = np.bincount(which, self.counts.sum(axis=0), bins)
        right = np.bincount(which, self.counts[1], bins)
        sure = np.bincount(which, self.counts.sum(axis=0) * np.arange(256) / 255, bins)
        return [
            {"confidence": float(s / n), "accuracy": float(r / n), "voxels": int(n)}
            for s, r, n in zip(sure, right, voxels, strict=True)
            if n
        ]

    def error(self, bins: int = BINS) -> float:
        """Expected calibration error: mean of abs(accuracy - confidence) over voxels, by bins (Guo et al. 2017, eq. 3);
        NaN without voxels."""
        gaps = sum(abs(point["accuracy"] - point["confidence"]) * point["voxels"] for point in self.curve(bins))
        return gaps / self.voxels if self.voxels else math.nan


class ReliabilityByClass:
    """Counts of scored voxels, or points, by their label, its confidence and what was observed. Nearly all of a volume
    is free, and free space is easily right: it would carry a figure over all voxels."""

    def __init__(self, classes: int, free_id: int) -> None:
        self._free_id = free_id
        self.counts = np.zeros((len(OBSERVED_AS) + 1, classes, 2, 256), np.int64)
        """What was observed, last where nobody says x label x [wrong, right] x confidence byte."""

    def add(
        self,
        labels: NDArray[np.uint8],
        confidence: NDArray[np.uint8],
        right: NDArray[np.bool_],
        scored: NDArray[np.bool_],
        observed: NDArray[np.uint8] | None = None,
    ) -> None:
        """Counts the ``scored`` voxels of a frame, whose labels are classes; all of one shape, confidence 0..255 for
        0..1, ``observed`` as ``OBSERVED`` where that is known."""
        joint = (labels[scored].astype(np.int64) * 2 + right[scored]) * 256 + confidence[scored]
        size = self.counts[0].size
        joint += size * (len(OBSERVED_AS) if observed is None else observed[scored].astype(np.int64))
        self.counts += np.bincount(joint, minlength=self.counts.size).reshape(self.counts.shape)

    def whole(self) -> Reliability:
        """Of all scored voxels."""
        return Reliability(self.counts.sum(axis=(0, 1)))

    def occupied(self) -> Reliability:
        """Of those that are labelled occupied."""
        return Reliability(self._occupied().sum(axis=0))

    def by_class(self) -> dict[int, Reliability]:
        """By label, free included, those that any voxel has."""
        return {i: Reliability(count) for i, count in enumerate(self.counts.sum(axis=0)) if count.any()}

    def by_observation(self) -> dict[str, tuple[Reliability, Reliability]]:
        """Of all, and of those that are labelled occupied, by what was observed; where that is known."""
        pairs = zip(OBSERVED_AS, self.counts.sum(axis=1), self._occupied(), strict=False)
        return {name: (Reliability(all_), Reliability(occupied)) for name, all_, occupied in pairs if all_.any()}

    def _occupied(self) -> NDArray[np.int64]:
        """Observed x [wrong, right] x confidence byte."""
        result: NDArray[np.int64] = self.counts.sum(axis=1) - self.counts[:, self._free_id]
        return result

    def facts(self, names: Sequence[str]) -> dict[str, Any]:
        """For JSON, None in place of NaN; ``names`` are those of the classes."""
        whole, occupied = self.whole(), self.occupied()
        return {
            **_facts(whole),
            "curve": whole.curve(),
            "occupied": {**_facts(occupied), "curve": occupied.curve()},
            "observed": {
                name: {**_facts(all_), "occupied": _facts(some)} for name, (all_, some) in self.by_observation().items()
            },
            "per_class": {names[i]: _facts(r) for i, r in self.by_class().items()},
        }


def _facts(found: Reliability) -> dict[str, Any]:
    values = {"error": found.error(), "bias": found.bias()}
    return {**{name: None if math.isnan(value) else value for name, value in values.items()}, "voxels": found.voxels}
