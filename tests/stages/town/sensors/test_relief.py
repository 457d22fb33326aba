"""Paved ground is as smooth to a laser as real ground is, grass about twice as rough."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from occlabel.stages.town.sensors.rigs import kitti_rig
from occlabel.stages.town.sensors.variety import rig_of_log
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.town import drive


def residual(points: NDArray[np.float64]) -> float:
    """Median over places 3 to 30 m away of the RMS distance [m] of points to a plane through 1.8 m of ground."""
    away = np.hypot(points[:, 0], points[:, 1])
    tree, found = cKDTree(points[:, :2]), []
    near = np.flatnonzero((away > 3) & (away < 30))
    for index in near[:: max(len(near) // 250, 1)]:
        around = points[tree.query_ball_point(points[index, :2], 0.9)]
        if len(around) >= 8:
            matrix = np.column_stack([around[:, :2] - around[:, :2].mean(axis=0), np.ones(len(around))])
            plane = np.linalg.lstsq(matrix, around[:, 2], rcond=None)[0]
            found.append(np.sqrt(((matrix @ plane - around[:, 2]) ** 2).sum() / (len(around) - 3)))
    return float(np.median(found)) if len(found) > 20 else np.nan


@pytest.fixture(scope="module")
def residuals() -> dict[str, float]:
    kinds = ("road", "sidewalk", "terrain")
    rows = []
    for seed in range(3, 6):
        rig = rig_of_log(kitti_rig(0.2), np.random.default_rng([0, seed, 3]), others=False)
        turn = next(drive(seed, "val", rig, 1, images=False, truth=False)).scan
        rows.append([residual(turn.points[turn.kinds == KIND_ID[kind], :3].astype(float)) for kind in kinds])
    return dict(zip(kinds, np.nanmedian(rows, axis=0), strict=True))


@pytest.mark.parametrize(
    ("kind", "low", "high"), [("road", 0.006, 0.012), ("sidewalk", 0.005, 0.011), ("terrain", 0.0125, 0.025)]
)
def test_residuals_are_those_of_real_ground(residuals, kind: str, low: float, high: float) -> None:
    assert low < residuals[kind] < high
