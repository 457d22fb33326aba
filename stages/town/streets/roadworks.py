"""Cones and barriers that close off what lies beside a carriageway."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.kerbside import Kerbside, sides
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things.barriers import barrier
from occlabel.stages.town.things.street_furniture import cone

_CLEAR = 0.1
"""From every carriageway [m]: no row closes the mouth of a side street."""


def roadworks(site: Site, street: Street) -> None:
    """Now and then a row of cones or of barriers, all alike, along one side of a street, or along both."""
    rng = site.rng
    if rng.random() < 0.6 or street.length < 60:
        return
    both = sides(site, street)
    for kerbside in both if rng.random() < 0.3 else (both[int(rng.integers(2))],):
        start = float(rng.uniform(5, street.length - 30))
        _row(kerbside, start, min(start + float(rng.uniform(8, 90)), street.length - 1.0))


def _row(kerbside: Kerbside, start: float, stop: float) -> None:
    """Cones stand apart, barriers end to end or nearly so, and each a little out of line."""
    rng = kerbside.site.rng
    closed = rng.random() < 0.65
    model = barrier(rng) if closed else cone(rng)
    pitch = model.length + float(rng.choice([0.02, rng.uniform(0.05, 0.5)])) if closed else float(rng.uniform(1.8, 5))
    beyond, loose = float(rng.uniform(0.35, 1.6)), float(rng.uniform(0.005, 0.05))
    places = []
    for station in np.arange(start, stop, pitch):
        x, y, yaw = kerbside.spot(station, beyond + float(rng.normal(0, loose)))
        if kerbside.clearance(x, y) > _CLEAR:
            places.append((x, y, yaw + float(rng.normal(0, loose))))
    kerbside.site.try_row(model, places)
