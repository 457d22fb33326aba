"""Styles: what kind of place a town is. A town draws one style and then varies each street and lot within it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

Band = tuple[str, float, float]
"""Surface kind, width [m], height above the terrain [m]."""


@dataclass(frozen=True, slots=True)
class Style:
    """Ranges are (low, high); ``lots`` weighs the kinds of lots, by the names in ``lots.py``."""

    name: str
    speed: tuple[float, float]
    lanes: tuple[int, int]
    lane_width: tuple[float, float]
    side_streets: tuple[float, float]
    """Spacing of junctions [m]."""
    sidewalk: float
    """Chance that a street side has one."""
    parked: tuple[float, float]
    """Share of the parking places that are taken."""
    hills: float
    """Steepest slope of the terrain."""
    greenery: float
    """Density of street trees, hedges and bushes, 1 is usual."""
    people: float
    traffic: float
    lots: dict[str, float]


STYLES = (
    Style("residential", (4, 11), (1, 1), (2.2, 3.3), (35, 90), 0.9, (0.05, 0.6), 0.05, 1.6, 0.6, 0.5,
          {"house": 9, "terrace": 4, "garden": 0.8, "wood": 0.5, "lawn": 0.5, "walled": 0.7, "block": 1,
           "garages": 0.6}),
    Style("suburb", (5, 13), (1, 1), (2.3, 3.4), (50, 120), 0.7, (0.02, 0.3), 0.07, 2.0, 0.4, 0.4,
          {"house": 9, "garden": 1.5, "wood": 1.2, "lawn": 1, "walled": 0.8, "parking": 0.4, "field": 0.4,
           "block": 0.6}),
    Style("old-town", (3, 9), (1, 1), (2.0, 3.0), (25, 60), 0.95, (0.1, 0.7), 0.05, 0.9, 1.2, 0.6,
          {"terrace": 8, "shop": 3, "walled": 1.5, "house": 1, "lawn": 0.4, "parking": 0.5, "garden": 0.6}),
    Style("city", (3, 13), (1, 2), (2.7, 3.5), (50, 110), 1.0, (0.1, 0.8), 0.03, 1.0, 1.6, 1.1,
          {"tower": 4, "shop": 4, "block": 3, "parking": 1, "lawn": 0.8, "site": 0.5, "terrace": 1, "wood": 0.3}),
    Style("blocks", (4, 13), (1, 2), (2.6, 3.5), (50, 120), 0.95, (0.1, 0.7), 0.04, 1.7, 0.9, 0.8,
          {"block": 5, "lawn": 2.5, "parking": 1.5, "garden": 1, "tower": 0.6, "wood": 1, "site": 0.3, "garages": 1}),
    Style("industrial", (5, 14), (1, 1), (2.8, 4.0), (60, 140), 0.6, (0.1, 0.6), 0.03, 1.0, 0.3, 0.7,
          {"hall": 6, "parking": 2.5, "field": 1, "wood": 0.8, "site": 0.8, "walled": 0.6, "lawn": 1, "block": 0.6}),
    Style("rural", (7, 17), (1, 1), (2.3, 3.6), (80, 200), 0.15, (0.0, 0.2), 0.10, 1.9, 0.15, 0.4,
          {"field": 5, "wood": 5, "house": 1.5, "garden": 1.5, "lawn": 1, "walled": 0.3}),
    Style("arterial", (8, 19), (2, 3), (3.2, 3.8), (90, 220), 0.4, (0.0, 0.1), 0.04, 1.5, 0.25, 1.4,
          {"field": 2, "wood": 4, "hall": 1.5, "block": 1.5, "lawn": 2, "parking": 1, "barrier-wall": 2}),
)  # fmt: skip

_WEIGHTS = np.array([4.0, 3.0, 2.2, 2.0, 2.0, 1.2, 1.5, 1.0])


def draw_style(rng: np.random.Generator) -> Style:
    return STYLES[int(rng.choice(len(STYLES), p=_WEIGHTS / _WEIGHTS.sum()))]


def draw_bands(rng: np.random.Generator, style: Style) -> tuple[tuple[Band, ...], str]:
    """What lies beside the carriageway, from the edge outwards, and how cars park there.

    Parking is ``none``, ``parallel``, ``angled`` (cars across, in the first band) or ``kerb`` (half on the sidewalk).
    """
    kerb = float(rng.choice([0.0, 0.03, 0.05, 0.08, 0.10, 0.12, 0.15, 0.18, 0.20]))
    walk = ("sidewalk", float(rng.uniform(1.4, 4.5 if style.people > 1 else 3.4)), kerb)
    verge = ("terrain", float(rng.uniform(0.8, 3.5)), max(kerb - 0.02, 0.0) + float(rng.uniform(0, 0.05)))
    if rng.random() > style.sidewalk:
        edge = ("other-ground", float(rng.uniform(0.4, 1.5)), 0.0)
        return ((edge, verge) if rng.random() < 0.35 else (verge,)), "none"
    parking_surface = "parking" if rng.random() < 0.7 else "road"
    level = 0.0 if rng.random() < 0.7 else kerb
    choice = rng.random()
    if choice < 0.30:
        return (walk,), "kerb" if rng.random() < 0.15 else "none"
    if choice < 0.60:
        return ((parking_surface, float(rng.uniform(2.0, 2.6)), level), walk), "parallel"
    if choice < 0.70:
        return ((parking_surface, float(rng.uniform(4.6, 5.4)), level), walk), "angled"
    if choice < 0.88:
        return (verge, walk), "none"
    return (walk, verge), "none"
