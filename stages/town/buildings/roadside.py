"""What lines country roads and motorways: guard rails, noise walls, delineators, gantries, rows of trees and poles."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.buildings.fences import Fence, run_fence
from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.kerbside import Kerbside, sides
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things import street_furniture as furniture
from occlabel.stages.town.things import vegetation

_CHORD = 8.0
"""Length of the straight pieces of which rails along a bent road are made [m]."""


def line_country_road(site: Site, street: Street) -> None:
    """Both sides of a road between fields: posts, trees, bushes, now and then a guard rail, no kerb and no lamp."""
    rng = site.rng
    for kerbside in sides(site, street):
        if rng.random() < 0.75:
            _row(kerbside, 0.5, float(rng.uniform(18, 50)), furniture.delineator)
        if rng.random() < 0.3:
            start = float(rng.uniform(0, 0.6)) * street.length
            _run(kerbside, Fence(rng, "guard"), 0.9, start, start + float(rng.uniform(30, 120)))
        if rng.random() < 0.5:
            _trees(kerbside, float(rng.uniform(1.2, 4.0)))
        if rng.random() < 0.25:
            _row(kerbside, float(rng.uniform(1.5, 5.0)), float(rng.uniform(30, 50)), furniture.utility_pole)
        _bushes(kerbside, (1.3, 5.0), 0.05)
        for _ in range(int(rng.poisson(street.length / 110))):
            kerbside.stand(rng.uniform(0, street.length), 1.0, furniture.sign(rng), 0.4, np.pi / 2)


def line_motorway(site: Site, street: Street) -> None:
    """The median's barrier, rails and walls outside, gantries, boards, and bushes on the slopes."""
    rng = site.rng
    _median(site, street)
    gantry = rng.random() < 0.6
    for kerbside in sides(site, street):
        length, bands = street.length, street.setback(kerbside.side) - street.half
        if rng.random() < 0.5:
            start = 0.0 if rng.random() < 0.6 else float(rng.uniform(0, 0.7)) * length
            _run(kerbside, Fence(rng, "guard"), 0.6, start, start + float(rng.uniform(0.3, 1.2)) * length)
        if rng.random() < 0.15:
            start = 0.0 if rng.random() < 0.5 else float(rng.uniform(0, 0.7)) * length
            wall = Fence(rng, "noise-wall")
            _run(kerbside, wall, bands - 0.4, start, start + float(rng.uniform(0.3, 1.0)) * length)
        _row(kerbside, 0.35, float(rng.uniform(25, 50)), furniture.delineator)
        if gantry:
            _gantries(kerbside)
        _bushes(kerbside, (1.6, bands + 5.0), 0.25)
        for _ in range(int(rng.poisson(length / 200))):
            kerbside.stand(rng.uniform(0, length), 1.3, furniture.big_sign(rng), 0.8, np.pi / 2)


def _row(kerbside: Kerbside, beyond: float, pitch: float, model: furniture.Maker) -> None:
    rng = kerbside.site.rng
    mesh = model(rng)
    for station in np.arange(rng.uniform(1, pitch), kerbside.street.length, pitch):
        kerbside.stand(station, beyond, mesh, 0.3)


def _run(kerbside: Kerbside, fence: Fence, beyond: float, start: float, stop: float) -> None:
    """A fence ``beyond`` metres off the carriageway, with gaps where other roads join."""
    stop = min(stop, kerbside.street.length - 1.0)
    for station in np.arange(max(start, 1.0), stop, _CHORD):
        ends = [kerbside.spot(at, beyond)[:2] for at in (station, min(station + _CHORD, stop))]
        if min(kerbside.clearance(*end) for end in ends) > min(0.15, beyond / 2):
            run_fence(kerbside.site, fence, np.array(ends[0]), np.array(ends[1]))


def _trees(kerbside: Kerbside, beyond: float) -> None:
    """A row along the road, of one age."""
    rng = kerbside.site.rng
    pitch, height = float(rng.uniform(6, 20)), float(rng.uniform(5, 15))
    for station in np.arange(rng.uniform(1, pitch), kerbside.street.length, pitch):
        if rng.random() < 0.85:
            tall = height * float(rng.uniform(0.8, 1.2))
            tree = vegetation.tree(rng, tall, tall * float(rng.uniform(0.4, 0.7)))
            kerbside.stand(station, beyond + rng.normal(0, 0.3), tree, 0.6, rng.uniform(0, 6))


def _bushes(kerbside: Kerbside, away: tuple[float, float], per_metre: float) -> None:
    rng = kerbside.site.rng
    share = per_metre * kerbside.site.style.greenery * float(rng.uniform(0.1, 1.2))
    for _ in range(int(rng.poisson(kerbside.street.length * share))):
        width = float(rng.uniform(0.6, 2.4))
        beyond = float(rng.uniform(away[0] + width / 2, away[1] + width))
        bush = vegetation.bush(rng, width, width * float(rng.uniform(0.4, 1.1)))
        kerbside.stand(rng.uniform(0, kerbside.street.length), beyond, bush, width * 0.6)


def _median(site: Site, street: Street) -> None:
    """A concrete barrier, or guard rails on both sides with grass, bushes or lamps between them."""
    rng, width = site.rng, street.median[1]
    concrete = width < 3.0 and rng.random() < 0.4
    fence = Fence(rng, "concrete" if concrete else "guard")
    laterals = (0.0,) if concrete or width < 1.9 else (0.35 - width / 2, width / 2 - 0.35)
    for lateral in laterals:
        for station in np.arange(1.0, street.length - _CHORD, _CHORD):
            ends = [np.array(street.at(at, lateral)[:2]) for at in (station, station + _CHORD)]
            run_fence(site, fence, ends[0], ends[1])
    if rng.random() < 0.45 and not (concrete and width < 2.2):
        lamp = furniture.median_lamp(rng)
        for station in np.arange(rng.uniform(2, 40), street.length, rng.uniform(30, 45)):
            x, y, yaw = street.at(station, 0.5 if len(laterals) == 1 else 0.0)
            site.try_stand(lamp, x, y, yaw, 0.3)
    if width > 3.2 and rng.random() < 0.5:
        height = float(rng.uniform(0.5, 1.6))
        for station in np.arange(rng.uniform(0, 9), street.length, rng.uniform(3.0, 9.0)):
            x, y, yaw = street.at(station, float(rng.normal(0, width * 0.06)))
            site.try_stand(vegetation.bush(rng, min(width - 2.0, 2.2), height), x, y, yaw, 1.0)


def _gantries(kerbside: Kerbside) -> None:
    """Frames with boards over one carriageway."""
    site, rng, street = kerbside.site, kerbside.site.rng, kerbside.street
    span = 1.0 + street.half - street.median[1] / 4
    for _ in range(1 + int(rng.poisson(street.length / 500))):
        x, y, yaw = kerbside.spot(rng.uniform(5, street.length - 5), 1.0)
        if site.ground.inside(x, y, 3.0) and site.ground.is_free(x, y, yaw, 0.8, 0.8):
            site.ground.take(x, y, yaw, 0.8, 0.8)
            site.add(furniture.gantry(rng, span), x, y, yaw)
