"""What surfaces look like close by: patterns that stand in the world, by kind and material, faded where a pixel covers
more than they repeat in."""

from __future__ import annotations

import numpy as np
from numba import njit

from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material

Tint = tuple[float, float, float]
"""Factors of red, green and blue."""

_BUILDING, _FENCE, _WALL = KIND_ID["building"], KIND_ID["fence"], KIND_ID["wall"]
_MATT, _GRASS, _BRICK, _METAL = int(Material.MATT), int(Material.GRASS), int(Material.BRICK), int(Material.METAL)
_PAVING, _ASPHALT, _WET = int(Material.PAVING), int(Material.ASPHALT), int(Material.WET_ASPHALT)
_GRAVEL, _SOIL, _CONCRETE = int(Material.GRAVEL), int(Material.SOIL), int(Material.CONCRETE)
_FOLIAGE, _HEDGE, _BARK = int(Material.FOLIAGE), int(Material.HEDGE), int(Material.BARK)


@njit(cache=True)
def chance(i: int, j: int, k: int) -> float:
    """A number in 0..1 that is the same for the same three integers."""
    h = (i * 73856093) ^ (j * 19349663) ^ (k * 83492791)
    h = ((h ^ (h >> 15)) * 1274126177) & 0x7FFFFFFF
    h = ((h ^ (h >> 13)) * 1103515245) & 0x7FFFFFFF
    return float((h ^ (h >> 16)) & 0xFFFFFF) / 16777216.0


@njit(cache=True)
def noise(x: float, y: float, k: int) -> float:
    """Smooth noise in -1..1, one bump a unit."""
    i, j = int(np.floor(x)), int(np.floor(y))
    a, b = x - i, y - j
    a, b = a * a * (3 - 2 * a), b * b * (3 - 2 * b)
    low = chance(i, j, k) * (1 - a) + chance(i + 1, j, k) * a
    high = chance(i, j + 1, k) * (1 - a) + chance(i + 1, j + 1, k) * a
    return 2 * (low * (1 - b) + high * b) - 1


@njit(cache=True)
def _seen(length: float, pixel: float) -> float:
    """How much is left of a pattern of this ``length`` where a pixel covers ``pixel`` metres."""
    return min(max(length / pixel - 1.0, 0.0), 1.0)


@njit(cache=True)
def _bumps(x: float, y: float, length: float, pixel: float, k: int) -> float:
    left = _seen(length, pixel)
    return 0.0 if left == 0.0 else left * noise(x / length, y / length, k)


@njit(cache=True)
def _bonded(u: float, v: float, long: float, high: float, joint: float, pixel: float, k: int) -> tuple[float, float]:
    """Of bricks or slabs in running bond: the tone of this one in -1..1, and whether it is a joint, 0..1."""
    row = int(np.floor(v / high))
    shift = 0.5 * long * (row % 2)
    column = int(np.floor((u + shift) / long))
    a, b = (u + shift) / long - column, v / high - row
    inside = min(min(a, 1 - a) * long, min(b, 1 - b) * high)
    tone = (2 * chance(column, row, k) - 1) * _seen(min(long, 2 * high), pixel)
    return tone, (1.0 if inside < joint / 2 else 0.0) * _seen(4 * joint, pixel)


