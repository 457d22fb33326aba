"""Cross-sections: what lies beside a carriageway, from its edge outwards."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.style import Style

Band = tuple[str, float, float]
"""Surface kind, width [m], height above the terrain [m]."""
MOST_BANDS = 5
LEAST_CARRIAGEWAY = 3.0
"""A band of road as wide as this [m] is driven on; a narrower one is for parking."""


def draw_kerb(rng: np.random.Generator) -> float:
    """Height of a kerb [m], 0 to 0.2: about half are flush or all but flush, as kerbs that carts cross are."""
    if rng.random() < 0.5:
        return float(rng.choice([0.0, 0.0, 0.01, 0.02, 0.03]))
    return float(rng.uniform(0.035, 0.2))


def draw_bands(rng: np.random.Generator, style: Style) -> tuple[tuple[Band, ...], str]:
    """The bands of one side of a street, and how cars park there.

    Parking is ``none``, ``parallel``, ``angled`` (cars across, in the first band) or ``kerb`` (half on the sidewalk).
    """
    if style.road == "motorway":
        return _motorway(rng), "none"
    if style.road == "country":
        return _country(rng), "none"
    kerb = draw_kerb(rng)
    wide = 6.0 if style.people > 1 else 5.0
    if rng.random() < 0.04:
        return _service_road(rng, kerb, style.sidewalk), "none"
    walk = ("sidewalk", float(rng.uniform(1.4, wide if rng.random() < 0.4 else 2.6)), kerb)
    verge = ("terrain", float(rng.uniform(0.8, 3.5)), max(kerb - 0.02, 0.0) + float(rng.uniform(0, 0.05)))
    if rng.random() > style.sidewalk:
        edge = ("other-ground", float(rng.uniform(0.4, 1.5)), 0.0)
        low = ("terrain", verge[1], float(rng.choice([-0.04, 0.0, 0.0, 0.03])))
        return ((edge, low) if rng.random() < 0.35 else (low,)), "none"
    parking_surface = "parking" if rng.random() < 0.75 else "road"
    level = 0.0 if rng.random() < 0.6 else kerb
    choice = rng.random()
    if choice < 0.28:
        return (walk,), "kerb" if rng.random() < 0.12 else "none"
    if choice < 0.34:  # grass between two walks
        return (walk, ("terrain", verge[1], kerb), ("sidewalk", 1.6, kerb)), "none"
    if choice < 0.42:  # a sidewalk and a lawn in one plane
        return (walk, ("terrain", float(rng.uniform(0.6, 2.5)), kerb)), "none"
    if choice < 0.62:
        return ((parking_surface, float(rng.uniform(2.0, 2.6)), level), walk), "parallel"
    if choice < 0.70:
        return ((parking_surface, float(rng.uniform(4.6, 5.4)), level), walk), "angled"
    if choice < 0.75:  # bays behind the sidewalk's line, a strip of green before the walk
        return ((parking_surface, float(rng.uniform(2.0, 2.6)), level), (verge[0], 1.0, verge[2]), walk), "parallel"
    return (verge, walk), "none"


def _service_road(rng: np.random.Generator, kerb: float, sidewalk: float) -> tuple[Band, ...]:
    """A second carriageway beyond a strip of green, of paving or of parking places."""
    between: Band = ("terrain", float(rng.uniform(0.8, 7.0)), max(kerb + float(rng.uniform(-0.03, 0.05)), 0.0))
    choice = rng.random()
    if choice < 0.1:
        between = ("other-ground", float(rng.uniform(0.8, 2.5)), kerb)
    elif choice < 0.3:
        between = ("parking", float(rng.choice([2.2, 5.0])), 0.0)
    outer = ("sidewalk", float(rng.uniform(1.4, 4.0)), draw_kerb(rng))
    bands = (between, ("road", float(rng.uniform(4.0, 6.5)), 0.0))
    return (*bands, outer) if rng.random() < sidewalk else bands


def _motorway(rng: np.random.Generator) -> tuple[Band, ...]:
    """A hard strip or gravel, then grass; the hard shoulder is part of the carriageway. Beyond the grass there is now
    and then another carriageway: a slip road or a local one."""
    grass = ("terrain", float(rng.uniform(2.0, 7.0)), float(rng.choice([-0.04, 0.0, 0.0, 0.03])))
    strip = ("other-ground", float(rng.uniform(0.4, 1.0)), 0.0)
    bands = (strip, grass) if rng.random() < 0.25 else (grass,)
    if rng.random() < 0.2:
        beyond = ("terrain", float(rng.uniform(1.5, 4.0)), 0.0)
        return (*bands, ("road", float(rng.uniform(4.0, 11.0)), 0.0), beyond)
    return bands


def _country(rng: np.random.Generator) -> tuple[Band, ...]:
    """Grass that is flush with the road or a little lower, a gravel shoulder or a cycle way now and then."""
    grass = ("terrain", float(rng.uniform(1.0, 4.5)), float(rng.choice([-0.05, -0.03, 0.0, 0.0, 0.02])))
    choice = rng.random()
    if choice < 0.2:
        return (("other-ground", float(rng.uniform(0.3, 1.2)), 0.0), grass)
    if choice < 0.32:
        return (grass, ("sidewalk", float(rng.uniform(1.6, 2.6)), 0.0), ("terrain", 1.0, 0.0))
    if choice < 0.36:  # a way for farmers, or an older road
        return (grass, ("road", float(rng.uniform(3.0, 5.5)), 0.0), ("terrain", 1.0, 0.0))
    return (grass,)
