"""Cameras: rays through pixels, shaded by sun, sky and lamps, with exact depth and kinds."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.sensors.exposure import expose
from occlabel.stages.town.sensors.recording import CameraModel, TownImage
from occlabel.stages.town.sensors.scene import Hits, Scene
from occlabel.stages.town.sensors.shading import Paving, Seen, Surfaces, shade
from occlabel.stages.town.sensors.textures import chance
from occlabel.stages.town.sensors.weather import Weather
from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.streets.lane_lines import interpolated, on_line
from occlabel.stages.town.things.kinds import KIND_ID

_NOOK = 3.0
"""How far [m] a surface must see to be open to the sky."""


def pixel_rays(camera: CameraModel, world_from_camera: Matrix, corners: bool = False) -> NDArray[np.float32]:
    """Rays [h * w, 6] through the pixel centres, in the world; with ``corners`` [(h + 1) * (w + 1), 6] through
    those."""
    k, more = camera.intrinsics, int(corners)
    right = (np.arange(camera.size[0] + more) - 0.5 * more - k[0, 2]) / k[0, 0]
    down = (np.arange(camera.size[1] + more) - 0.5 * more - k[1, 2]) / k[1, 1]
    rays = np.empty((len(down), len(right), 6), np.float32)
    rays[..., :3] = world_from_camera[:3, 3]
    across, along, ahead = world_from_camera[:3, :3].T
    length = np.sqrt(right[None, :] ** 2 + down[:, None] ** 2 + 1)
    for axis in range(3):
        rays[..., 3 + axis] = (right[None, :] * across[axis] + (down * along[axis] + ahead[axis])[:, None]) / length
    return rays.reshape(-1, 6)


def render(
    scene: Scene, ground: Ground, camera: CameraModel, world_from_ego: Matrix, weather: Weather,
    lamps: NDArray[np.float32], rng: np.random.Generator,
) -> TownImage:  # fmt: skip
    """The image at one moment (a global shutter), lit by ``lamps`` too (see ``shading``).

    A pixel is half what its centre sees and half what its corners see; depth and kinds are of its centre."""
    pose = world_from_ego @ camera.ego_from_camera
    width, height = camera.size
    shape, count = (height, width), width * height
    rays = np.concatenate([pixel_rays(camera, pose), pixel_rays(camera, pose, corners=True)])
    hits = scene.cast(rays)
    light = _light(scene, ground, rays, hits, weather, lamps, camera)
    centre, corner = light[:count].reshape(*shape, 3), light[count:].reshape(height + 1, width + 1, 3)
    around = corner[:-1, :-1] + corner[1:, :-1] + corner[:-1, 1:] + corner[1:, 1:]
    pixels = expose(0.5 * centre + np.float32(0.125) * around, weather.optics, rng)
    distance, face = hits.distance[:count], hits.face[:count]
    ahead = rays[:count, 3:] @ pose[:3, 2].astype(np.float32)
    met = face >= 0
    kinds = np.where(met, scene.mesh.kinds[face], 0).astype(np.uint8)
    objects = np.where(met, scene.mesh.objects[face], 0).astype(np.uint16)
    return TownImage(pixels, (distance * ahead).reshape(shape), kinds.reshape(shape), objects.reshape(shape))


def _light(
    scene: Scene, ground: Ground, rays: NDArray[np.float32], hits: Hits, weather: Weather, lamps: NDArray[np.float32],
    camera: CameraModel,
) -> NDArray[np.float32]:  # fmt: skip
    size, spread = camera.size, 1.0 / float(camera.intrinsics[0, 0])
    mesh, lines, light = scene.mesh, ground.lines, weather.light
    lit = _sunlit(scene, rays, hits, light.sun) if light.sunlight.max() > 0.01 else np.zeros(len(rays), np.bool_)
    nothing = np.zeros((1, 1), np.float32)
    paving = Paving(nothing, nothing, ground.origin, 3.0, 0.0)
    if lines is not None:
        paving = Paving(lines.lateral, lines.station, ground.origin, lines.lane_width, lines.half)
    seen = Seen(
        hits.distance, hits.face, hits.normals, hits.corners, lit, _openness(scene, rays, hits, size),
        _painted(ground, mesh.kinds, rays, hits),
    )  # fmt: skip
    surfaces = Surfaces(mesh.kinds, mesh.materials, mesh.colours, scene.standing_faces)
    return shade(rays, seen, surfaces, paving, scene.skin, light, lamps, spread)


def _openness(scene: Scene, rays: NDArray[np.float32], hits: Hits, size: tuple[int, int]) -> NDArray[np.float32]:
    """How open each end is to the sky, 0..1: by one short ray from what each pixel's centre sees and those of its
    neighbours. Corners take it from the pixel beside them."""
    width, height = size
    count = width * height
    index, short = _short_rays(rays[:count], hits.distance[:count], hits.face[:count], hits.normals[:count])
    found = np.ones(count, np.float32)
    found[index[scene.occluded(short, _NOOK)]] = 0.35
    centre = _smooth(found.reshape(height, width), hits.distance[:count].reshape(height, width))
    return np.concatenate([centre.ravel(), np.pad(centre, ((0, 1), (0, 1)), mode="edge").ravel()])


@njit(cache=True)
def _smooth(values: NDArray[np.float32], distance: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean over the 7x7 pixels around that are as far away, within 3 percent."""
    result = np.empty_like(values)
    for v in range(values.shape[0]):
        for u in range(values.shape[1]):
            total, count, slack = np.float32(0), 0, 0.03 * distance[v, u]
            for i in range(max(v - 3, 0), min(v + 4, values.shape[0])):
                for j in range(max(u - 3, 0), min(u + 4, values.shape[1])):
                    if abs(distance[i, j] - distance[v, u]) < slack:
                        total += values[i, j]
                        count += 1
            result[v, u] = total / count if count > 0 else np.float32(1)
    return result