@njit(cache=True)
def _ground(material: int, x: float, y: float, pixel: float, k: int) -> Tint:
    if material == _GRASS:
        dry = 0.5 + 0.5 * noise(x / 7, y / 7, k) + 0.25 * noise(x / 1.9, y / 1.9, k + 1)
        dry = min(max(dry, 0.0), 1.0)
        blade = 1 + 0.22 * _bumps(x, y, 0.35, pixel, k + 2) + 0.3 * _bumps(x, y, 0.06, pixel, k + 3)
        return blade * (0.78 + 0.4 * dry), blade * (0.82 + 0.2 * dry), blade * (0.85 + 0.2 * dry)
    if material in (_SOIL, _GRAVEL):
        grain = 0.28 if material == _GRAVEL else 0.14
        value = 1 + 0.10 * noise(x / 2.6, y / 2.6, k) + 0.08 * _bumps(x, y, 0.4, pixel, k + 1)
        value += grain * _bumps(x, y, 0.05, pixel, k + 2)
        return value, value * (0.99 + 0.03 * noise(x / 3.1, y / 3.1, k + 3)), value * 0.97
    if material in (_ASPHALT, _WET):
        value = 1 + 0.08 * noise(x / 3.4, y / 3.4, k) + 0.05 * _bumps(x, y, 0.5, pixel, k + 1)
        value += 0.16 * _bumps(x, y, 0.03, pixel, k + 2)
        crack = abs(noise(x / 2.7, y / 2.7, k + 3) + 0.35 * noise(x / 0.6, y / 0.6, k + 4))
        if crack < 0.015 and noise(x / 11, y / 11, k + 5) > 0.3:
            value *= 1 - 0.45 * _seen(0.12, pixel)
        i, j = int(np.floor(x / 19)), int(np.floor(y / 19))
        if chance(i, j, k + 6) < 0.4:
            dx = x - 19 * (i + 0.15 + 0.7 * chance(i, j, k + 7))
            dy = y - 19 * (j + 0.15 + 0.7 * chance(i, j, k + 8))
            away = np.sqrt(dx * dx + dy * dy)
            if away < 0.34:
                rib = 0.12 if (int(np.floor(dx / 0.05)) + int(np.floor(dy / 0.05))) % 2 == 0 else 0.0
                value = 0.62 + rib * _seen(0.05, pixel) - (0.25 if away > 0.31 else 0.0)
        return value, value, value
    if material == _PAVING:
        size = (0.3, 0.5, 0.2)[k % 3]
        tone, joint = _bonded(x, y, size * (1 + (k // 3) % 2), size, 0.02, pixel, k)
        value = 1 + 0.11 * tone - 0.28 * joint + 0.07 * noise(x / 2.2, y / 2.2, k + 1)
        value += 0.05 * _bumps(x, y, 0.08, pixel, k + 2)
        return value, value, value * (1 + 0.02 * tone)
    tone, joint = _bonded(x, y, 5.0, 5.0, 0.03, pixel, k)
    value = 1 + 0.05 * tone - 0.3 * joint + 0.07 * noise(x / 1.8, y / 1.8, k + 1)
    value += 0.05 * _bumps(x, y, 0.1, pixel, k + 2)
    return value, value, value


@njit(cache=True)
def _upright(kind: int, material: int, u: float, z: float, pixel: float, k: int) -> Tint:
    """Of walls; ``u`` runs along them."""
    if material == _BRICK:
        tone, joint = _bonded(u, z, 0.25, 0.08, 0.012, pixel, k)
        value = 1 + 0.16 * tone + 0.06 * noise(u / 1.7, z / 1.7, k + 1)
        return value + 0.28 * joint, value * (1 + 0.04 * tone) + 0.34 * joint, value + 0.38 * joint
    if material == _METAL:
        rib = np.sin(u * (2 * np.pi / 0.25)) * _seen(0.12, pixel)
        value = 1 + 0.14 * rib + 0.04 * noise(u / 2.0, z / 6.0, k)
        return value, value, value
    if kind == _FENCE:
        board = int(np.floor(u / 0.14))
        inside = u / 0.14 - board
        value = 1 + (0.18 * (2 * chance(board, 0, k) - 1) - (0.5 if inside < 0.1 else 0.0)) * _seen(0.14, pixel)
        value += 0.1 * _bumps(u * 6, z, 0.3, pixel * 3, k + 1)
        return value, value * 0.99, value * 0.97
    if kind == _WALL:
        tone, joint = _bonded(u, z, 0.55, 0.27, 0.025, pixel, k)
        value = 1 + 0.15 * tone - 0.3 * joint + 0.1 * _bumps(u, z, 0.15, pixel, k + 1)
        return value, value * (1 + 0.02 * tone), value
    streak = noise(u / 0.35, z / 4.0, k)
    value = 1 + 0.05 * noise(u / 2.3, z / 2.3, k + 1) + 0.045 * streak + 0.05 * _bumps(u, z, 0.06, pixel, k + 2)
    return value, value * (1 - 0.008 * streak), value * (1 - 0.02 * streak)


@njit(cache=True)
def _tiles(u: float, s: float, pixel: float, k: int) -> Tint:
    """Of a pitched roof; ``s`` runs up the slope."""
    row = int(np.floor(s / 0.32))
    column = int(np.floor(u / 0.28 + 0.5 * (row % 2)))
    lap = s / 0.32 - row
    value = 1 + (0.13 * (2 * chance(column, row, k) - 1) - 0.25 * (1 - lap) ** 3) * _seen(0.32, pixel)
    moss = max(noise(u / 1.6, s / 1.6, k + 1), 0.0)
    value += 0.05 * noise(u / 3.0, s / 3.0, k + 2)
    return value * (1 - 0.15 * moss), value * (1 - 0.05 * moss), value * (1 - 0.15 * moss)


@njit(cache=True)
def texture(
    kind: int, material: int, place: tuple[float, float, float], normal: tuple[float, float, float], pixel: float,
    salt: int,
) -> Tint:  # fmt: skip
    """What the surface of that kind and material shows at a ``place`` in the world where a pixel covers ``pixel``
    metres: about 1. Another town (``salt``) lays its slabs in another way."""
    x, y, z = place
    nx, ny, nz = normal
    k = (salt & 0xFFFF) + 31 * material
    if material in (_FOLIAGE, _HEDGE):
        value = 1 + 0.3 * _bumps(x + z, y - z, 0.09, pixel, k) + 0.18 * noise((x + z) / 0.7, (y - z) / 0.7, k + 1)
        warm = 0.06 * noise(x / 2.5, y / 2.5, k + 2)
        return value * (1 + warm), value, value * (1 - warm)
    level = np.sqrt(nx * nx + ny * ny)
    if level < 0.35 and kind != _BUILDING:
        return _ground(material, x, y, pixel, k)
    if level < 1e-3:
        value = 1 + 0.06 * noise(x / 2.5, y / 2.5, k) + 0.06 * _bumps(x, y, 0.1, pixel, k + 1)
        return value, value, value
    u = (y * nx - x * ny) / level
    if material == _BARK:
        value = 1 + 0.35 * _bumps(u * 5, z, 0.2, pixel * 3, k)
        return value, value, value
    if kind == _BUILDING and abs(nz) > 0.2 and material == _MATT:
        return _tiles(u, z / level, pixel, k)
    if kind in (_BUILDING, _FENCE, _WALL) or material == _BRICK:
        return _upright(kind, material, u, z, pixel, k)
    if material in (_CONCRETE, _PAVING):
        return _ground(_CONCRETE, u, z, pixel, k)
    return 1.0, 1.0, 1.0
