"""A sweep made ready to be stacked: its points, what each of them is, and which object each belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.sensing.scan import OWN_CAR, Scan

LARGER = 1.1
"""Boxes are so many times larger ..."""
LOWER = 0.1
"""... and lie so much lower [m] when objects are cut out, so that wheels and what boxes miss go along (SurroundOcc,
``tools/generate_occupancy_nuscenes``). What labels call static in the lowest ``LOWER`` of the box itself, and below, is
the ground that it stands on, and stays."""


@dataclass(frozen=True, slots=True)
class PlacedBox:
    """A box of an object that can move, or of one of no class of the taxonomy, in the frame of the grid."""

    instance: str
    class_id: int
    grid_from_box: Matrix
    size: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A sweep in the frame of the grid of its own frame; points that are finite and not on the car that measured."""

    points: NDArray[np.float32]
    """[n, 3], where rays end."""
    sensor: NDArray[np.float64]
    """[3], where they begin."""
    classes: NDArray[np.uint8]
    """[n]: UNKNOWN where nobody says."""
    objects: NDArray[np.int32]
    """[n]: index into ``boxes``, -1 for none."""
    still: NDArray[np.bool_]
    """[n]: what is there in other frames too."""
    boxes: tuple[PlacedBox, ...]
    world_from_grid: Matrix | None


def prepare(
    scan: Scan,
    classes: NDArray[np.uint8] | None,
    boxes: Sequence[PlacedBox] | None,
    world_from_grid: Matrix | None,
    space: LabelSpace,
) -> Prepared:
    """``classes`` [n] of all points of ``scan``, None where nobody labelled it; ``boxes`` None where nobody drew any.

    In a labelled sweep, points within the grid that nobody has a class for take that of the nearest point that has
    one. A point in a box is of the object's class. Still is what is of a class that cannot move; where there are boxes,
    what is in none of them and has no class is taken to be still too, as what moves has been cut out.
    """
    xyz = scan.points[:, :3]
    away = np.hypot(xyz[:, 0] - scan.sensor[0], xyz[:, 1] - scan.sensor[1])
    kept = (away > OWN_CAR) & np.isfinite(xyz).all(axis=1)
    points = np.ascontiguousarray(xyz[kept], np.float32)
    names = np.full(len(points), UNKNOWN, np.uint8) if classes is None else classes[kept]
    if classes is not None:
        names = _spread(points, names, space.grid.cells(points)[1])
    movable = _movable(space)
    drawn = tuple(box for box in boxes or () if box.class_id == UNKNOWN or movable[box.class_id])
    objects = _cut(points, names, drawn, movable)
    given = np.array([box.class_id for box in drawn] + [UNKNOWN], np.uint8)[objects]
    names = np.where(given == UNKNOWN, names, given).astype(np.uint8)
    still = (objects < 0) & ~movable[names]
    if boxes is None:
        still &= names != UNKNOWN
    return Prepared(points, scan.sensor, names, objects, still, drawn, world_from_grid)


def _movable(space: LabelSpace) -> NDArray[np.bool_]:
    """By class id, [256]."""
    result = np.zeros(256, np.bool_)
    result[[c.id for c in space.taxonomy.classes if c.movable]] = True
    return result


def _spread(points: NDArray[np.float32], names: NDArray[np.uint8], inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    from scipy.spatial import cKDTree

    known = names != UNKNOWN
    asking = ~known & inside
    if not known.any() or not asking.any():
        return names
    result = names.copy()
    result[asking] = names[known][cKDTree(points[known]).query(points[asking])[1]]
    return result


def _cut(
    points: NDArray[np.float32], names: NDArray[np.uint8], boxes: Sequence[PlacedBox], movable: NDArray[np.bool_]
) -> NDArray[np.int32]:
    """The first box that each point lies in, -1 for none."""
    result = np.full(len(points), -1, np.int32)
    for index, box in enumerate(boxes):
        _mark(points, names, movable, box.grid_from_box, np.array(box.size), np.int32(index), result)
    return result


@numba.njit(cache=True, nogil=True)
def _mark(points, names, movable, grid_from_box, size, index, result):  # type: ignore[no-untyped-def]
    half = size / 2
    reach = half * LARGER
    for n in range(len(points)):
        x = points[n, 0] - grid_from_box[0, 3]
        y = points[n, 1] - grid_from_box[1, 3]
        z = points[n, 2] - grid_from_box[2, 3]
        along = grid_from_box[0, 0] * x + grid_from_box[1, 0] * y + grid_from_box[2, 0] * z
        across = grid_from_box[0, 1] * x + grid_from_box[1, 1] * y + grid_from_box[2, 1] * z
        up = grid_from_box[0, 2] * x + grid_from_box[1, 2] * y + grid_from_box[2, 2] * z
        if abs(along) > reach[0] or abs(across) > reach[1] or abs(up + LOWER) > reach[2] or result[n] >= 0:
            continue
        ground = names[n] != UNKNOWN and not movable[names[n]] and up < -half[2] + LOWER
        if not ground:
            result[n] = index
