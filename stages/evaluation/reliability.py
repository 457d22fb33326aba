"""Whether confidence means what it says: how often labels of each confidence are right."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

BINS = 15


@dataclass(frozen=True, slots=True)
class Reliability:
    """Counts of scored voxels by confidence."""

    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros((2, 256), np.int64))
    """[wrong, right] x confidence byte."""

    def add(self, confidence: NDArray[np.uint8], right: NDArray[np.bool_], scored: NDArray[np.bool_]) -> None:
        """Counts the ``scored`` voxels of a frame; all of one shape, confidence 0..255 for 0..1."""
        joint = right[scored].astype(np.int64) * 256 + confidence[scored]
        self.counts[:] += np.bincount(joint, minlength=512).reshape(2, 256)

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
        0 without voxels."""
        curve = self.curve(bins)
        voxels = max(sum(point["voxels"] for point in curve), 1)
        return sum(abs(point["accuracy"] - point["confidence"]) * point["voxels"] for point in curve) / voxels
