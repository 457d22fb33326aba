"""Segments that overlap, as models find them, made into one class, instance and score per pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy

_SAME = 0.5
"""A thing that shares more than this of its pixels with a surer one of its class is that one, found a second time."""
_MOST_INSTANCES = 65535


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """What a model says of some pixels."""

    mask: NDArray[np.bool_]
    """[v, u]."""
    class_id: int
    score: float
    """0..1."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelSegments:
    """One image, [v, u] each: see ``SEGMENT_CLASS``, ``SEGMENT_INSTANCE``, ``SEGMENT_SCORE``."""

    classes: NDArray[np.uint8]
    instances: NDArray[np.uint16]
    scores: NDArray[np.uint8]


def nothing(shape: tuple[int, int]) -> PixelSegments:
    """Of an image in which nobody found anything."""
    return PixelSegments(np.full(shape, UNKNOWN, np.uint8), np.zeros(shape, np.uint16), np.zeros(shape, np.uint8))


def flattened(segments: Sequence[Segment], shape: tuple[int, int], taxonomy: Taxonomy) -> PixelSegments:
    """Each pixel of [v, u] = ``shape`` is its surest segment's; of equal scores, as the arrays hold them (0..255), the
    one that stands first.

    Things are numbered 1, 2, ... from the surest to the least sure, those of which no pixel is left not at all. A thing
    that mostly lies on a surer one of its class gets that one's number. Raises OcclabelError for a class that is not in
    the taxonomy, a mask of another shape and a score outside 0..1.
    """
    for segment in segments:
        _check(segment, shape, taxonomy)
    result = nothing(shape)
    scores = [as_byte(segment.score) for segment in segments]
    last = 0
    for index in sorted(range(len(segments)), key=lambda index: (-scores[index], index)):
        segment = segments[index]
        free = segment.mask & (result.classes == UNKNOWN)
        if not free.any():
            continue
        result.classes[free] = segment.class_id
        result.scores[free] = scores[index]
        if taxonomy.classes[segment.class_id].thing:
            number = _found_before(segment, result)
            if number is None:
                last = number = last + 1
            if number > _MOST_INSTANCES:
                raise OcclabelError(f"an image has more than {_MOST_INSTANCES} instances; raise the score threshold")
            result.instances[free] = number
    return result


def as_byte(score: float) -> int:
    """0..1 as the arrays hold it."""
    return int(np.rint(score * 255))


def _found_before(segment: Segment, result: PixelSegments) -> int | None:
    """The instance of the same class that most of the segment's pixels are of already."""
    taken = result.instances[segment.mask & (result.classes == segment.class_id)]
    counts = np.bincount(taken[taken > 0])
    if len(counts) and int(counts.max()) > _SAME * int(segment.mask.sum()):
        return int(counts.argmax())
    return None


def _check(segment: Segment, shape: tuple[int, int], taxonomy: Taxonomy) -> None:
    if segment.mask.shape != shape or segment.mask.dtype != np.bool_:
        raise OcclabelError(f"a mask is {segment.mask.dtype}{list(segment.mask.shape)}, expected bool{list(shape)}")
    if not 0 <= segment.class_id < len(taxonomy.classes):
        raise OcclabelError(f"a segment is of class {segment.class_id}, which {taxonomy.name} does not have")
    if not 0 <= segment.score <= 1:  # NaN as well
        raise OcclabelError(f"a segment has the score {segment.score}; scores are 0..1")
