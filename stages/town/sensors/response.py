"""How a LiDAR turns the strength of an echo into the intensity that it stores, and how that differs between logs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

_LEVEL = 15.0
"""Up to this distance [m] the firmware makes up for the range; beyond, ``falloff`` of it is left."""


class Response(NamedTuple):
    """Intensity = gain * ring * (signal^gamma - offset), where signal is the reflectance that the echo seems to have. A
    named tuple, because compiled code takes it whole."""

    gain: float
    gamma: float
    offset: float
    """Echoes below it are stored as 0."""
    falloff: float
    """Exponent of the range that is not made up for: 0 full compensation, 2 none."""
    near: float
    """The detector sees half of the echo from this distance [m]: beam and detector overlap farther off."""
    speckle: float
    """One sigma of the noise, relative to the intensity."""
    noise: float
    """One sigma of the noise, absolute."""
    steps: int
    """Levels per unit that the format holds."""
    rings: NDArray[np.float32]
    """Relative gain of each beam; empty: all alike."""


_ALIKE = np.zeros(0, np.float32)
HDL64 = Response(0.68, 0.30, 0.18, 1.3, 1.0, 0.09, 0.02, 100, _ALIKE)
"""Of a sensor that flattens strong echoes and loses weak ones with the range."""
HDL32 = Response(0.40, 1.0, 0.0, 0.1, 1.0, 0.15, 0.008, 255, _ALIKE)
"""Of a sensor calibrated to reflectance: 100 of 255 for white, above for retro-reflectors."""
_MISSING = 0.06
"""Share of logs without intensity, where such logs are wanted."""


def draw_response(rng: np.random.Generator, nominal: Response, beams: int, may_miss: bool) -> Response:
    """The response of one log's sensor, about ``nominal``; with ``may_miss`` some logs store 0 throughout."""
    spread = rng.uniform(0.02, 0.13)
    rings = np.exp(rng.normal(0.0, spread, beams)) * np.where(rng.random(beams) < 0.02, 0.5, 1.0)
    drawn = Response(
        nominal.gain * float(np.exp(rng.normal(0.0, 0.2))),
        nominal.gamma * float(rng.uniform(0.75, 1.3)),
        nominal.offset * float(rng.uniform(0.4, 1.3)),
        nominal.falloff + float(rng.uniform(-0.4, 0.5)),
        nominal.near * float(rng.uniform(0.3, 2.5)),
        nominal.speckle * float(rng.uniform(0.5, 1.7)),
        nominal.noise * float(rng.uniform(0.5, 2.0)),
        nominal.steps,
        rings.astype(np.float32),
    )
    missing = rng.random() < _MISSING
    return drawn._replace(gain=0.0, noise=0.0) if missing and may_miss else drawn


@njit(cache=True)
def stored(response: Response, signal: float, distance: float, ring: int, flicker: float) -> float:
    """Intensity 0..1 of an echo of apparent reflectance ``signal`` from ``distance`` [m], with ``flicker`` sigmas of
    noise."""
    seen = signal * distance**2 / (distance**2 + response.near**2)
    if distance > _LEVEL:
        seen *= (_LEVEL / distance) ** response.falloff
    value = response.gain * max(seen**response.gamma - response.offset, 0.0)
    if len(response.rings) > 0:
        value *= response.rings[ring]
    value += (response.speckle * value + response.noise) * flicker
    return np.floor(min(max(value, 0.0), 1.0) * response.steps + 0.5) / response.steps
