"""A spinning LiDAR: rays from the moving car, returns with noise and losses, compensated to the frame's time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.stages.town.sensors.recording import LidarModel, TownScan
from occlabel.stages.town.sensors.scene import Hits, Scene
from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import MATERIALS, Material

TURN = 0.1
"""Seconds of one turn; the frame's time is its middle."""
_NEAREST = 1.2
"""Returns nearer than this [m] are the car itself."""
_SOFT_LIMIT = 0.015
"""Echo, in units of reflectivity * cosine / (distance / max_range)^2, of which half is lost."""


def directions(lidar: LidarModel) -> NDArray[np.float64]:
    """Unit directions [beams, columns, 3] in the LiDAR frame."""
    up, around = lidar.elevations[:, None], lidar.azimuths[None, :]
    flat = np.cos(up)
    return np.stack([flat * np.cos(around), flat * np.sin(around), np.sin(up) + 0 * around], axis=-1)


def turning_rays(lidar: LidarModel, start: Matrix, end: Matrix) -> NDArray[np.float32]:
    """Rays [beams * columns, 6] of a turn during which ``world_from_lidar`` moves from ``start`` to ``end``.

    Rotations are interpolated linearly: a car turns by less than 0.1 rad in a turn.
    """
    share = ((np.arange(len(lidar.azimuths)) + 0.5) / len(lidar.azimuths))[:, None, None]
    poses = start[None] * (1 - share) + end[None] * share
    rays = np.empty((len(lidar.elevations), len(lidar.azimuths), 6), np.float32)
    rays[..., :3] = poses[None, :, :3, 3]
    rays[..., 3:] = np.einsum("cij,bcj->bci", poses[:, :3, :3], directions(lidar))
    return rays.reshape(-1, 6)


def scan(
    scene: Scene, ground: Ground, lidar: LidarModel, poses: tuple[Matrix, Matrix, Matrix], moving: NDArray[np.bool_],
    rng: np.random.Generator,
) -> TownScan:  # fmt: skip
    """One turn. ``poses`` are ``world_from_ego`` at its start, at the frame's time and at its end; ``moving`` tells by
    object id what moves."""
    start, now, end = (pose @ lidar.ego_from_lidar for pose in poses)
    rays = turning_rays(lidar, start, end)
    hits = scene.cast(rays)
    distance, intensity, kept = _echoes(scene, ground, lidar, rays, hits, rng)
    points = rays[kept, :3] + rays[kept, 3:] * distance[kept, None]
    faces = hits.face[kept]
    objects = scene.mesh.objects[faces]
    local = transform_points(inverse(now), points)
    return TownScan(
        np.column_stack([local, intensity[kept]]).astype(np.float32),
        scene.mesh.kinds[faces],
        objects,
        moving[objects],
        (np.flatnonzero(kept) // len(lidar.azimuths)).astype(np.uint8),
    )


def _echoes(
    scene: Scene, ground: Ground, lidar: LidarModel, rays: NDArray[np.float32], hits: Hits, rng: np.random.Generator
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:
    """Measured distance and intensity of every ray, and which rays return at all."""
    count = len(rays)
    brightness = scene.mesh.colours.mean(axis=1)
    return _measure(
        rays, hits.distance, hits.face, hits.normals, scene.mesh.materials, scene.mesh.kinds, brightness, MATERIALS,
        ground.mark, ground.origin, rng.random(count, np.float32), rng.standard_normal(count, np.float32),
        rng.standard_normal(count, np.float32), lidar.max_range, lidar.range_noise, lidar.dropout,
    )  # fmt: skip


_ROAD = KIND_ID["road"]
_PAINTWORK = int(Material.PAINTWORK)


@njit(cache=True)
def _measure(
    rays: NDArray[np.float32], distance: NDArray[np.float32], face: NDArray[np.int64], normals: NDArray[np.float32],
    materials: NDArray[np.uint8], kinds: NDArray[np.uint8], brightness: NDArray[np.float32],
    properties: NDArray[np.float32], mark: NDArray[np.uint8], origin: NDArray[np.float64],
    chance: NDArray[np.float32], noise: NDArray[np.float32], flicker: NDArray[np.float32], max_range: float,
    range_noise: float, dropout: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:  # fmt: skip
    count = len(distance)
    measured = np.zeros(count, np.float32)
    intensity = np.zeros(count, np.float32)
    kept = np.zeros(count, np.bool_)
    for n in range(count):
        d = distance[n]
        if face[n] < 0 or d > max_range or d < _NEAREST:
            continue
        f = face[n]
        reflectivity, lost, scatter = properties[materials[f]]
        cosine = abs(rays[n, 3] * normals[n, 0] + rays[n, 4] * normals[n, 1] + rays[n, 5] * normals[n, 2])
        albedo = reflectivity * (0.35 + 1.3 * brightness[f])
        if kinds[f] == _ROAD:
            i = int((rays[n, 0] + rays[n, 3] * d - origin[0]) / CELL)
            j = int((rays[n, 1] + rays[n, 4] * d - origin[1]) / CELL)
            if 0 <= i < mark.shape[0] and 0 <= j < mark.shape[1] and mark[i, j]:
                albedo = 0.6
        echo = albedo * cosine * (max_range / d) ** 2
        lost = 1 - (1 - lost) * (1 - dropout) * echo / (echo + _SOFT_LIMIT)
        if materials[f] == _PAINTWORK and cosine < 0.2:
            lost = max(lost, 0.6)  # paint mirrors a flat beam away
        if chance[n] < lost:
            continue
        kept[n] = True
        measured[n] = d + noise[n] * np.sqrt(range_noise**2 + scatter**2)
        intensity[n] = min(max(albedo * (0.35 + 0.65 * cosine) + 0.03 * flicker[n], 0.0), 1.0)
    return measured, intensity, kept
