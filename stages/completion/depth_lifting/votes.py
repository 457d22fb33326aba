"""Votes of the images around a frame on its voxels: how many saw a surface there or saw through, and of which class."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.sensing.depth_images import SURE, DepthImage, Tally

_OWN = 4
"""The frame's own images say so many times as loudly as those around of which class a voxel is."""
_SURFACE = 0.2
"""Share of the images that saw a voxel at all which must have seen a surface in it, for it to be occupied: those that
graze an edge see past it."""
_MOST = 1 << 20
"""Voxels in which classes are counted."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Points on what an image shows, in the ego frame of its own frame."""

    points: NDArray[np.float32]
    """[n, 3]."""
    classes: NDArray[np.uint8]
    """[n]; UNKNOWN where no segment says."""
    sure: NDArray[np.uint8]
    """[n], 1..``SURE``: of how far away it is."""
    scores: NDArray[np.uint8]
    """[n], 1..255: of its class."""


@dataclass(frozen=True, slots=True)
class Lifted:
    """One image put back into space."""

    image: DepthImage
    whole: Surface
    still: Surface
    """Of it what cannot move, and is there in other frames too."""
    moving: NDArray[np.bool_]
    """[v, u]: elements of what can."""


def lifted(image: DepthImage, whole: Surface, classes: NDArray[np.uint8], space: LabelSpace) -> Lifted:
    """``classes`` [v, u] are those of the image."""
    movable = movable_ids(space)
    still = ~movable[whole.classes]
    rest = Surface(whole.points[still], whole.classes[still], whole.sure[still], whole.scores[still])
    return Lifted(image, whole, rest, movable[classes])


def movable_ids(space: LabelSpace) -> NDArray[np.bool_]:
    """By class id, [256]."""
    result = np.zeros(256, np.bool_)
    result[[one.id for one in space.taxonomy.classes if one.movable]] = True
    return result


class Votes:
    """On the voxels of one frame at a time."""

    def __init__(self, space: LabelSpace) -> None:
        self._space, self._tally = space, Tally(space.grid)
        self._movable = movable_ids(space)
        self._slots = np.zeros(space.grid.voxels, np.int32)
        self._counts = np.zeros((min(_MOST, space.grid.voxels), len(space.taxonomy.classes)), np.uint32)
        self._used = 0

    def forget(self) -> None:
        """All that was heard, so that another frame can be voted on."""
        self._tally.forget()
        self._slots.fill(0)
        self._counts[: self._used] = 0
        self._used = 0

    def hear(self, images: Iterable[Lifted], grid_from_ego: Matrix, own: bool) -> None:
        """Images of the frame itself, which come first, or of another, whose movable things are not here any more: what
        it sees through where the frame itself sees one, the thing may have filled by now."""
        for image in images:
            surface = image.whole if own else image.still
            cells = self._tally.add(
                image.image, surface.points, surface.sure, grid_from_ego, image.moving if own else None
            )
            weight = surface.sure, surface.scores, _OWN if own else 1
            self._used = _count(cells, surface.classes, *weight, self._slots, self._counts, self._used)

    def counted(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Semantics and confidence [X, Y, Z]; UNKNOWN what no image saw, and surfaces whose class no segment says.

        Occupied is what enough of the images saw a surface in, and whatever the frame itself says can move there: other
        frames saw through its place before it came. Confidence is the share of the images that agree, with one that
        does not, times that of the votes for the class: no probability.
        """
        grid = self._space.grid
        semantics, confidence = np.full(grid.voxels, UNKNOWN, np.uint8), np.zeros(grid.voxels, np.uint8)
        _decide(
            self._tally.hits.ravel(), self._tally.passed.ravel(), self._slots, self._counts, self._movable,
            self._space.taxonomy.free_id, _SURFACE, semantics, confidence,
        )  # fmt: skip
        return semantics.reshape(grid.shape), confidence.reshape(grid.shape)


@numba.njit(cache=True, nogil=True)
def _count(cells, classes, sure, scores, loud, slots, counts, used):  # type: ignore[no-untyped-def]
    """Adds the weights of points to ``counts`` [slot, class]; ``slots`` [voxel] hold 1 + the slot. Returns how many are
    used."""
    for n in range(len(cells)):
        cell = cells[n]
        if cell < 0 or classes[n] == UNKNOWN:
            continue
        if slots[cell] == 0:
            if used == len(counts):
                continue
            used += 1
            slots[cell] = used
        counts[slots[cell] - 1, classes[n]] += loud * max((int(sure[n]) * int(scores[n])) // SURE, 1)
    return used


@numba.njit(cache=True, nogil=True)
def _decide(hits, passed, slots, counts, movable, free, least, semantics, confidence):  # type: ignore[no-untyped-def]
    for cell in range(len(hits)):
        hit, through = int(hits[cell]), int(passed[cell])
        if hit == 0 and through == 0:
            continue
        if hit > 0:
            best, total = 0, 0
            if slots[cell] > 0:
                votes = counts[slots[cell] - 1]
                for one in range(len(votes)):
                    total += votes[one]
                    if votes[one] > votes[best]:
                        best = one
            moves = total > 0 and movable[best]
            if moves or hit >= least * (hit + through):
                if total > 0:
                    among = hit + SURE if moves else hit + through + SURE
                    semantics[cell] = best
                    confidence[cell] = int(255 * hit * votes[best] / (among * total) + 0.5)
                continue
        semantics[cell] = free
        confidence[cell] = int(255 * through / (hit + through + SURE) + 0.5)
