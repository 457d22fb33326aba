"""A street of boxes that drive, seen as instance volumes from a moving grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from occlabel.schemas.geometry import inverse, transform_points, yaw_rotation
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import TAXONOMIES

GRID = Grid(origin=(-20.0, -12.0, -1.0), voxel_size=0.4, shape=(100, 60, 8), frame="ego")
CENTRES = GRID.centres().reshape(-1, 3)
NAMES = TAXONOMIES["occ3d"].names
FREE, CAR, TRUCK, PERSON = (NAMES.index(name) for name in ("free", "car", "truck", "pedestrian"))


@dataclass(frozen=True)
class Driver:
    """A box with a path: seconds -> x, y, yaw in the world. ``label`` may change with time."""

    path: Callable[[float], tuple[float, float, float]]
    size: tuple[float, float, float] = (4.4, 1.9, 1.6)
    label: Callable[[float], int] = lambda _: CAR
    hidden: Callable[[float], bool] = lambda _: False


def straight(x: float, y: float, vx: float = 0.0, vy: float = 0.0) -> Callable[[float], tuple[float, float, float]]:
    yaw = float(np.arctan2(vy, vx)) if vx or vy else 0.0
    return lambda t: (x + vx * t, y + vy * t, yaw)


def pose(x: float = 0.0, y: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    result = yaw_rotation(yaw)
    result[:2, 3] = x, y
    return result


def view(drivers: Sequence[Driver], time: float, world_from_grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Instance ids, where driver n has another one in every frame, and semantics."""
    instance = np.zeros(len(CENTRES), np.uint32)
    semantics = np.full(len(CENTRES), FREE, np.uint8)
    points = transform_points(world_from_grid, CENTRES)
    for n, driver in enumerate(drivers):
        if driver.hidden(time):
            continue
        x, y, yaw = driver.path(time)
        box = pose(x, y, yaw)
        inside = (np.abs(transform_points(inverse(box), points)) < np.array(driver.size) / 2).all(axis=1)
        instance[inside], semantics[inside] = local_id(n, time, len(drivers)), driver.label(time)
    return instance.reshape(GRID.shape), semantics.reshape(GRID.shape)


def local_id(n: int, time: float, count: int) -> int:
    """Ids shift from frame to frame, as those of a network do."""
    return 1 + (n + round(10 * time)) % count
