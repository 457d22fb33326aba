"""The sky in a direction, and what mirrors show of a town."""

from __future__ import annotations

from numba import njit

from occlabel.stages.town.sensors.textures import noise
from occlabel.stages.town.sensors.weather import Light

Radiance = tuple[float, float, float]
"""Linear red, green, blue."""
_BAND = 0.22
"""Sine of the height up to which houses and trees hide the sky from a mirror."""


@njit(cache=True)
def sky(x: float, y: float, z: float, light: Light, sharp: bool) -> Radiance:
    """What the unit direction shows; ``sharp``: with clouds and the sun."""
    up = max(z, 0.0)
    share = 1.0 - (1.0 - min(up * 1.15, 1.0)) ** 3
    red = light.horizon[0] + (light.zenith[0] - light.horizon[0]) * share
    green = light.horizon[1] + (light.zenith[1] - light.horizon[1]) * share
    blue = light.horizon[2] + (light.zenith[2] - light.horizon[2]) * share
    towards = max(x * light.sun[0] + y * light.sun[1] + z * light.sun[2], 0.0)
    clouded = 0.0
    if sharp and light.cover > 0.02:
        a, b = x / (up + 0.12), y / (up + 0.12)
        field = noise(a / 1.7, b / 1.7, light.salt) + 0.5 * noise(a / 0.7, b / 0.7, light.salt + 1)
        field += 0.25 * noise(a / 0.3, b / 0.3, light.salt + 2) + 0.12 * noise(a / 0.12, b / 0.12, light.salt + 3)
        clouded = min(max((field * 0.55 + light.cover * 1.7 - 0.8) / 0.35, 0.0), 1.0)
        clouded *= min(up * 8.0, 1.0) * 0.9
        tone = 1.0 - 0.28 * min(max(field * 0.5 + 0.5, 0.0), 1.0) * light.cover
        red += (light.cloud[0] * tone - red) * clouded
        green += (light.cloud[1] * tone - green) * clouded
        blue += (light.cloud[2] * tone - blue) * clouded
    halo = 0.25 * towards**8 + 0.6 * towards**60
    if sharp:
        halo += 40.0 * (1 - clouded) * towards**6000
    return red + halo * light.sunlight[0], green + halo * light.sunlight[1], blue + halo * light.sunlight[2]


@njit(cache=True)
def mirrored(x: float, y: float, z: float, light: Light) -> Radiance:
    """What a mirror in a street shows in a direction: sky above, a dark skyline, ground below."""
    red, green, blue = sky(x, y, z, light, False)
    share = min(max(z / _BAND, 0.0), 1.0)
    share = share * share * (3 - 2 * share)
    dark = 0.16 if z > 0 else 0.2
    return (
        red * share + dark * light.above[0] * (1 - share),
        green * share + dark * light.above[1] * (1 - share),
        blue * share + dark * light.above[2] * (1 - share),
    )
