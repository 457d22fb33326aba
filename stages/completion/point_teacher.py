"""Truth from labelled points of a sweep: what was hit is of their class, what rays passed far from there is free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.taxonomy_map import STRAY
from occlabel.stages.completion.teacher import Ask, Lesson
from occlabel.stages.learning.truth import classes_in
from occlabel.stages.sensing.rays import crossings
from occlabel.stages.sensing.scan import OWN_CAR, Scan, scan_in_grid

_LAST = 3.0
"""Metres before its end in which a ray frees nothing: one that meets the road has grazed it for as long."""
_RAYS = 2
"""So many must have passed. With both and no hit next to it, 0.5% of the voxels of towns that are called free are not
(0.2 m; 5.5% of those that any ray crossed)."""


@dataclass(frozen=True, slots=True)
class PointTeacher:
    """Teaches the human labels of points, frame by frame."""

    reader: LogReader
    space: LabelSpace
    what: str = "labelled points"
    weighs: bool = False
    believed: bool = False

    def lessons(self, log: DriveLog) -> list[tuple[Frame, Ask]]:
        frames = [frame for frame in log.frames if frame.sweep is not None and frame.truth.points is not None]
        return [(frame, partial(self.lesson, frame)) for frame in frames]

    def lesson(self, frame: Frame) -> Lesson:
        """Raises DamagedFile for labels that are not those of the sweep or hold ids that are no classes, BadRecipe when
        nobody says what their classes are in the space."""
        assert frame.sweep is not None
        points = self.reader.points(frame.sweep)
        truth = self.reader.point_truth(frame, len(points))
        if truth is None:
            raise BadLog(f"frame {frame.name}: its point labels ({frame.truth.points}) are gone; run again")
        labels = classes_in(truth.taxonomy, self.space.taxonomy)[truth.semantics]
        if (labels == STRAY).any():
            stray = truth.semantics[labels == STRAY][0]
            raise DamagedFile(f"{frame.truth.points} holds the id {stray}, which is no class of {truth.taxonomy.name}")
        return Lesson(voxels_of_points(scan_in_grid(frame.moment, points, self.space.grid), labels, self.space))


def voxels_of_points(scan: Scan, labels: NDArray[np.uint8], space: LabelSpace) -> NDArray[np.uint8]:
    """Class ids [X, Y, Z] of ``space`` that the ``labels`` [n] of the points of ``scan`` tell of, else UNKNOWN.

    A voxel is of the class of most of its labelled points, of the lowest id among equals. Free is where at least two
    rays passed more than 3 m before they ended, and neither the voxel nor one next to it was hit.
    """
    grid, free_id = space.grid, np.uint8(space.taxonomy.free_id)
    finite = np.isfinite(scan.points[:, :3]).all(axis=1)
    points, labels = scan.points[finite, :3].astype(np.float64), labels[finite]
    away = points - scan.sensor
    outside = np.hypot(away[:, 0], away[:, 1]) > OWN_CAR
    distance = np.linalg.norm(away[outside], axis=1)
    share = np.maximum(distance - _LAST, 0) / np.maximum(distance, 1e-9)
    passed = crossings(scan.sensor + away[outside] * share[:, None], scan.sensor, grid) >= _RAYS
    cells, inside = grid.cells(points)
    hit = np.zeros(grid.shape, bool)
    hit[tuple(cells[inside].T)] = True
    result = np.where(passed & ~_widened(hit), free_id, np.uint8(UNKNOWN))
    known = inside & (labels != UNKNOWN) & (labels != free_id) & outside
    place, class_id = _majority(cells[known], labels[known], grid)
    result.ravel()[place] = class_id
    return result


def _majority(
    cells: NDArray[np.int64], labels: NDArray[np.uint8], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Index of each voxel that one of the ``cells`` [n, 3] is, counting through the grid, and the most frequent of its
    ``labels`` [n]."""
    pairs = np.ravel_multi_index(tuple(cells.T), grid.shape) * 256 + labels
    pairs, counts = np.unique(pairs, return_counts=True)
    order = np.lexsort((pairs, -counts, pairs // 256))
    voxels, first = np.unique(pairs[order] // 256, return_index=True)
    return voxels, (pairs[order][first] % 256).astype(np.uint8)


def _widened(hit: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """``hit`` [X, Y, Z] and all voxels that touch one, across edges and corners too."""
    result = hit.copy()
    for axis in range(3):
        before, result = result, result.copy()
        low, high = (tuple(part if a == axis else slice(None) for a in range(3)) for part in _SHIFTS)
        result[high] |= before[low]
        result[low] |= before[high]
    return result


_SHIFTS = slice(None, -1), slice(1, None)
