"""Light and weather of a log, and the temper of its cameras: drawn once a log, seen by cameras alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

Conditions = Literal["day", "rain", "night", "rainy-night"]
CONDITIONS: tuple[Conditions, ...] = get_args(Conditions)
_SHARES = (0.74, 0.11, 0.11, 0.04)
Colour = NDArray[np.float32]
"""[3] linear red, green, blue."""


class Light(NamedTuple):
    """What lights the town, in units of white paper in the open on a clear day. A named tuple, because compiled code
    takes it whole."""

    sun: NDArray[np.float32]
    """[3] unit vector towards it."""
    sunlight: Colour
    """On a surface that faces it."""
    zenith: Colour
    """Of the sky without clouds."""
    horizon: Colour
    cloud: Colour
    cover: float
    """Share of the sky with clouds."""
    above: Colour
    """Ambient light on what faces up."""
    below: Colour
    """Ambient light on what faces down."""
    visibility: float
    """Distance [m] at which haze leaves a third of the contrast."""
    wet: float
    """0 dry .. 1 in puddles."""
    lamps: float
    """Strength of street lamps, windows and head lamps; 0 by day."""
    salt: int
    """Seeds clouds, puddles and windows."""


@dataclass(frozen=True, slots=True)
class Optics:
    """How the cameras of one log turn light into pictures."""

    exposure: float
    """Stops beside the right exposure."""
    balance: tuple[float, float, float]
    """Gain of red, green and blue."""
    saturation: float
    vignette: float
    """Share of light that is lost in the corners."""
    shot: float
    """Variance of noise at white, and less than that below."""
    read: float
    """Sigma of noise in the dark."""
    quality: int
    """Of the camera's own JPEG."""
    rain: float
    """Streaks of rain before it and drops on its lens, 0..1."""


@dataclass(frozen=True, slots=True)
class Weather:
    """Of one log."""

    light: Light
    optics: Optics


def draw_weather(rng: np.random.Generator, conditions: Conditions | None) -> Weather:
    """The weather of a log under those ``conditions``; None draws them too."""
    drawn = CONDITIONS[int(rng.choice(len(CONDITIONS), p=_SHARES))]
    wanted = drawn if conditions is None else conditions
    raining, dark = wanted in ("rain", "rainy-night"), wanted in ("night", "rainy-night")
    light = _night(rng, raining) if dark else _day(rng, raining)
    return Weather(light, _draw_optics(rng, raining, dark))


def noon() -> Weather:
    """A clear day and a good camera."""
    return draw_weather(np.random.default_rng(4), "day")


def _colour(*parts: float) -> Colour:
    return np.array(parts, np.float32)


def _day(rng: np.random.Generator, raining: bool) -> Light:
    height = np.radians(rng.uniform(8, 62))
    around = rng.uniform(0, 2 * np.pi)
    sun = _colour(np.cos(height) * np.cos(around), np.cos(height) * np.sin(around), np.sin(height))
    cover = 1.0 if raining else float(rng.choice([0.0, 0.35, 0.6, 1.0], p=[0.25, 0.3, 0.2, 0.25]))
    cover = float(np.clip(cover + rng.uniform(-0.15, 0.15), 0.0, 1.0))
    thin = 1.0 - np.clip((cover - 0.5) / 0.45, 0.0, 1.0)  # sun that gets through
    air = np.array([0.07, 0.12, 0.25]) * rng.uniform(0.7, 1.5) / np.sin(height)
    warm = np.exp(-air) * 1.5 * thin * rng.uniform(0.85, 1.15)
    glow = np.exp(-0.5 * air)
    grey = float(rng.uniform(0.5, 0.75)) * (0.7 if raining else 1.0) * float(np.sin(height) ** 0.35)
    blue = np.array([0.16, 0.30, 0.62]) * rng.uniform(0.8, 1.1)
    pale = np.array([0.62, 0.74, 0.88]) * glow
    shade = min(max((cover - 0.3) / 0.6, 0.0), 1.0)
    clear = np.array([0.30, 0.37, 0.50]) * float(np.sin(height) ** 0.3)
    sky = (1 - shade) * clear + shade * np.array([0.96, 0.99, 1.03]) * grey
    ground = 0.18 * sky + 0.10 * warm * float(np.sin(height))
    return Light(
        sun, warm.astype(np.float32), ((1 - shade) * blue + shade * grey * 0.9).astype(np.float32),
        ((1 - shade) * pale + shade * grey * 1.1).astype(np.float32),
        (np.array([1.0, 1.0, 1.02]) * (0.55 * grey + 0.5 * (1 - shade) * glow)).astype(np.float32), cover,
        sky.astype(np.float32), ground.astype(np.float32),
        float(rng.uniform(120, 400) if raining else rng.choice([250.0, 700.0, 2500.0], p=[0.15, 0.35, 0.5])),
        float(rng.uniform(0.5, 1.0) if raining else rng.choice([0.0, 0.35], p=[0.85, 0.15])), 0.0,
        int(rng.integers(1 << 30)),
    )  # fmt: skip


def _night(rng: np.random.Generator, raining: bool) -> Light:
    glow = np.array([0.020, 0.015, 0.012]) * rng.uniform(0.4, 1.6)  # of the city, on haze
    dusk = np.array([0.012, 0.018, 0.035]) * rng.uniform(0.2, 3.0)
    return Light(
        _colour(0.3, 0.3, 0.905), _colour(0, 0, 0), (dusk * 0.6).astype(np.float32), (glow + dusk).astype(np.float32),
        (glow * 0.8 + dusk * 0.5).astype(np.float32), 0.7, (0.6 * (glow + dusk)).astype(np.float32),
        (0.25 * (glow + dusk)).astype(np.float32), float(rng.uniform(100, 250) if raining else rng.uniform(400, 2000)),
        float(rng.uniform(0.6, 1.0)) if raining else 0.0, float(rng.uniform(0.7, 1.3)), int(rng.integers(1 << 30)),
    )  # fmt: skip


def _draw_optics(rng: np.random.Generator, raining: bool, dark: bool) -> Optics:
    gain = float(rng.uniform(6, 16)) if dark else float(rng.uniform(1, 2.5))
    red, blue = np.exp(rng.normal(0, 0.05, 2)).tolist()
    return Optics(
        float(rng.normal(-2.0 if dark else 0.0, 0.25)), (red, 1.0, blue), float(rng.uniform(0.8, 1.15)),
        float(rng.uniform(0.05, 0.4)), 3e-4 * gain, 0.002 * gain**0.5, int(rng.integers(72, 96)),
        float(rng.uniform(0.3, 1.0)) if raining else 0.0,
    )  # fmt: skip
