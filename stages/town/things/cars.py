"""Passenger cars and vans. They look along x, wheels on z = 0."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.things.mesh import Colour, Material, Mesh, Paint, box, join, loft, of_kind, quads, tube
from occlabel.stages.town.things.model import Model

Rng = np.random.Generator
TYRE = (0.06, 0.06, 0.07)
PANE = (0.14, 0.17, 0.20)

# Side profiles as share of length from the rear: (x, height of the roof line as share of height, how much of a cabin).
_PROFILES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "sedan": ((0.0, 0.56, 0), (0.03, 0.68, 0), (0.18, 0.70, 0), (0.32, 0.96, 1), (0.42, 1.0, 1), (0.55, 0.98, 1),
              (0.70, 0.68, 0), (0.90, 0.60, 0), (0.98, 0.50, 0), (1.0, 0.40, 0)),
    "hatch": ((0.0, 0.50, 0), (0.02, 0.66, 0), (0.10, 0.93, 1), (0.25, 1.0, 1), (0.50, 0.98, 1), (0.68, 0.68, 0),
              (0.90, 0.60, 0), (0.98, 0.50, 0), (1.0, 0.38, 0)),
    "estate": ((0.0, 0.55, 0), (0.02, 0.68, 0), (0.07, 0.94, 1), (0.2, 1.0, 1), (0.55, 0.98, 1), (0.70, 0.66, 0),
               (0.92, 0.58, 0), (1.0, 0.40, 0)),
    "suv": ((0.0, 0.50, 0), (0.02, 0.64, 0), (0.06, 0.95, 1), (0.2, 1.0, 1), (0.55, 0.98, 1), (0.68, 0.66, 0),
            (0.93, 0.62, 0), (1.0, 0.45, 0)),
    "van": ((0.0, 0.95, 1), (0.02, 1.0, 1), (0.4, 1.0, 1), (0.75, 0.97, 1), (0.90, 0.56, 0), (0.98, 0.48, 0),
            (1.0, 0.36, 0)),
}  # fmt: skip
_SIZES = {"sedan": (4.6, 1.8, 1.45), "hatch": (4.0, 1.73, 1.48), "estate": (4.6, 1.8, 1.5), "suv": (4.5, 1.85, 1.68),
          "van": (5.1, 1.95, 2.05)}  # fmt: skip


def body_colour(rng: Rng) -> Colour:
    table = ((0.05, 0.05, 0.06), (0.85, 0.86, 0.87), (0.60, 0.62, 0.64), (0.35, 0.36, 0.38), (0.45, 0.08, 0.08),
             (0.10, 0.18, 0.40), (0.12, 0.22, 0.16), (0.70, 0.66, 0.55), (0.75, 0.35, 0.1))  # fmt: skip
    weights = np.array([0.22, 0.2, 0.2, 0.15, 0.07, 0.07, 0.03, 0.04, 0.02])
    return table[int(rng.choice(len(table), p=weights / weights.sum()))]


def wheels(xs: tuple[float, ...], track: float, radius: float, width: float = 0.22) -> list[Mesh]:
    rubber = Paint("car", TYRE, Material.RUBBER)
    return [
        tube((x, side * track, radius), (x, side * (track - width), radius), (radius, radius), rubber, 10)
        for x in xs
        for side in (-1, 1)
    ]


def _hull(profile: NDArray[np.float64], size: tuple[float, float, float], paint: Paint) -> list[Mesh]:
    """Lower body and cabin: rings of eight points along the length; the cabin narrows towards its roof."""
    length, width, height = size
    x = (profile[:, 0] - 0.5) * length
    belt = np.minimum(profile[:, 1], 0.64) * height
    low = np.where((profile[:, 0] < 0.04) | (profile[:, 0] > 0.96), 0.26, 0.17) * height
    half = width / 2 * np.where((profile[:, 0] < 0.01) | (profile[:, 0] > 0.99), 0.88, 1.0)
    roof = profile[:, 1] * height
    narrow = half * np.where(profile[:, 2] > 0, 0.78, 0.9)
    ring_y = np.stack([-half * 0.9, -half, -half * 0.98, -narrow, narrow, half * 0.98, half, half * 0.9], axis=1)
    middle = (low + belt) / 2
    ring_z = np.stack([low, middle, belt, roof, roof, belt, middle, low], axis=1)
    rings = np.stack([np.broadcast_to(x[:, None], ring_y.shape), ring_y, ring_z], axis=2)
    body = loft(rings, paint)
    # Panes: a little outside the skin between belt and roof, on the sides, front and rear of the cabin.
    cabin = np.flatnonzero(profile[:, 2] > 0)
    first, last = max(cabin[0] - 1, 0), min(cabin[-1] + 1, len(profile) - 1)
    panes = []
    for side in (2, 3), (5, 4):
        for i in range(cabin[0], cabin[-1]):
            a, b = rings[i, side[0]], rings[i + 1, side[0]]
            c, d = rings[i + 1, side[1]], rings[i, side[1]]
            panes.append([a + (d - a) * 0.08, b + (c - b) * 0.08, c + (b - c) * 0.15, d + (a - d) * 0.15])
    for i, j in ((first, cabin[0]), (cabin[-1], last)):
        if i != j:
            panes.append([rings[i, 3], rings[j, 3], rings[j, 4], rings[i, 4]])
    corners = np.array(panes, np.float64)
    centre = np.array([0.0, 0.0, height * 0.5])
    return [body, quads(centre + (corners - centre) * 1.006, Paint(paint.kind, PANE, Material.GLASS))]


def car(rng: Rng) -> Model:
    """A passenger car or van."""
    shape = str(rng.choice(list(_PROFILES), p=[0.27, 0.26, 0.13, 0.22, 0.12]))
    length, width, height = (float(v * rng.uniform(0.93, 1.07)) for v in _SIZES[shape])
    size = (length, width, height)
    return Model("car", join(car_like(rng, "car", np.array(_PROFILES[shape]), size)), size)


def car_like(rng: Rng, kind: str, profile: NDArray[np.float64], size: tuple[float, float, float]) -> list[Mesh]:
    """The hull of ``profile`` [n, 3] (x as a share of the length, roof line as one of the height, whether of a cabin)
    with wheels, plates and mirrors, all of ``kind``."""
    length, width, height = size
    paint = Paint(kind, body_colour(rng), Material.PAINTWORK)
    radius = 0.31 * rng.uniform(0.95, 1.15)
    plates = Paint(kind, (0.85, 0.85, 0.8), Material.RETROREFLECTOR)
    parts = [
        *_hull(profile, size, paint),
        *wheels((-0.30 * length, 0.31 * length), width / 2, radius),
        box((0.03, 0.5, 0.11), (-length / 2 - 0.01, 0, 0.45 * height), plates),
        box((0.03, 0.5, 0.11), (length / 2 + 0.01, 0, 0.3 * height), plates),
        *(box((0.1, 0.18, 0.13), (0.16 * length, s * (width / 2 + 0.08), 0.62 * height), paint) for s in (-1, 1)),
    ]
    return [of_kind(part, kind) for part in parts]
