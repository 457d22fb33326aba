"""Points around a street, seen exactly by cameras whose poses are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

FOCAL = 700.0
_HALF = (0.85, 0.3)
"""Of the image, in the plane one before the camera."""


def points(count: int, seed: int = 0) -> NDArray[np.float64]:
    """[n, 3]: the road, and walls on both sides, in the frame of the first camera (x right, y down, z ahead)."""
    draw = np.random.default_rng(seed)
    z, side = draw.uniform(4, 120, count), draw.choice([-1, 0, 1], count)
    x = np.where(side == 0, draw.uniform(-8, 8, count), side * draw.uniform(8, 12, count))
    return np.column_stack([x, np.where(side == 0, 1.6, draw.uniform(-6, 1.6, count)), z])


def cameras(steps: list[float], turn: float = 0.0) -> NDArray[np.float64]:
    """``world_from_camera`` [n, 4, 4] of a car that drives ``steps`` [m] ahead and turns by ``turn`` [rad] each
    time."""
    poses = [np.eye(4)]
    for step in steps:
        motion = np.eye(4)
        motion[:3, :3] = Rotation.from_euler("y", turn).as_matrix()
        motion[2, 3] = step
        poses.append(poses[-1] @ motion)
    return np.array(poses)


def seen(poses: NDArray[np.float64], places: NDArray[np.float64], noise: float = 0.0) -> NDArray[np.float64]:
    """Rays [camera, point, 2], off by ``noise`` pixels; NaN of what is outside of the image."""
    inside = np.linalg.inv(poses)
    local = np.einsum("cij,pj->cpi", inside[:, :3, :3], places) + inside[:, None, :3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        rays = local[..., :2] / local[..., 2:]
    rays += np.random.default_rng(1).normal(0, noise / FOCAL, rays.shape)
    there = (local[..., 2] > 1) & (np.abs(rays) < _HALF).all(axis=-1)
    return np.where(there[..., None], rays, np.nan)


def likened(found: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where cameras were found [n, 3], from the first camera and in the length of the whole way."""
    places = (np.linalg.inv(found[0]) @ found)[:, :3, 3]
    right = (np.linalg.inv(true[0]) @ true)[:, :3, 3]
    return places * np.linalg.norm(right[-1]) / np.linalg.norm(places[-1])
