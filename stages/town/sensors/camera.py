"""Cameras: one ray a pixel, shaded by sun and sky, with exact depth and kinds."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.sensors.recording import CameraModel, TownImage
from occlabel.stages.town.sensors.scene import Hits, Scene
from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.streets.lane_lines import interpolated, on_line
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material

_SUN = np.array([0.45, 0.35, 0.82]) / np.linalg.norm([0.45, 0.35, 0.82])


def pixel_rays(camera: CameraModel, world_from_camera: Matrix) -> NDArray[np.float32]:
    """Rays [h * w, 6] through the pixel centres, in the world."""
    k = camera.intrinsics
    right = (np.arange(camera.size[0]) + 0.5 - k[0, 2]) / k[0, 0]
    down = (np.arange(camera.size[1]) + 0.5 - k[1, 2]) / k[1, 1]
    rays = np.empty((camera.size[1], camera.size[0], 6), np.float32)
    rays[..., :3] = world_from_camera[:3, 3]
    across, along, ahead = world_from_camera[:3, :3].T
    length = np.sqrt(right[None, :] ** 2 + down[:, None] ** 2 + 1)
    for axis in range(3):
        rays[..., 3 + axis] = (right[None, :] * across[axis] + (down * along[axis] + ahead[axis])[:, None]) / length
    return rays.reshape(-1, 6)


def render(scene: Scene, ground: Ground, camera: CameraModel, world_from_ego: Matrix) -> TownImage:
    """The image at one moment (a global shutter)."""
    pose = world_from_ego @ camera.ego_from_camera
    rays = pixel_rays(camera, pose)
    hits = scene.cast(rays)
    width, height = camera.size
    mesh = scene.mesh
    lit = _sunlit(scene, rays, hits)
    pixels = _shade(
        rays, hits.distance, hits.face, hits.normals, lit, _painted(ground, mesh.kinds, rays, hits), mesh.colours,
        mesh.materials, _SUN.astype(np.float32),
    )  # fmt: skip
    ahead = rays[:, 3:] @ pose[:3, 2].astype(np.float32)
    met, shape = hits.face >= 0, (height, width)
    kinds = np.where(met, mesh.kinds[hits.face], 0).astype(np.uint8)
    objects = np.where(met, mesh.objects[hits.face], 0).astype(np.uint16)
    return TownImage(
        pixels.reshape(*shape, 3), (hits.distance * ahead).reshape(shape), kinds.reshape(shape), objects.reshape(shape)
    )


def _sunlit(scene: Scene, rays: NDArray[np.float32], hits: Hits) -> NDArray[np.bool_]:
    """Which rays end where the sun shines; surfaces that look away from it need no ray."""
    candidates, shadow = _sun_rays(rays, hits.distance, hits.face, hits.normals, _SUN.astype(np.float32))
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


_GRASS, _BRICK, _GLASS = int(Material.GRASS), int(Material.BRICK), int(Material.GLASS)
_PAVING, _ASPHALT, _SHINY = int(Material.PAVING), int(Material.ASPHALT), int(Material.PAINTWORK)


@njit(cache=True)
def _speckle(x: float, y: float, z: float) -> float:
    """A number in -1..1 that is the same for the same place."""
    value = np.sin(np.floor(x) * 12.9898 + np.floor(y) * 78.233 + np.floor(z) * 37.719) * 43758.5453
    return 2.0 * (value - np.floor(value)) - 1.0


@njit(cache=True)
def _texture(material: int, x: float, y: float, z: float) -> float:
    """Brightness of the surface at a place, about 1."""
    if material == _GRASS:
        return 1.0 + 0.14 * _speckle(x * 9, y * 9, 0) + 0.10 * _speckle(x * 1.3, y * 1.3, 0)
    if material == _ASPHALT:
        return 1.0 + 0.05 * _speckle(x * 25, y * 25, 0) + 0.04 * _speckle(x * 0.7, y * 0.7, 0)
    if material == _PAVING:
        seam = (x * 2.0) % 1.0 < 0.05 or (y * 2.0) % 1.0 < 0.05
        return (0.85 if seam else 1.0) + 0.05 * _speckle(x * 2, y * 2, 0)
    if material == _BRICK:
        seam = (z * 12.0) % 1.0 < 0.12
        return (0.88 if seam else 1.0) + 0.09 * _speckle((x + y) * 4, 0, z * 12)
    return 1.0


@njit(cache=True)
def _shade(
    rays: NDArray[np.float32], distance: NDArray[np.float32], face: NDArray[np.int64], normals: NDArray[np.float32],
    lit: NDArray[np.bool_], white: NDArray[np.bool_], colours: NDArray[np.float32], materials: NDArray[np.uint8],
    sun: NDArray[np.float32],
) -> NDArray[np.uint8]:  # fmt: skip
    pixels = np.empty((len(rays), 3), np.uint8)
    sky, zenith, light = (0.80, 0.87, 0.95), (0.35, 0.55, 0.85), (1.05, 1.0, 0.9)
    for n in range(len(rays)):
        up = rays[n, 5]
        f = face[n]
        if f < 0:
            share = min(max(up * 2.2, 0.0), 1.0)
            for c in range(3):
                pixels[n, c] = np.uint8(255 * (sky[c] * (1 - share) + zenith[c] * share))
            continue
        d = distance[n]
        x, y, z = rays[n, 0] + rays[n, 3] * d, rays[n, 1] + rays[n, 4] * d, rays[n, 2] + up * d
        facing = -1.0 if rays[n, 3] * normals[n, 0] + rays[n, 4] * normals[n, 1] + up * normals[n, 2] > 0 else 1.0
        nx, ny, nz = normals[n, 0] * facing, normals[n, 1] * facing, normals[n, 2] * facing
        direct = max(nx * sun[0] + ny * sun[1] + nz * sun[2], 0.0) * 0.75 if lit[n] else 0.0
        ambient = 0.42 + 0.16 * nz
        texture = _texture(materials[f], x, y, z)
        grey = (colours[f, 0] + colours[f, 1] + colours[f, 2]) / 3
        tint = 0.3 if materials[f] == _ASPHALT else 1.0  # asphalt is nearly grey
        haze = 1.0 - np.exp(-d / 350.0)
        cosine = abs(rays[n, 3] * nx + rays[n, 4] * ny + up * nz)
        mirror = 0.0
        if materials[f] == _GLASS:
            mirror = 0.25 + 0.5 * (1 - cosine) ** 3
        elif materials[f] == _SHINY:
            mirror = 0.06 + 0.35 * (1 - cosine) ** 4
        for c in range(3):
            base = 0.85 if white[n] else (grey + tint * (colours[f, c] - grey)) * texture
            value = base * (direct * light[c] + ambient * (0.92 + 0.08 * c))
            value = value * (1 - mirror) + sky[c] * mirror
            value = value * (1 - haze) + sky[c] * haze
            pixels[n, c] = np.uint8(255 * min(max(value, 0.0), 1.0) ** 0.85)
    return pixels
