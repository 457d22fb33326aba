"""Cars parked along streets, and the planted beds between them."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.kerbside import Kerbside, sides
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things import vegetation
from occlabel.stages.town.things.cars import car

_BEYOND = {"parallel": 1.1, "kerb": 0.2, "angled": 2.6}
"""By mode of parking: from the carriageway to the middle of a car [m]."""
_CLEAR = {"parallel": 0.9, "kerb": 0.1, "angled": 2.2}
"""And the least clearance from all carriageways: nearer than that is the mouth of a junction."""


def keep_lanes_free(site: Site, streets: list[Street]) -> None:
    """Takes the ground that vehicles drive on, so that nothing is parked or put up there."""
    for street in streets:
        for lane in range(street.lanes):
            for sign in (-1, 1):
                for station in np.arange(1.0, street.length, 2.0):
                    x, y, heading = street.at(station, sign * street.middle(lane))
                    site.ground.take(x, y, heading, 2.4, 2.3)
        for side, sign in ((0, 1), (1, -1)):
            for middle, width in street.beside(side):
                for station in np.arange(1.0, street.length, 2.0):
                    x, y, heading = street.at(station, sign * middle)
                    site.ground.take(x, y, heading, 2.4, width)


def park_cars(site: Site, street: Street) -> None:
    """Parked vehicles by the street's mode of parking: rows with gaps, and beds in some of the gaps."""
    for kerbside in sides(site, street):
        mode, share = street.parking[kerbside.side], float(site.rng.uniform(*site.style.parked))
        if mode != "none":
            _park_row(kerbside, mode, share)


def _park_row(kerbside: Kerbside, mode: str, share: float) -> None:
    site, rng = kerbside.site, kerbside.site.rng
    pitch = 2.6 if mode == "angled" else 5.6
    station = float(rng.uniform(3, 10))
    together = True
    beds = mode != "kerb" and rng.random() < 0.3 * site.style.greenery
    while station < kerbside.street.length - 4:
        if rng.random() < 0.3:
            together = bool(rng.random() < share)
        x, y, yaw = kerbside.spot(station, _BEYOND[mode] + rng.normal(0, 0.06))
        if together and kerbside.clearance(x, y) > _CLEAR[mode]:
            station += _park(kerbside, mode, station, (x, y, yaw))
        elif beds and rng.random() < 0.4 and kerbside.clearance(x, y) > _CLEAR[mode]:
            _planted_bed(site, x, y, yaw, 5.0 if mode == "angled" else 2.2)
        station += pitch * float(rng.uniform(0.95, 1.15))


def _park(kerbside: Kerbside, mode: str, station: float, spot: tuple[float, float, float]) -> float:
    """Parks one vehicle; returns by how much more than a car it takes along the street."""
    rng = kerbside.site.rng
    flip = np.pi * rng.integers(2)
    model = car(rng) if mode == "angled" else kerbside.site.fleet.parks(rng)
    extra = 0.0
    x, y, yaw = spot
    if model.length > 7:
        extra = (model.length - 5) / 2
        x, y, yaw = kerbside.spot(station + extra, _BEYOND[mode] + 0.15)
    turn = np.pi / 2 if mode == "angled" else 0.0
    kerbside.site.try_thing(model, x, y, yaw + turn + flip + rng.normal(0, 0.03), 0.1)
    return extra + max((model.length - 5) / 2, 0)


def _planted_bed(site: Site, x: float, y: float, yaw: float, depth: float) -> None:
    """An island with bushes, perhaps a tree, between parking places."""
    rng, ground = site.rng, site.ground
    length = float(rng.uniform(2.0, 4.5))
    if not ground.is_free(x, y, yaw, length, depth):
        return
    ground.pave_over("terrain", 0.12, x, y, yaw, length, depth)
    if rng.random() < 0.6:
        tree = vegetation.tree(rng, float(rng.uniform(5, 11)), float(rng.uniform(3, 7)))
        site.try_stand(tree, x, y, 0.0, 0.6)
    spots = vegetation.shrubbery(rng, length, depth, float(rng.uniform(0.3, 1.2)))
    site.add(vegetation.leaves(rng, spots, 0.2, vegetation.leaf_colour(rng)), x, y, yaw)
    ground.take(x, y, yaw, length, depth)
