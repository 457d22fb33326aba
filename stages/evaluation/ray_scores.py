"""RayIoU and RayPQ (Liu et al., "Fully sparse 3D occupancy prediction", 2024): labels as a LiDAR would see them.

Rays are cast into the prediction and into the truth; a ray whose truth meets something is right when both meet the same
class at depths that differ by less than 1, 2 or 4 m. The rules are those of ``ray_metrics.py`` and ``ray_pq.py`` of
MCG-NJU/SparseOcc, its depths (to where a ray leaves the voxel) included.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN, Taxonomy
from occlabel.stages.evaluation.confusion import Counts
from occlabel.stages.evaluation.panoptic import PanopticCounts, PanopticScores
from occlabel.stages.evaluation.panoptic_rules import Rules
from occlabel.stages.evaluation.rays import cast, lidar_directions
from occlabel.stages.evaluation.segments import Labels

THRESHOLDS = (1.0, 2.0, 4.0)
"""Metres."""
LEAST_RAYS = 10
"""An unmatched segment of fewer rays is no error."""
ORIGINS = 8
"""At most so many places of a log are looked from in each frame."""
WITHIN = 39.0
"""Only places so near along x and y are looked from [m]."""


@dataclass(frozen=True)
class RayScores:
    """As fractions of 1, by threshold where it is a dictionary; NaN where there is nothing to score."""

    ray_iou: float
    """Mean over thresholds and classes."""
    ray_iou_at: dict[float, float]
    iou_per_class: NDArray[np.float64]
    """[thresholds, classes], the free class left out."""
    ray_pq: float
    ray_pq_at: dict[float, float]
    panoptic: tuple[PanopticScores, ...]
    """By threshold."""

    def facts(self) -> dict[str, Any]:
        """For JSON: None in place of NaN."""
        means = {"ray_iou": self.ray_iou, **{f"ray_iou_{t:g}m": value for t, value in self.ray_iou_at.items()}}
        means |= {"ray_pq": self.ray_pq, **{f"ray_pq_{t:g}m": value for t, value in self.ray_pq_at.items()}}
        return {name: None if math.isnan(value) else value for name, value in means.items()}


class RayCounts:
    """Counts of rays over frames; ``right`` int64 [thresholds, classes], ``predicted`` and ``true`` int64 [classes]."""

    def __init__(self, grid: Grid, taxonomy: Taxonomy, directions: NDArray[np.float32] | None = None) -> None:
        """``directions`` float32 [n, 3] are those of the rays of each origin, the benchmark's unless given."""
        self._grid, self._taxonomy = grid, taxonomy
        self._directions = lidar_directions() if directions is None else directions
        classes = len(taxonomy.classes)
        self.right = np.zeros((len(THRESHOLDS), classes), np.int64)
        self.predicted, self.true = np.zeros((2, classes), np.int64)
        things = tuple(i for i in taxonomy.occupied_ids if taxonomy.classes[i].thing)
        stuff = tuple(i for i in taxonomy.occupied_ids if not taxonomy.classes[i].thing)
        self._things = np.isin(np.arange(256), things)
        self.panoptic = tuple(PanopticCounts(Rules(things, stuff, least=LEAST_RAYS), classes) for _ in THRESHOLDS)

    def add(self, predicted: Labels, true: Labels, origins: NDArray[np.float64], where: str = "the prediction") -> None:
        """Counts a frame: labels [x, y, z] (without ids of instances: all 0), looked at from ``origins`` [n, 3] in
        metres, in the frame of the grid. A ray is not scored whose truth meets what is no class, nor
        one that meets UNKNOWN in the prediction. Raises BadPredictions, naming ``where``, when a scored ray meets what
        else is no class there."""
        found, found_depth = self._seen(predicted, origins)
        real, real_depth = self._seen(true, origins)
        classes = len(self.true)
        scored = (real.semantics != self._taxonomy.free_id) & (real.semantics < classes) & (found.semantics != UNKNOWN)
        found, real = (Labels(seen.semantics[scored], seen.instance[scored]) for seen in (found, real))
        off = np.abs(found_depth - real_depth)[scored]
        real = Labels(real.semantics, self._identified(real))
        for which, threshold in enumerate(THRESHOLDS):
            near = off < threshold
            self.panoptic[which].add(found, real, agree=near, where=where)
            right = near & (found.semantics == real.semantics)
            self.right[which] += np.bincount(real.semantics[right], minlength=classes)
        self.predicted += np.bincount(found.semantics, minlength=classes)
        self.true += np.bincount(real.semantics, minlength=classes)

    def state(self) -> Counts:
        """What was counted, for ``merge``."""
        own: Counts = {"right": self.right, "predicted": self.predicted, "true": self.true}
        parts = ((which, counts.state()) for which, counts in enumerate(self.panoptic))
        return own | {f"{which} {name}": array for which, state in parts for name, array in state.items()}

    def merge(self, state: Counts) -> None:
        """Adds what others counted."""
        for name in ("right", "predicted", "true"):
            getattr(self, name)[...] += state[name]
        for which, counts in enumerate(self.panoptic):
            counts.merge({n.partition(" ")[2]: a for n, a in state.items() if n.startswith(f"{which} ")})

    def scores(self) -> RayScores:
        """Means are over the classes that any ray met, in the truth or the prediction."""
        ids = list(self._taxonomy.occupied_ids)
        union = (self.predicted + self.true - self.right)[:, ids]
        ious = np.where(union > 0, self.right[:, ids] / np.maximum(union, 1), math.nan)
        panoptic = tuple(counts.scores() for counts in self.panoptic)
        qualities = [[quality.pq for quality in scores.per_class.values()] for scores in panoptic]
        return RayScores(
            ray_iou=_mean(ious),
            ray_iou_at={threshold: _mean(row) for threshold, row in zip(THRESHOLDS, ious, strict=True)},
            iou_per_class=ious,
            ray_pq=_mean(np.array(qualities)),
            ray_pq_at={threshold: scores.all.pq for threshold, scores in zip(THRESHOLDS, panoptic, strict=True)},
            panoptic=panoptic,
        )

    def _seen(self, labels: Labels, origins: NDArray[np.float64]) -> tuple[Labels, NDArray[np.float32]]:
        """What every ray from every origin meets, and how far away [m]."""
        voxels, depths = cast_rays(labels.semantics != self._taxonomy.free_id, self._grid, origins, self._directions)
        place = tuple(voxels.T)
        return Labels(labels.semantics[place], labels.instance[place]), depths

    def _identified(self, true: Labels) -> NDArray[np.int64]:
        """Ids by which rays of a class in the truth are segments: of stuff the class as a whole; a thing's id that
        rays of two classes have is none, 0."""
        pairs = np.unique(np.stack([true.instance.astype(np.int64), true.semantics.astype(np.int64)]), axis=1)
        ids, classes = np.unique(pairs[0], return_counts=True)
        return np.where(
            self._things[true.semantics] & ~np.isin(true.instance, ids[classes > 1]), true.instance.astype(np.int64), 0
        )


