"""Freight yards: semi-trailers and lorries parked in rows."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.buildings import buildings
from occlabel.stages.town.buildings.fences import Fence
from occlabel.stages.town.buildings.lot import Lot
from occlabel.stages.town.things.model import Model
from occlabel.stages.town.things.semi_trailers import lorry, semi_trailer, tractor
from occlabel.stages.town.things.trucks import truck

_LONGEST = 17.5
"""Of what is parked [m]."""


def freight_yard(lot: Lot) -> None:
    """Rows of semi-trailers on paving, ends, sides or slanted to the street, open or behind a fence; where the lot is
    deep, a hall behind."""
    rng = lot.site.rng
    surface = str(rng.choice(["parking", "road", "other-ground", "sidewalk"], p=[0.55, 0.15, 0.25, 0.05]))
    lot.pave(surface, 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    front = float(rng.uniform(0.6, 5.0))
    depth = lot.depth
    if depth > 32 and rng.random() < 0.6:
        hall = float(rng.uniform(9, 12))
        lot.build(buildings.hall(rng, lot.width * 0.9, hall), 0, depth - hall / 2 - 0.5, lot.width * 0.9, hall)
        depth -= hall + 1.0
    if rng.random() < 0.45:
        kind = str(rng.choice(["mesh", "bars", "guard", "wall", "hedge"], p=[0.5, 0.2, 0.1, 0.1, 0.1]))
        lot.fence(Fence(rng, kind), (-lot.width / 2, 0.3), (lot.width / 2, 0.3), 0.15)
    # A yard belongs to a few firms, whose trailers are alike.
    fleet = [semi_trailer(rng) for _ in range(int(rng.integers(2, 5)))]
    if depth - front < 14.5 or rng.random() < 0.2:
        _along(lot, fleet, front, depth)
    else:
        _across(lot, fleet, front, depth)


def _across(lot: Lot, fleet: list[Model], front: float, depth: float) -> None:
    """Side by side, 0.5 to 1.5 m apart, ends to the street: a row, an aisle, a row."""
    rng = lot.site.rng
    share, gap = float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.5, 1.5))
    slant = float(rng.uniform(-0.5, 0.5)) if rng.random() < 0.2 else 0.0
    turn = float(rng.choice([-1, 1])) * np.pi / 2 + slant
    pitch = (2.5 + gap) / np.cos(slant)
    middle = front + 7.0
    while middle < depth - 5.0:
        for a in np.arange(-lot.width / 2 + 1.8, lot.width / 2 - 1.7, pitch):
            if rng.random() < share:
                model = _parked(rng, fleet)
                b = middle + (model.length - fleet[0].length) / 2 + float(rng.normal(0, 0.25))
                x, y = lot.world(a + rng.normal(0, 0.06), b)
                flip = np.pi if rng.random() < 0.1 else 0.0
                lot.site.try_thing(model, x, y, lot.yaw + turn + flip + rng.normal(0, 0.012), 0.05)
        middle += 14.5 + (float(rng.uniform(8, 16)) if rng.random() < 0.6 else 0.8)


def _along(lot: Lot, fleet: list[Model], front: float, depth: float) -> None:
    """One behind the other, sides to the street."""
    rng = lot.site.rng
    for b in np.arange(front + 1.4, depth - 1.4, float(rng.uniform(3.2, 6.0))):
        for a in np.arange(-lot.width / 2 + 8.0, lot.width / 2 - 7.0, _LONGEST - 1.5):
            if rng.random() < 0.75:
                x, y = lot.world(a + rng.normal(0, 0.4), b)
                flip = float(rng.integers(2)) * np.pi
                lot.site.try_thing(_parked(rng, fleet), x, y, lot.yaw + flip + rng.normal(0, 0.015), 0.05)


def _parked(rng: np.random.Generator, fleet: list[Model]) -> Model:
    roll = rng.random()
    if roll < 0.86:
        return fleet[int(rng.integers(len(fleet)))]
    return lorry(rng) if roll < 0.93 else (tractor if roll < 0.97 else truck)(rng)
