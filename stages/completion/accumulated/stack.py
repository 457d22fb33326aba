"""Sweeps stacked into the grid of one frame: occupied where points fell, free where rays passed, unknown elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.accumulated.sweeps import Prepared
from occlabel.stages.completion.slot import Prediction, as_byte
from occlabel.stages.sensing.rays import crossings

_OTHERS, _OWN, _OBJECT = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Part:
    """Points in the frame of the target's grid."""

    points: NDArray[np.float32]
    """[n, 3]."""
    classes: NDArray[np.uint8]
    """[n]."""
    whose: int
    """``_OWN``: of the target's own sweep; ``_OBJECT``: seen by another and put back; else ``_OTHERS``."""


def stacked(own: Prepared, others: Sequence[Prepared]) -> list[Part]:
    """The points of the own sweep; what of the others is still; and what other sweeps saw of the objects that the own
    frame has a box of, moved to where that box is."""
    parts = [Part(own.points, own.classes, _OWN)]
    for other, own_from_other in _posed(own, others):
        parts.append(Part(_moved(own_from_other, other.points[other.still]), other.classes[other.still], _OTHERS))
        parts.extend(_put_back(own, other))
    return parts


def volume(own: Prepared, others: Sequence[Prepared], parts: Sequence[Part], space: LabelSpace) -> Prediction:
    """Semantics and confidence [X, Y, Z].

    A voxel that points fell into has the class of most of them, though rays passed it too. Whether it is one that can
    move is for the own frame to say: only its own movable points count, and those of its objects, and they win where
    they are more than its own others. Voxels all of whose points nobody has a class for take that of the nearest voxel
    of a class that stays. A voxel that k of n points or rays say the class of has the confidence k / (n + 1); a
    borrowed class 1 / (1 + voxels to where it was borrowed) of the lender's.
    """
    grid, classes = space.grid, len(space.taxonomy.classes)
    slots = np.full(grid.voxels, -1, np.int32)
    cells = [_cells(part.points, np.array(grid.origin), grid.voxel_size, np.array(grid.shape), slots) for part in parts]
    voxels = np.flatnonzero(slots == 0)
    slots[voxels] = np.arange(len(voxels))
    tallies, still = np.zeros((len(voxels), classes + 1), np.int32), np.zeros(len(voxels), np.int32)
    movable = np.array([c.movable for c in space.taxonomy.classes])
    for part, cell in zip(parts, cells, strict=True):
        _count(cell, np.minimum(part.classes, classes), part.whose == _OWN, movable, slots, tallies, still)
    named, share = _named(tallies, still, movable)
    named, share = _borrowed(voxels, named, share, movable, grid)
    semantics, confidence = _free(_passed(own, others, grid), space)
    semantics.ravel()[voxels], confidence.ravel()[voxels] = named, as_byte(share)
    return semantics, confidence


def _passed(own: Prepared, others: Sequence[Prepared], grid: Grid) -> NDArray[np.uint8]:
    counts = crossings(own.points, own.sensor, grid)
    for other, own_from_other in _posed(own, others):
        sensor = transform_points(own_from_other, other.sensor[None])[0]
        crossings(_moved(own_from_other, other.points), sensor, grid, counts)
    return counts


def _posed(own: Prepared, others: Sequence[Prepared]) -> Iterator[tuple[Prepared, Matrix]]:
    """Those of which it is known where they were, and own_from_other."""
    for other in others:
        if own.world_from_grid is not None and other.world_from_grid is not None:
            yield other, inverse(own.world_from_grid) @ other.world_from_grid


def _put_back(own: Prepared, other: Prepared) -> Iterator[Part]:
    there = {box.instance: index for index, box in enumerate(other.boxes)}
    for box in own.boxes:
        index = there.get(box.instance)
        mine = None if index is None else np.flatnonzero(other.objects == index)
        if index is not None and mine is not None and mine.size:
            own_from_other = box.grid_from_box @ inverse(other.boxes[index].grid_from_box)
            yield Part(_moved(own_from_other, other.points[mine]), other.classes[mine], _OBJECT)


def _moved(target_from_source: Matrix, points: NDArray[np.float32]) -> NDArray[np.float32]:
    rotation, shift = target_from_source[:3, :3].astype(np.float32), target_from_source[:3, 3].astype(np.float32)
    return points @ rotation.T + shift


def _free(passed: NDArray[np.uint8], space: LabelSpace) -> Prediction:
    rays = np.arange(256)
    semantics = np.where(passed > 0, np.uint8(space.taxonomy.free_id), np.uint8(UNKNOWN))
    return semantics, as_byte(rays / (rays + 1))[passed]


def _named(
    tallies: NDArray[np.int32], still: NDArray[np.int32], movable: NDArray[np.bool_]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Class and share [n] by ``tallies`` [n, classes + 1] of points, the last of no class, and the own ``still``."""
    known = tallies[:, :-1]
    moving = known[:, movable].sum(axis=1)
    moves = (moving > still) | ((moving > 0) & (moving == known.sum(axis=1)))
    counted = np.where(moves[:, None] == movable, known, 0)
    best, total = counted.argmax(axis=1), counted.sum(axis=1)
    share = counted[np.arange(len(best)), best] / (total + 1)
    return np.where(total > 0, best, UNKNOWN).astype(np.uint8), share


def _borrowed(
    voxels: NDArray[np.int64],
    named: NDArray[np.uint8],
    share: NDArray[np.float64],
    movable: NDArray[np.bool_],
    grid: Grid,
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    from scipy.spatial import cKDTree

    asking = named == UNKNOWN
    lends = ~asking & ~np.append(movable, np.zeros(256 - len(movable), bool))[named]
    if not asking.any() or not lends.any():
        return named, share
    places = np.column_stack(np.unravel_index(voxels, grid.shape))
    away, which = cKDTree(places[lends]).query(places[asking])
    named, share = named.copy(), share.copy()
    named[asking], share[asking] = named[lends][which], share[lends][which] / (1 + away)
    return named, share


@numba.njit(cache=True, nogil=True)
def _cells(points, origin, voxel_size, shape, slots):  # type: ignore[no-untyped-def]
    """Flat index of the voxel of each point, -1 outside; ``slots`` [voxels] becomes 0 where any fell."""
    result = np.empty(len(points), np.int32)
    for n in range(len(points)):
        x = int(np.floor((points[n, 0] - origin[0]) / voxel_size))
        y = int(np.floor((points[n, 1] - origin[1]) / voxel_size))
        z = int(np.floor((points[n, 2] - origin[2]) / voxel_size))
        if 0 <= x < shape[0] and 0 <= y < shape[1] and 0 <= z < shape[2]:
            result[n] = (x * shape[1] + y) * shape[2] + z
            slots[result[n]] = 0
        else:
            result[n] = -1
    return result


@numba.njit(cache=True, nogil=True)
def _count(cells, classes, own, movable, slots, tallies, still):  # type: ignore[no-untyped-def]
    for n in range(len(cells)):
        if cells[n] < 0:
            continue
        slot = slots[cells[n]]
        tallies[slot, classes[n]] += 1
        if own and classes[n] < len(movable) and not movable[classes[n]]:
            still[slot] += 1