def cast_rays(
    occupied: NDArray[np.bool_], grid: Grid, origins: NDArray[np.float64], directions: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Voxels [n * m, 3] where rays stop, as ``rays.cast`` has it, and their depths [n * m] in metres. ``origins``
    [n, 3] are in metres, in the frame of the grid; ``directions`` [m, 3].

    The benchmark hands its caster two float32 points for each ray, in voxels of a float32 size; so does this, to fall
    on the same side of every edge.
    """
    lower, size = np.array(grid.origin), np.float32(grid.voxel_size)
    voxels, depths = [], []
    for origin in origins:
        start = ((origin - lower) / np.float64(size)).astype(np.float32)
        ends = ((directions + origin - lower) / np.float64(size)).astype(np.float32)
        voxel, depth = cast(occupied, start.astype(np.float64), ends.astype(np.float64))
        voxels.append(voxel)
        depths.append(depth.astype(np.float32) * size)
    return np.concatenate([np.zeros((0, 3), np.int64), *voxels]), np.concatenate([np.zeros(0, np.float32), *depths])


def ray_origins(places: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Where a frame is looked from: those of the log's LiDAR positions ``places`` ([3] metres each, in the frame of the
    grid, in order of time) that lie near, [n, 3]; of more than ORIGINS, so many in equal steps."""
    near = np.array([place for place in places if abs(place[0]) < WITHIN and abs(place[1]) < WITHIN]).reshape(-1, 3)
    if len(near) > ORIGINS:
        near = near[np.round(np.linspace(0, len(near) - 1, ORIGINS)).astype(np.int64)]
    return near


def _mean(values: NDArray[np.float64]) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else math.nan
