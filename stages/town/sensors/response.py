"""How a LiDAR turns the strength of an echo into the intensity that it stores, and how that differs between logs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray


class Response(NamedTuple):
    """Intensity = gain * ring * (signal^gamma - least^gamma) / (1 - least^gamma), where signal is the reflectance that
    the echo seems to have. A named tuple, because compiled code takes it whole."""

    gain: float
    """Intensity of a white wall."""
    gamma: float
    """Near 0 the intensity goes with the logarithm of the echo."""
    least: float
    """Signals below it are stored as 0."""
    angle: float
    """Exponent of the cosine of incidence, relative to that of the material: firmware that flattens echoes flattens
    this, too."""
    level: float
    """Up to this distance [m] the firmware makes up for the range."""
    falloff: float
    """Exponent of the range beyond: 0 where it is made up for, too."""
    cut: float
    """Intensities about and below this are stored as 0."""
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
HDL64 = Response(0.44, 0.10, 0.005, 0.6, 22.0, 4.3, 0.11, 1.4, 0.09, 0.02, 100, _ALIKE)
"""Of a sensor that flattens echoes to their logarithm and loses weak ones beyond some twenty metres: the road, whose
echo is weakest, is stored as 0 from 27 to 35 m on, grass and leaves come down from 0.36 at 20 m to 0.12 at 45 m. So do
the four sequences of SemanticKITTI that are development logs."""
HDL32 = Response(0.40, 1.0, 0.0, 1.6, 15.0, 0.1, 0.0, 1.0, 0.15, 0.008, 255, _ALIKE)
"""Of a sensor calibrated to reflectance: 100 of 255 for white, above for retro-reflectors."""
_MISSING = 0.06
"""Share of logs without intensity, where such logs are wanted."""


def draw_response(rng: np.random.Generator, nominal: Response, beams: int, may_miss: bool) -> Response:
    """The response of one log's sensor, about ``nominal``; with ``may_miss`` some logs store 0 throughout."""
    spread = rng.uniform(0.02, 0.13)
    rings = np.exp(rng.normal(0.0, spread, beams)) * np.where(rng.random(beams) < 0.02, 0.5, 1.0)
    drawn = Response(
        nominal.gain * float(np.exp(rng.normal(0.0, 0.2))),
        nominal.gamma * float(rng.uniform(0.7, 1.4)),
        nominal.least * float(np.exp(rng.normal(0.0, 0.6))),
        nominal.angle * float(rng.uniform(0.6, 1.5)),
        nominal.level * float(rng.uniform(0.8, 1.2)),
        nominal.falloff * float(rng.uniform(0.7, 1.3)) + float(rng.uniform(-0.3, 0.4)),
        nominal.cut * float(rng.uniform(0.3, 1.3)),
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
    if distance > response.level:
        seen *= (response.level / distance) ** response.falloff
    dark = response.least**response.gamma
    value = response.gain * max(seen**response.gamma - dark, 0.0) / (1.0 - dark)
    if len(response.rings) > 0:
        value *= response.rings[ring]
    value += (response.speckle * value + response.noise) * flicker
    if value < response.cut * (1.0 - 0.5 * flicker):
        return 0.0
    return np.floor(min(max(value, 0.0), 1.0) * response.steps + 0.5) / response.steps