@njit(cache=True)
def _short_rays(
    rays: NDArray[np.float32], distance: NDArray[np.float32], face: NDArray[np.int64], normals: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Indices [m] of the rays that end on a surface, and a ray [m, 6] from there into the half space before it."""
    index, short = np.empty(len(rays), np.int64), np.empty((len(rays), 6), np.float32)
    m = 0
    for n in range(len(rays)):
        if face[n] < 0:
            continue
        towards = rays[n, 3] * normals[n, 0] + rays[n, 4] * normals[n, 1] + rays[n, 5] * normals[n, 2]
        side = -1.0 if towards > 0 else 1.0
        up = 2 * chance(n, 1, 7) - 1
        around = 2 * np.pi * chance(n, 2, 7)
        flat = np.sqrt(max(1 - up * up, 0.0))
        x = normals[n, 0] * side * 1.02 + flat * np.cos(around)
        y = normals[n, 1] * side * 1.02 + flat * np.sin(around)
        z = normals[n, 2] * side * 1.02 + up
        length = np.sqrt(x * x + y * y + z * z)
        for k in range(3):
            short[m, k] = rays[n, k] + rays[n, 3 + k] * distance[n] + normals[n, k] * side * 0.02
        short[m, 3], short[m, 4], short[m, 5] = x / length, y / length, z / length
        index[m] = n
        m += 1
    return index[:m], short[:m]


def _sunlit(scene: Scene, rays: NDArray[np.float32], hits: Hits, sun: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which rays end where the sun shines; surfaces that look away from it need no ray."""
    candidates, shadow = _sun_rays(rays, hits.distance, hits.face, hits.normals, sun)
    lit = np.zeros(len(rays), np.bool_)
    lit[candidates] = ~scene.occluded(shadow)
    return lit


@njit(cache=True)
def _sun_rays(
    rays: NDArray[np.float32], distance: NDArray[np.float32], face: NDArray[np.int64], normals: NDArray[np.float32],
    sun: NDArray[np.float32],
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:  # fmt: skip
    """Indices [m] of the rays that end on a surface turned to the sun, and rays [m, 6] from there to it."""
    index = np.empty(len(rays), np.int64)
    shadow = np.empty((len(rays), 6), np.float32)
    m = 0
    for n in range(len(rays)):
        if face[n] < 0:
            continue
        towards, lifted = np.float32(0), np.float32(0)
        for k in range(3):
            towards += rays[n, 3 + k] * normals[n, k]
            lifted += sun[k] * normals[n, k]
        if towards * lifted < 0:
            for k in range(3):
                shadow[m, k] = rays[n, k] + rays[n, 3 + k] * distance[n] + sun[k] * np.float32(0.05)
                shadow[m, 3 + k] = sun[k]
            index[m] = n
            m += 1
    return index[:m], shadow[:m]


def _painted(ground: Ground, kinds: NDArray[np.uint8], rays: NDArray[np.float32], hits: Hits) -> NDArray[np.bool_]:
    """Which rays end on a painted line."""
    road = np.flatnonzero(kinds[hits.face] == KIND_ID["road"])
    road = road[hits.face[road] >= 0]
    ends = rays[road, :2] + rays[road, 3:5] * hits.distance[road, None]
    cells = (ends - ground.origin) / CELL
    painted = np.zeros(len(rays), np.bool_)
    lines = ground.lines
    if lines is not None:
        painted[road] = _white(
            cells, ground.mark, lines.lateral, lines.station, lines.allowed, lines.half, lines.lane_width, lines.lanes,
            lines.dashed,
        )  # fmt: skip
    return painted


@njit(cache=True)
def _white(
    cells: NDArray[np.float64], mark: NDArray[np.uint8], lateral: NDArray[np.float32], station: NDArray[np.float32],
    allowed: NDArray[np.bool_], half: float, lane_width: float, lanes: int, dashed: bool,
) -> NDArray[np.bool_]:  # fmt: skip
    """The main street by its rule, all others by the raster ``mark``; ``cells`` [n, 2] in raster cells."""
    result = np.zeros(len(cells), np.bool_)
    for n in range(len(cells)):
        u, v = cells[n]
        i, j = int(u), int(v)
        if i < 1 or j < 1 or i >= mark.shape[0] - 1 or j >= mark.shape[1] - 1:
            continue
        if allowed[i, j]:
            left, along = interpolated(lateral, u, v), interpolated(station, u, v)
            result[n] = on_line(left, along, half, lane_width, lanes, dashed, True)
        else:
            result[n] = mark[i, j] != 0
    return result
