"""What rays get back from surfaces at 905 nm: by place, angle and gloss."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.sensors.scene import Hits, Scene
from occlabel.stages.town.sensors.skin import Skin
from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import MATERIALS, Material

_ROAD, _PARKING = KIND_ID["road"], KIND_ID["parking"]
_ROAD_MARK = int(Material.ROAD_MARK)
_GLOSS_WIDTH = 60.0
"""Exponent of the cosine in the mirror lobe: half its strength at 8.7 degrees."""


def apparent(
    scene: Scene, ground: Ground, rays: NDArray[np.float32], hits: Hits
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Apparent reflectance [n] of what each ray hits, its angle and gloss included, and the cosine of incidence [n];
    0 where it hit nothing."""
    mesh = scene.mesh
    lines = ground.lines
    lateral = np.zeros((1, 1), np.float32) if lines is None else lines.lateral
    station = np.zeros((1, 1), np.float32) if lines is None else lines.station
    lane, half = (3.0, 0.0) if lines is None else (lines.lane_width, lines.half)
    return _apparent(
        rays, hits.distance, hits.face, hits.normals, mesh.materials, mesh.kinds, mesh.objects, mesh.colours,
        MATERIALS, scene.skin, ground.mark, ground.origin, lateral, station, lane, half,
    )  # fmt: skip


@njit(cache=True)
def _chance(i: int, j: int, salt: int) -> float:
    """A number in 0..1 that is the same for the same cell."""
    h = np.uint64(i) * np.uint64(0x9E3779B97F4A7C15)
    h = (h ^ (h >> np.uint64(29))) + np.uint64(j) * np.uint64(0xC2B2AE3D27D4EB4F)
    h = (h ^ (h >> np.uint64(32))) + np.uint64(salt) * np.uint64(0x165667B19E3779F9)
    h = (h ^ (h >> np.uint64(29))) * np.uint64(0xD6E8FEB86659FD93)
    h = h ^ (h >> np.uint64(32))
    return float(h >> np.uint64(40)) / 16777216.0


@njit(cache=True)
def _smooth(x: float, y: float, salt: int) -> float:
    """Noise in -1..1 over the plane, one bump a unit."""
    i, j = int(np.floor(x)), int(np.floor(y))
    a, b = x - i, y - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    low = _chance(i, j, salt) * (1 - a) + _chance(i + 1, j, salt) * a
    high = _chance(i, j + 1, salt) * (1 - a) + _chance(i + 1, j + 1, salt) * a
    return 2 * (low * (1 - b) + high * b) - 1


@njit(cache=True)
def carriageway(skin: Skin, along: float, left: float, lane: float, main: bool) -> float:
    """Relative reflectance of a place on a carriageway: when it was paved, repairs, wheel tracks and oil."""
    factor = 0.85 + 0.3 * _chance(int(np.floor(along / skin.stretch)), 0, skin.salt + 3)
    row = int(np.floor(left / lane))
    if _chance(int(np.floor(along / 5.0)), row, skin.salt + 4) < skin.patches:
        factor *= 0.6 + 0.8 * _chance(int(np.floor(along / 5.0)), row, skin.salt + 5)
    if main:
        middle = abs(left - (row + 0.5) * lane)
        if middle < 0.35:
            factor *= 1 - skin.oil
        elif 0.55 < middle < 1.0:
            factor *= 1 + skin.worn
    return factor


@njit(cache=True)
def _apparent(
    rays: NDArray[np.float32], distance: NDArray[np.float32], face: NDArray[np.int64], normals: NDArray[np.float32],
    materials: NDArray[np.uint8], kinds: NDArray[np.uint8], objects: NDArray[np.uint16], colours: NDArray[np.float32],
    properties: NDArray[np.float32], skin: Skin, mark: NDArray[np.uint8], origin: NDArray[np.float64],
    lateral: NDArray[np.float32], station: NDArray[np.float32], lane: float, half: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:  # fmt: skip
    result = np.zeros(len(rays), np.float32)
    cosines = np.zeros(len(rays), np.float32)
    for n in range(len(rays)):
        f = face[n]
        if f < 0:
            continue
        material, kind, d = materials[f], kinds[f], distance[n]
        cosine = abs(rays[n, 3] * normals[n, 0] + rays[n, 4] * normals[n, 1] + rays[n, 5] * normals[n, 2])
        x, y, z = rays[n, 0] + rays[n, 3] * d, rays[n, 1] + rays[n, 4] * d, rays[n, 2] + rays[n, 5] * d
        i, j = int((x - origin[0]) / CELL), int((y - origin[1]) / CELL)
        inside = 0 <= i < mark.shape[0] and 0 <= j < mark.shape[1]
        if kind == _ROAD and inside and mark[i, j]:
            material = np.uint8(_ROAD_MARK)
        angle, gloss, tint, blotch, grain = properties[material, 4:9]
        value = skin.table[kind, material]
        value *= 1 + tint * (2 * (colours[f, 0] + colours[f, 1] + colours[f, 2]) / 3 - 1)
        if objects[f] == 0:  # what moves would change as it goes
            value *= 1 + blotch * (_smooth(x / 7, y / 7, skin.salt) + 0.7 * _smooth(x / 1.3, y / 1.3, skin.salt + 1))
            value *= 1 + grain * (2 * _chance(int(x * 8), int(y * 8) + 7919 * int(z * 8), skin.salt + 2) - 1)
        if kind in (_ROAD, _PARKING):
            if inside and half > 0 and abs(lateral[i, j]) < half:
                value *= carriageway(skin, station[i, j], lateral[i, j], lane, kind == _ROAD)
            else:
                value *= carriageway(skin, x, y, lane, False)
        result[n] = max(value, 0.01) * cosine**angle + gloss * cosine**_GLOSS_WIDTH
        cosines[n] = cosine
    return result, cosines
