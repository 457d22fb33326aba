"""Scores of voxel labels at labelled LiDAR points, which real logs have where voxel truth is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores, class_counts, present_mean

LEAST_POINTS = 50
"""A class with fewer points in the truth is in no mean."""

_STREET = {"semantickitti": ("road", "car", "building"), "occ3d": ("driveable_surface", "car", "manmade")}
_LOW, _HIGH = 0.3, 2.0  # metres above ground


@dataclass(frozen=True)
class PointScores(Scores):
    """``iou`` and ``recall`` are the share of points in an occupied voxel (every point is a hit, so precision is 1);
    ``miou`` and ``miou_present`` are over the classes with at least LEAST_POINTS points in the truth."""

    accuracy: float
    points: int

    def facts(self) -> dict[str, Any]:
        return {
            **super().facts(),
            "accuracy": None if math.isnan(self.accuracy) else self.accuracy,
            "points": self.points,
        }


def labels_at(semantics: NDArray[np.uint8], points: NDArray[np.floating[Any]], grid: Grid) -> tuple[Any, Any]:
    """Label of the voxel that holds each of ``points`` [n, 3] (metres, grid frame) and lies in the grid: uint8 [m],
    and which points those are: bool [n]."""
    cells, inside = grid.cells(points)
    return semantics[tuple(cells[inside].T)], inside


def score(confusion: NDArray[np.int64], taxonomy: Taxonomy) -> PointScores:
    """Scores of counts [prediction, truth] of points; free is a wrong prediction."""
    right, predicted, true = class_counts(confusion, taxonomy)
    union = predicted + true - right
    ious = np.where(union > 0, right / np.maximum(union, 1), math.nan)
    total = int(true.sum())
    occupied = int(predicted.sum()) / total if total else math.nan
    mean = present_mean(ious, true >= LEAST_POINTS)
    return PointScores(
        iou=occupied,
        precision=1.0 if total else math.nan,
        recall=occupied,
        miou=mean,
        miou_present=mean,
        per_class=dict(zip((taxonomy.names[i] for i in taxonomy.occupied_ids), ious.tolist(), strict=True)),
        accuracy=int(right.sum()) / total if total else math.nan,
        points=total,
    )


def height_rule(heights: NDArray[np.floating[Any]], taxonomy: Taxonomy) -> NDArray[np.uint8]:
    """A trivial baseline: road up to 0.3 m above the ground, car up to 2 m, building above. ``heights`` [n] are z of
    one frame's points in metres; the ground is where their lowest twentieth ends."""
    low, middle, high = (taxonomy.names.index(name) for name in _STREET[taxonomy.name])
    above = heights - (np.percentile(heights, 5) if len(heights) else 0.0)
    return np.where(above < _LOW, low, np.where(above < _HIGH, middle, high)).astype(np.uint8)


def most_frequent(confusion: NDArray[np.int64]) -> NDArray[np.int64]:
    """A trivial baseline: the counts [prediction, truth] if every point had the class that the truth holds most."""
    result = np.zeros_like(confusion)
    true = confusion.sum(axis=0)
    result[int(true.argmax())] = true
    return result
