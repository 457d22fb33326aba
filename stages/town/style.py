"""Styles: what kind of place a town is. A town draws one style and then varies each street and lot within it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np


@dataclass(frozen=True, slots=True)
class Style:
    """Ranges are (low, high); ``lots`` weighs the kinds of lots, by the names in ``lots.py``."""

    name: str
    speed: tuple[float, float]
    lanes: tuple[int, int]
    lane_width: tuple[float, float]
    side_streets: tuple[float, float]
    """Spacing of junctions [m]; infinite where there are none."""
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
    road: Literal["street", "country", "motorway"] = "street"
    """How the main street is built and lined: ``street_sides.py`` has the cross-sections, ``roadside.py`` the rest."""


_NEVER = (float("inf"), float("inf"))
STYLES = (
    Style("residential", (4, 11), (1, 1), (2.2, 3.3), (35, 90), 0.9, (0.02, 0.35), 0.07, 1.8, 0.6, 0.4,
          {"house": 9, "terrace": 3, "garden": 1, "wood": 0.8, "lawn": 0.8, "walled": 0.7, "block": 1,
           "garages": 0.5, "yard": 0.5}),
    Style("suburb", (5, 13), (1, 1), (2.3, 3.4), (50, 120), 0.7, (0.0, 0.2), 0.09, 2.2, 0.4, 0.3,
          {"house": 9, "garden": 1.7, "wood": 1.6, "lawn": 1.2, "walled": 0.8, "parking": 0.3, "field": 0.5,
           "block": 0.6, "yard": 0.5}),
    Style("old-town", (3, 9), (1, 1), (2.0, 3.0), (25, 60), 0.95, (0.02, 0.4), 0.06, 1.1, 1.2, 0.5,
          {"terrace": 7, "shop": 3, "walled": 1.5, "house": 1, "lawn": 0.6, "parking": 0.3, "garden": 0.8, "plaza": 1}),
    Style("city", (3, 13), (1, 2), (2.7, 3.5), (50, 110), 1.0, (0.05, 0.5), 0.03, 1.2, 1.6, 0.9,
          {"tower": 4, "shop": 4, "block": 3, "parking": 0.6, "lawn": 1, "site": 0.5, "terrace": 1, "wood": 0.5,
           "plaza": 1.5}),
    Style("blocks", (4, 13), (1, 2), (2.6, 3.5), (50, 120), 0.95, (0.05, 0.45), 0.05, 1.9, 0.9, 0.6,
          {"block": 5, "lawn": 3, "parking": 0.9, "garden": 1.2, "tower": 0.6, "wood": 1.3, "site": 0.3, "garages": 0.8,
           "plaza": 0.5}),
    Style("industrial", (5, 14), (1, 1), (2.8, 4.0), (60, 140), 0.6, (0.05, 0.4), 0.04, 1.2, 0.3, 0.6,
          {"hall": 6, "parking": 1.5, "field": 1.3, "wood": 1.2, "site": 0.8, "walled": 0.6, "lawn": 1.2, "block": 0.6,
           "yard": 1.5}),
    Style("rural", (7, 17), (1, 1), (2.3, 3.6), (80, 200), 0.2, (0.0, 0.15), 0.10, 2.0, 0.15, 0.3,
          {"field": 4, "wood": 5, "house": 2.5, "garden": 1.5, "lawn": 1, "walled": 0.5, "yard": 1}),
    Style("arterial", (8, 19), (2, 3), (3.2, 3.8), (90, 220), 0.4, (0.0, 0.1), 0.05, 1.7, 0.25, 1.2,
          {"field": 2, "wood": 4, "hall": 1.5, "block": 1.5, "lawn": 2, "parking": 0.7, "barrier-wall": 2}),
    Style("country", (11, 25), (1, 1), (2.5, 3.7), (150, 500), 0.0, (0.0, 0.1), 0.10, 2.0, 0.03, 0.35,
          {"field": 6, "wood": 5, "garden": 0.4, "house": 0.3, "lawn": 0.5, "yard": 0.3}, "country"),
    Style("motorway", (19, 34), (2, 4), (3.5, 3.75), _NEVER, 0.0, (0.0, 0.0), 0.05, 1.6, 0.0, 0.8,
          {"field": 3, "wood": 6, "barrier-wall": 0.8, "lawn-strip": 3}, "motorway"),
)  # fmt: skip

_WEIGHTS = np.array([4.0, 3.2, 2.0, 1.8, 2.0, 1.2, 1.5, 1.0, 2.2, 2.2])


def draw_style(rng: np.random.Generator) -> Style:
    """A style; one town in twelve, of industrial ones two in five, has freight yards."""
    style = STYLES[int(rng.choice(len(STYLES), p=_WEIGHTS / _WEIGHTS.sum()))]
    chance, share = 0.4 if style.name == "industrial" else 1 / 12, float(rng.uniform(0.1, 0.45))
    if style.road == "motorway" or rng.random() > chance:
        return style
    return replace(style, lots=style.lots | {"freight-yard": share / (1 - share) * sum(style.lots.values())})
