"""The borders of a carriageway that are not straight: bays for buses and cars, long lanes of entry, worn asphalt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.stages.town.style import Style


@dataclass(frozen=True, slots=True)
class Bay:
    """A widening of a carriageway between two stations [m]."""

    start: float
    stop: float
    kind: str
    """Its surface: road, parking, or the other-ground of a closed area."""

    def holds(self, station: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Which places, by their station, lie along it."""
        return (station >= self.start) & (station <= self.stop)


@dataclass(frozen=True, slots=True)
class Edge:
    """One side of a carriageway."""

    wider: NDArray[np.float32]
    """[n] metres by which the carriageway reaches beyond its half width, one value for each metre along it."""
    bays: tuple[Bay, ...]


def draw_edge(rng: np.random.Generator, style: Style, length: int, main: bool) -> Edge:
    """The edge of a street of ``length`` metres; of side streets a straight one."""
    wider = np.zeros(length, np.float32)
    if not main:
        return Edge(wider, ())
    if style.road == "country" or (style.road == "street" and rng.random() < 0.15):
        wider += _worn(rng, length, float(rng.uniform(0.0, 0.2)))
    bays, spacing = [], {"street": 140.0, "country": 220.0, "motorway": 280.0}[style.road]
    station = float(rng.exponential(spacing))
    while station < length - 20.0 and rng.random() < 0.8:
        bay, taper, depth = _draw_bay(rng, style, station)
        along = np.arange(length, dtype=np.float32)
        ramp = np.clip(np.minimum(along - bay.start, bay.stop - along) / taper, 0.0, 1.0)
        wider = np.maximum(wider, (depth * ramp).astype(np.float32))
        bays.append(bay)
        station = bay.stop + 15.0 + float(rng.exponential(spacing))
    return Edge(wider, tuple(bays))


def _draw_bay(rng: np.random.Generator, style: Style, station: float) -> tuple[Bay, float, float]:
    """A bay from ``station`` on, the length of its ends and its depth [m]."""
    if style.road == "motorway":  # a lane to leave or to enter by
        taper, flat = float(rng.uniform(30, 70)), float(rng.uniform(60, 200))
        depth, kinds = float(rng.uniform(3.3, 4.0)), {"road": 0.95, "other-ground": 0.05}
    else:
        taper, flat = float(rng.uniform(2, 12)), float(rng.uniform(10, 45))
        depth, kinds = float(rng.uniform(2.2, 3.6)), {"road": 0.55, "parking": 0.37, "other-ground": 0.08}
    kind = str(rng.choice(list(kinds), p=list(kinds.values())))
    return Bay(station, station + flat + 2 * taper, kind), taper, depth


def _worn(rng: np.random.Generator, length: int, strength: float) -> NDArray[np.float32]:
    """Noise [length] between -``strength`` and ``strength`` metres, over some metres."""
    knots = rng.uniform(-strength, strength, length // 4 + 2)
    return np.interp(np.arange(length), np.arange(len(knots)) * 4.0, knots).astype(np.float32)


@njit(cache=True)
def widen(
    edge: NDArray[np.float32], owner: NDArray[np.int16], station: NDArray[np.float32], left: NDArray[np.float32],
    right: NDArray[np.float32],
) -> None:  # fmt: skip
    """Moves the borders of the main street: ``edge`` [nx, ny] is the distance [m] from the nearest carriageway,
    ``owner`` the side of the street it is of (0 and 1 for the main street), ``left`` and ``right`` by how much each
    side is wider, for each metre of ``station``."""
    for i in range(edge.shape[0]):
        for j in range(edge.shape[1]):
            if owner[i, j] == 0 or owner[i, j] == 1:
                profile = left if owner[i, j] == 0 else right
                at = min(max(station[i, j], 0.0), len(profile) - 1.001)
                n = int(at)
                edge[i, j] -= profile[n] * (n + 1 - at) + profile[n + 1] * (at - n)
