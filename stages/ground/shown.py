"""The ground as images show it: which class each cell of the world is, by the segments of all frames that saw it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.stages.ground.cells import around, key
from occlabel.stages.sensing.scan import Scan

_NEAR = 15.0
"""Up to so far away [m] a pixel counts most; beyond, less with the square: it shows more of the ground than a cell."""
_SUREST = 0.98
"""No pixel is believed more."""
_MOST = 10.0
"""Images together never say more [log-odds]: frames make the same mistakes."""
_REACH = 3
"""Cells around a place in which it is asked when nobody saw the place itself: 1.2 m."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the images of one frame say of the ground that its sweep hit."""

    keys: NDArray[np.int64]
    """[cells] of the world, ascending."""
    votes: NDArray[np.float64]
    """[cells, classes] log-odds of the pixels' scores, added up over points, those far away counting less."""


def shown_ground(
    scan: Scan, semantics: NDArray[np.uint8], world_from_grid: Matrix, grid: Grid, classes: Sequence[int]
) -> Shown | None:
    """Of the painted ``scan``, in the frame of the grid, the points that lie in what ``semantics`` [X, Y, Z] calls one
    of ``classes`` and an image too; None where no image says anything of the ground."""
    if scan.paint is None:
        return None
    ground = np.zeros(256, np.bool_)
    ground[list(classes)] = True
    kept = np.flatnonzero(ground[scan.paint[:, 0]] & np.isfinite(scan.points[:, :3]).all(axis=1))
    voxels, inside = grid.cells(scan.points[kept, :3])
    kept, voxels = kept[inside], voxels[inside]
    lies = ground[semantics[tuple(voxels.T)]]
    kept = kept[lies]
    if not len(kept):
        return None
    points, paint = scan.points[kept].astype(np.float64), scan.paint[kept]
    away = np.hypot(points[:, 0] - scan.sensor[0], points[:, 1] - scan.sensor[1])
    # What is surer of being wrong than right, as where two segments meet, says nothing.
    score = np.clip(paint[:, 1] / 255, 0.5, _SUREST)
    weight = np.log(score / (1 - score)) * np.minimum(_NEAR / np.maximum(away, 1.0), 1.0) ** 2
    keys, of = np.unique(key(transform_points(world_from_grid, points[:, :3])[:, :2]), return_inverse=True)
    votes = [np.bincount(of, weight * (paint[:, 0] == one), len(keys)) for one in classes]
    return Shown(keys, np.stack(votes, axis=1))


@dataclass(frozen=True, slots=True)
class GroundMap:
    """What the images of a window show of the ground."""

    classes: NDArray[np.uint8]
    """[classes] their ids."""
    keys: NDArray[np.int64]
    """[cells] of the world, ascending."""
    votes: NDArray[np.float64]
    """[cells, classes]"""

    @staticmethod
    def of(frames: Sequence[Shown], classes: Sequence[int]) -> GroundMap:
        keys = np.unique(np.concatenate([frame.keys for frame in frames]))
        votes = np.zeros((len(keys), len(classes)))
        for frame in frames:
            votes[np.searchsorted(keys, frame.keys)] += frame.votes
        return GroundMap(np.array(classes, np.uint8), keys, votes)

    def near(self, keys: NDArray[np.int64]) -> NDArray[np.float64]:
        """[n, classes] votes of the square of nine cells around each of the cells ``keys`` [n]; where nobody saw any of
        them, of those within ``_REACH``."""
        cells, of = np.unique(keys, return_inverse=True)
        found = self._sum(cells, 1)
        lost = ~found.any(axis=1)
        found[lost] = self._sum(cells[lost], _REACH)
        return found[of]

    def _sum(self, keys: NDArray[np.int64], reach: int) -> NDArray[np.float64]:
        beside = around(keys, reach)
        place = np.minimum(np.searchsorted(self.keys, beside), len(self.keys) - 1)
        return np.where((self.keys[place] == beside)[..., None], self.votes[place], 0).sum(axis=1)


def name_ground(
    semantics: NDArray[np.uint8], confidence: NDArray[np.uint8], world_from_grid: Matrix, grid: Grid, shown: GroundMap
) -> None:
    """Changes ``semantics`` and ``confidence`` [X, Y, Z] of a frame where images make another class of ground likelier.

    Bayes: a label is as likely as it is confident, the other classes share the rest, and the votes of a class are the
    log-odds that images add to it. The confidence of what is changed is its probability; that of what stays is as much
    more or less than before as it has become likelier.
    """
    where = np.flatnonzero(np.isin(semantics, shown.classes))
    centres = grid.origin + (np.stack(np.unravel_index(where, semantics.shape), axis=-1) + 0.5) * grid.voxel_size
    votes = shown.near(key(transform_points(world_from_grid, centres)[:, :2]))
    seen = votes.any(axis=1)
    where, votes = where[seen], votes[seen]
    flat, sure = semantics.reshape(-1), confidence.reshape(-1)
    says = votes * np.minimum(1, _MOST / votes.sum(axis=1, keepdims=True))
    own = flat[where][:, None] == shown.classes
    held = np.clip(sure[where].astype(np.float64) / 255, 0.02, 0.98)[:, None]
    before = np.where(own, held, (1 - held) / (len(shown.classes) - 1))
    after = before * np.exp(says)
    after /= after.sum(axis=1, keepdims=True)
    best = after.argmax(axis=1)
    rows = np.arange(len(best))
    changed = ~own[rows, best]
    kept = np.minimum(sure[where] * (after[own] / held[:, 0]), 255)
    sure[where] = np.rint(np.where(changed, 255 * after[rows, best], kept))
    flat[where] = shown.classes[best]
