"""Segments of a frame, and how much those of the prediction and of the truth overlap: what panoptic scores count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

_ID_BITS = 32


class Labels(NamedTuple):
    """Panoptic labels of elements (voxels, points, rays); both arrays are of one shape."""

    semantics: NDArray[np.uint8]
    """Class ids."""
    instance: NDArray[np.integer[Any]]
    """Ids within the class, 0..2^32 - 1. Elements of one class and one id are a segment; id 0 is an id like another."""


class Segments(NamedTuple):
    """The segments of a frame, in the order of class and id: int64 arrays [n]."""

    classes: NDArray[np.int64]
    ids: NDArray[np.int64]
    sizes: NDArray[np.int64]
    """Elements in each."""


@dataclass(frozen=True, slots=True)
class Overlaps:
    """``n`` pairs of a predicted and a true segment, of any classes, that share elements."""

    predicted: Segments
    true: Segments
    pairs: NDArray[np.int64]
    """[n, 2] places in ``predicted`` and ``true``."""
    shared: NDArray[np.int64]
    """[n] elements in both."""

    def ious(self) -> NDArray[np.float64]:
        """Intersection over union of each pair, [n]."""
        sizes = self.predicted.sizes[self.pairs[:, 0]] + self.true.sizes[self.pairs[:, 1]]
        return self.shared / (sizes - self.shared)

    def within_class(self) -> Overlaps:
        """Only the pairs of one class."""
        same = self.predicted.classes[self.pairs[:, 0]] == self.true.classes[self.pairs[:, 1]]
        return Overlaps(self.predicted, self.true, self.pairs[same], self.shared[same])


def overlaps(
    predicted: Labels, true: Labels, segmented: NDArray[np.bool_], agree: NDArray[np.bool_] | None = None
) -> Overlaps:
    """The segments of two labellings [n] of the same elements and how they overlap.

    ``segmented`` bool [256] tells which classes have segments. ``agree`` bool [n]: elements without it count in the
    sizes of their segments and are not shared.
    """
    # Most voxels of a frame are free on both sides: they are left out before anything is sorted.
    kept = segmented[predicted.semantics] | segmented[true.semantics]
    found, which = _segments(predicted, segmented, kept)
    expected, what = _segments(true, segmented, kept)
    both = (which >= 0) & (what >= 0)
    if agree is not None:
        both &= agree[kept]
    cells, shared = np.unique(which[both] * max(len(expected.ids), 1) + what[both], return_counts=True)
    pairs = np.stack(np.divmod(cells, max(len(expected.ids), 1)), axis=1)
    return Overlaps(found, expected, pairs, shared.astype(np.int64))


def _segments(
    labels: Labels, segmented: NDArray[np.bool_], kept: NDArray[np.bool_]
) -> tuple[Segments, NDArray[np.int64]]:
    """The segments among the elements that are ``kept``, and of each of those its segment's place, -1 for none."""
    semantics = labels.semantics[kept]
    key = semantics.astype(np.int64) << _ID_BITS
    key |= labels.instance[kept].astype(np.int64)
    key[~segmented[semantics]] = -1
    keys, place, sizes = np.unique(key, return_inverse=True, return_counts=True)
    none = int(len(keys) > 0 and keys[0] < 0)
    keys, sizes = keys[none:], sizes[none:].astype(np.int64)
    return Segments(keys >> _ID_BITS, keys & ((1 << _ID_BITS) - 1), sizes), place.reshape(-1) - none
