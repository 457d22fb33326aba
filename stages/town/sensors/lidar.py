"""A spinning LiDAR: rays from the moving car, returns with noise and losses, compensated to the frame's time."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.stages.town.sensors.recording import LidarModel, TownScan
from occlabel.stages.town.sensors.reflectance import apparent
from occlabel.stages.town.sensors.response import Response, stored
from occlabel.stages.town.sensors.scene import Hits, Scene
from occlabel.stages.town.streets.ground import Ground
from occlabel.stages.town.things.mesh import MATERIALS, Material

TURN = 0.1
"""Seconds of one turn; the frame's time is its middle."""
_NEAREST = 1.2
"""Returns nearer than this [m] are the car itself."""
_FLATTEST = 0.06
"""Cosine of incidence below which relief hides itself."""
_SOFT_LIMIT = 0.015
"""Echo, in units of apparent reflectance / (distance / max_range)^2, of which half is lost."""


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
    reflectances, cosines = apparent(scene, ground, rays, hits)
    return _measure(
        hits.distance, hits.face, reflectances, cosines, scene.mesh.kinds, scene.mesh.materials, MATERIALS,
        scene.skin.relief, lidar.response,
        rng.random(count, np.float32), rng.standard_normal(count, np.float32), rng.standard_normal(count, np.float32),
        len(lidar.azimuths), lidar.max_range, lidar.range_noise, lidar.dropout,
    )  # fmt: skip


_PAINTWORK = int(Material.PAINTWORK)


@njit(cache=True)
def _measure(
    distance: NDArray[np.float32], face: NDArray[np.int64], reflectances: NDArray[np.float32],
    cosines: NDArray[np.float32], kinds: NDArray[np.uint8], materials: NDArray[np.uint8],
    properties: NDArray[np.float32], relief: NDArray[np.float32], response: Response,
    chance: NDArray[np.float32], noise: NDArray[np.float32], flicker: NDArray[np.float32], columns: int,
    max_range: float, range_noise: float, dropout: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.bool_]]:  # fmt: skip
    count = len(distance)
    measured = np.zeros(count, np.float32)
    intensity = np.zeros(count, np.float32)
    kept = np.zeros(count, np.bool_)
    for n in range(count):
        d = distance[n]
        if face[n] < 0 or d > max_range or d < _NEAREST:
            continue
        material = materials[face[n]]
        echo = reflectances[n] * (max_range / d) ** 2
        lost = 1 - (1 - properties[material, 2]) * (1 - dropout) * echo / (echo + _SOFT_LIMIT)
        if material == _PAINTWORK and cosines[n] < 0.2:
            lost = max(lost, 0.6)  # paint mirrors a flat beam away
        if chance[n] < lost:
            continue
        kept[n] = True
        # Relief is across the surface: a flat beam meets it that much earlier or later.
        along = relief[kinds[face[n]], material] / max(cosines[n], _FLATTEST)
        measured[n] = d + noise[n] * np.sqrt(range_noise**2 + properties[material, 3] ** 2 + along**2)
        signal = reflectances[n] * max(cosines[n], _FLATTEST) ** (properties[material, 4] * (response.angle - 1))
        intensity[n] = stored(response, signal, d, n // columns, flicker[n])
    return measured, intensity, kept
