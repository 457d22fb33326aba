"""How the car drives: where it is along the main street at any time, and its pose on the road."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.site import on_slope
from occlabel.stages.town.streets.ground import Ground
from occlabel.stages.town.streets.streets import MARGIN, Street

_FORCE = 4.0
"""Most that drivers let a bend push them sideways [m/s^2], 0.4 of their weight."""
_STEP = 0.25
"""Seconds between the places at which a bend is felt."""


@dataclass(frozen=True, slots=True)
class Motion:
    """Speed over time: a mean and a slow wave around it."""

    speed: float
    """Metres per second."""
    swing: float
    """Amplitude of the wave, below ``speed``."""
    period: float
    phase: float

    def station(self, time: float) -> float:
        """Metres driven after ``time`` seconds, negative before the start."""
        omega = 2 * np.pi / self.period
        wave = np.cos(self.phase) - np.cos(omega * time + self.phase)
        return float(self.speed * time + self.swing / omega * wave)

    def velocity(self, time: float) -> float:
        return float(self.speed + self.swing * np.sin(2 * np.pi / self.period * time + self.phase))

    def times(self, factor: float) -> Motion:
        """So many times as fast."""
        return replace(self, speed=self.speed * factor, swing=self.swing * factor)


def draw_motion(rng: np.random.Generator, speed: tuple[float, float]) -> Motion:
    mean = float(rng.uniform(*speed))
    return Motion(
        mean,
        mean * float(rng.uniform(0, 0.6 if mean < 15 else 0.15)),
        float(rng.uniform(8, 20)),
        float(rng.uniform(0, 2 * np.pi)),
    )


@dataclass(frozen=True, slots=True)
class EgoPath:
    """The car's way through the town."""

    street: Street
    lateral: float
    """Left of the centre line [m]."""
    motion: Motion
    ground: Ground
    height: float
    """Of the ego frame's origin above the ground [m]."""

    def station(self, time: float) -> float:
        return MARGIN + self.motion.station(time)

    def careful(self, duration: float) -> EgoPath:
        """The same way, driven in ``duration`` seconds as slowly as the sharpest bend that is reached asks for."""
        slower = self
        while (force := slower._sideways(duration)) > _FORCE:
            factor = min(np.sqrt(_FORCE / force), 0.98)  # other bends are passed at other speeds then
            slower = replace(slower, motion=slower.motion.times(float(factor)))
        return slower

    def _sideways(self, duration: float) -> float:
        """Greatest acceleration across the way [m/s^2]: speed times how fast the car turns."""
        stations = [self.station(time) for time in np.arange(0, duration + _STEP, _STEP).tolist()]
        x, y, heading = np.array([self.street.at(station, self.lateral) for station in stations]).T
        turned, driven = np.diff(np.unwrap(heading)), np.hypot(np.diff(x), np.diff(y))
        return float(np.abs(turned * driven).max(initial=0)) / _STEP**2

    def pose(self, time: float) -> Matrix:
        """``world_from_ego`` [4, 4]: x ahead, tilted as the road."""
        x, y, heading = self.street.at(self.station(time), self.lateral)
        pose = on_slope(self.ground, x, y, heading, 2.7, 1.5)
        pose[:3, 3] += pose[:3, 2] * self.height
        return pose
