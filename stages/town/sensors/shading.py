"""Light that comes from surfaces to a camera: sun and shadow, sky, lamps, mirrors, haze."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.sensors.reflectance import carriageway
from occlabel.stages.town.sensors.skin import Skin
from occlabel.stages.town.sensors.sky import Radiance, mirrored, sky
from occlabel.stages.town.sensors.textures import chance, noise, texture
from occlabel.stages.town.sensors.weather import Light
from occlabel.stages.town.streets.ground import CELL
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material

_BUILDING, _SIGN, _ROAD = KIND_ID["building"], KIND_ID["traffic-sign"], KIND_ID["road"]
_PARKING, _POLE = KIND_ID["parking"], KIND_ID["pole"]
_GLASS, _PAINTWORK, _METAL = int(Material.GLASS), int(Material.PAINTWORK), int(Material.METAL)
_FOLIAGE, _HEDGE, _RETRO = int(Material.FOLIAGE), int(Material.HEDGE), int(Material.RETROREFLECTOR)
_GRASS, _SOIL, _GRAVEL = int(Material.GRASS), int(Material.SOIL), int(Material.GRAVEL)
_ASPHALT, _WET = int(Material.ASPHALT), int(Material.WET_ASPHALT)


class Surfaces(NamedTuple):
    """What the faces of a scene are, as compiled code takes it."""

    kinds: NDArray[np.uint8]
    materials: NDArray[np.uint8]
    colours: NDArray[np.float32]
    standing: int
    """Faces from this one on move: no pattern stands in the world on them."""


class Paving(NamedTuple):
    """Where the main street runs: fields of ``LaneLines`` over the raster of the ground."""

    lateral: NDArray[np.float32]
    station: NDArray[np.float32]
    origin: NDArray[np.float64]
    lane: float
    half: float


class Seen(NamedTuple):
    """Where ``n`` rays ended: see ``Hits``; which ends the sun reaches, how open they are to the sky (0..1), and which
    are painted lines."""

    distance: NDArray[np.float32]
    face: NDArray[np.int64]
    normals: NDArray[np.float32]
    corners: NDArray[np.float32]
    lit: NDArray[np.bool_]
    open: NDArray[np.float32]
    white: NDArray[np.bool_]


@njit(cache=True)
def _linear(value: float) -> float:
    """Of a colour as people mix it, 0..1; the power 2.2 within a hundredth."""
    value = min(max(value, 0.0), 1.0)
    return value * value * (0.75 + 0.25 * value)


@njit(cache=True)
def _plate(colour: NDArray[np.float32], u: float, v: float) -> Radiance:
    """A traffic sign: a rim in red or white around a field, and something dark in its middle."""
    out = u + v
    red, green, blue = colour[0], colour[1], colour[2]
    if red > 0.6 and green < 0.3:
        if out < 0.76:
            return (0.08, 0.08, 0.08) if out < 0.42 and (u - v) * 6 % 1 < 0.55 else (0.92, 0.92, 0.9)
    elif blue > red:
        if out > 0.88 or (out < 0.5 and abs(u - v) < 0.16):
            return 0.92, 0.93, 0.94
    elif out > 0.9 or (out < 0.45 and abs(u - v) > 0.1):
        return 0.08, 0.08, 0.09
    return red, green, blue


@njit(cache=True)
def _lamplight(place: Radiance, normal: Radiance, lamps: NDArray[np.float32], retro: bool) -> Radiance:
    """What falls on a surface from ``lamps`` [n, 10]: position, direction, colour, and 1 for the beams of a car, which
    a retro-reflector sends back."""
    red, green, blue = 0.0, 0.0, 0.0
    for m in range(len(lamps)):
        dx, dy, dz = lamps[m, 0] - place[0], lamps[m, 1] - place[1], lamps[m, 2] - place[2]
        squared = dx * dx + dy * dy + dz * dz
        if squared > 3600.0:
            continue
        away = np.sqrt(squared) + 1e-6
        facing = (dx * normal[0] + dy * normal[1] + dz * normal[2]) / away
        along = -(dx * lamps[m, 3] + dy * lamps[m, 4] + dz * lamps[m, 5]) / away
        if lamps[m, 9] > 0:
            if along < 0.5:
                continue
            drop = -dz / away - lamps[m, 5]
            turn2 = max(1 - along * along - drop * drop, 0.0)
            strength = np.exp(-turn2 / 0.09 - drop * drop / (0.0025 if drop > 0 else 0.03))
            facing = 12.0 if retro else max(facing, 0.0)
        else:
            strength = max(along, 0.05) ** 0.7
            facing = max(facing, 0.0)
        strength *= facing / (squared + 2.0)
        red += strength * lamps[m, 6]
        green += strength * lamps[m, 7]
        blue += strength * lamps[m, 8]
    return red, green, blue


@njit(cache=True)
def _albedo(
    surfaces: Surfaces, f: int, place: Radiance, normal: Radiance, pixel: float, paving: Paving, skin: Skin
) -> Radiance:
    kind, material = surfaces.kinds[f], surfaces.materials[f]
    red, green, blue = surfaces.colours[f, 0], surfaces.colours[f, 1], surfaces.colours[f, 2]
    if material in (_ASPHALT, _WET):  # nearly grey
        grey = (red + green + blue) / 3
        red, green, blue = grey + 0.3 * (red - grey), grey + 0.3 * (green - grey), grey + 0.3 * (blue - grey)
    if f >= surfaces.standing:
        return _linear(red), _linear(green), _linear(blue)
    a, b, c = texture(kind, material, place, normal, pixel, skin.salt)
    factor = 1.0
    if (kind in (_ROAD, _PARKING)) and normal[2] > 0.5:
        i, j = int((place[0] - paving.origin[0]) / CELL), int((place[1] - paving.origin[1]) / CELL)
        inside = 0 <= i < paving.lateral.shape[0] and 0 <= j < paving.lateral.shape[1]
        if inside and paving.half > 0 and abs(paving.lateral[i, j]) < paving.half:
            factor = carriageway(skin, paving.station[i, j], paving.lateral[i, j], paving.lane, kind == _ROAD)
        else:
            factor = carriageway(skin, place[0], place[1], paving.lane, False)
        factor = np.sqrt(factor)
    return _linear(red * a * factor), _linear(green * b * factor), _linear(blue * c * factor)


@njit(cache=True)
def _mirror(kind: int, material: int, cosine: float) -> float:
    """Share of light that a surface mirrors."""
    if material == _GLASS:
        return 0.08 + 0.8 * (1 - cosine) ** 4
    if material == _PAINTWORK:
        return 0.05 + 0.6 * (1 - cosine) ** 5
    if material == _METAL and kind != _BUILDING:
        return 0.12 + 0.3 * (1 - cosine) ** 4
    return 0.0


@njit(cache=True)
def _puddles(material: int, place: Radiance, level: float, light: Light) -> float:
    """How wet the ground is, 0..1."""
    if light.wet == 0.0 or level < 0.8 or material in (_GRASS, _SOIL, _GRAVEL):
        return 0.0
    pool = noise(place[0] / 2.3, place[1] / 2.3, light.salt + 9)
    pool += 0.5 * noise(place[0] / 0.7, place[1] / 0.7, light.salt + 8)
    return light.wet * min(max(0.55 + 0.9 * pool, 0.25), 1.0)


@njit(cache=True)
def shade(
    rays: NDArray[np.float32], seen: Seen, surfaces: Surfaces, paving: Paving, skin: Skin, light: Light,
    lamps: NDArray[np.float32], spread: float,
) -> NDArray[np.float32]:  # fmt: skip
    """Linear light [n, 3] along ``rays``, each of which covers ``spread`` radians."""
    result = np.empty((len(rays), 3), np.float32)
    for n in range(len(rays)):
        dx, dy, dz = float(rays[n, 3]), float(rays[n, 4]), float(rays[n, 5])
        f = seen.face[n]
        if f < 0:
            red, green, blue = sky(dx, dy, dz, light, True)
            result[n, 0], result[n, 1], result[n, 2] = red, green, blue
            continue
        d = float(seen.distance[n])
        place = (rays[n, 0] + dx * d, rays[n, 1] + dy * d, rays[n, 2] + dz * d)
        nx, ny, nz = float(seen.normals[n, 0]), float(seen.normals[n, 1]), float(seen.normals[n, 2])
        cosine = -(dx * nx + dy * ny + dz * nz)
        if cosine < 0:
            nx, ny, nz, cosine = -nx, -ny, -nz, -cosine
        normal = (nx, ny, nz)
        kind, material = surfaces.kinds[f], surfaces.materials[f]
        pixel = spread * d / np.sqrt(max(cosine, 0.02))
        red, green, blue = _albedo(surfaces, f, place, normal, pixel, paving, skin)
        if seen.white[n] and nz > 0.5:
            worn = 0.55 + 0.45 * min(max(1.2 + noise(place[0] / 0.5, place[1] / 0.5, skin.salt & 0xFFFF), 0.0), 1.0)
            red, green, blue = red + (0.62 - red) * worn, green + (0.62 - green) * worn, blue + (0.60 - blue) * worn
        if kind == _SIGN and material == _RETRO:
            a, b, c = _plate(surfaces.colours[f], seen.corners[n, 0], seen.corners[n, 1])
            red, green, blue = _linear(a), _linear(b), _linear(c)
        wet = _puddles(material, place, nz, light)
        dull = 1 - 0.5 * wet
        sun = max(nx * light.sun[0] + ny * light.sun[1] + nz * light.sun[2], 0.0) if seen.lit[n] else 0.0
        if material in (_FOLIAGE, _HEDGE):
            sun = 0.25 * sun + (0.3 if seen.lit[n] else 0.0)  # leaves turn every way, and let light through
        share = 0.5 + 0.5 * nz
        open_ = float(seen.open[n])
        a, b, c = _lamplight(place, normal, lamps, material == _RETRO)
        red *= dull * (sun * light.sunlight[0] + open_ * (share * light.above[0] + (1 - share) * light.below[0]) + a)
        green *= dull * (sun * light.sunlight[1] + open_ * (share * light.above[1] + (1 - share) * light.below[1]) + b)
        blue *= dull * (sun * light.sunlight[2] + open_ * (share * light.above[2] + (1 - share) * light.below[2]) + c)
        mirror = _mirror(kind, material, cosine)
        if wet > 0:
            mirror = max(mirror, wet * (0.03 + 0.75 * (1 - cosine) ** 4))
        if mirror > 0:
            rx, ry, rz = dx + 2 * cosine * nx, dy + 2 * cosine * ny, dz + 2 * cosine * nz
            a, b, c = mirrored(rx, ry, rz, light)
            glint = max(rx * light.sun[0] + ry * light.sun[1] + rz * light.sun[2], 0.0) ** 300
            glint = 12.0 * glint if seen.lit[n] else 0.0
            red += (a * open_ - red + glint * light.sunlight[0]) * mirror
            green += (b * open_ - green + glint * light.sunlight[1]) * mirror
            blue += (c * open_ - blue + glint * light.sunlight[2]) * mirror
        if light.lamps > 0 and material == _GLASS and kind == _BUILDING:
            pane = int(surfaces.colours[f, 0] * 1e6)
            if chance(pane, int(surfaces.colours[f, 2] * 1e6), light.salt) < 0.3:
                glow = light.lamps * (0.1 + 0.25 * chance(pane, 1, light.salt))
                red, green, blue = red + glow, green + glow * 0.72, blue + glow * 0.4
        haze = np.exp(-d / light.visibility)
        result[n, 0] = red * haze + light.horizon[0] * (1 - haze)
        result[n, 1] = green * haze + light.horizon[1] * (1 - haze)
        result[n, 2] = blue * haze + light.horizon[2] * (1 - haze)
    return result
