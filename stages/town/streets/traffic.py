"""What moves: vehicles in lanes, people and riders on sidewalks, each along a street at a speed of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.ego import EgoPath
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things.model import Model
from occlabel.stages.town.things.people import person, rider

_ENDS = 3.0
"""From either end of a street nothing moves [m]."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A thing on a street: ``lateral`` metres left of the centre line, ``start`` metres along at time 0.

    ``speed`` [m/s] is signed: negative drives against the street's direction. With ``follows`` the station is that
    of the car plus ``start``.
    """

    object_id: int
    model: Model
    street: Street
    lateral: float
    start: float
    speed: float
    follows: EgoPath | None = None
    begins: float = _ENDS
    """Nearer to the start of its street [m] it is not there: on a side street it would be on the main one's lanes."""

    def station(self, time: float) -> float:
        return self.start + (self.follows.station(time) if self.follows else self.speed * time)

    def pose(self, site: Site, time: float) -> Matrix | None:
        """World pose on the ground, None while off the street."""
        station = self.station(time)
        if not self.begins < station < self.street.length - _ENDS:
            return None
        x, y, heading = self.street.at(station, self.lateral)
        if not site.ground.inside(x, y, 4.0):
            return None
        yaw = heading if self.speed >= 0 else heading + np.pi
        return site.on_slope(x, y, yaw, self.model.size[0], self.model.size[1])

    def velocity(self, time: float) -> tuple[float, float]:
        """Along world x and y [m/s], by central difference over a tenth of a second."""
        before, after = (self.street.at(self.station(time + d), self.lateral) for d in (-0.05, 0.05))
        return (after[0] - before[0]) / 0.1, (after[1] - before[1]) / 0.1


def _edge_of_lane(model: Model, lateral: float, street: Street) -> float:
    """Cyclists keep to the outer side of their lane, and so does what hardly fits into it."""
    out = 0.25 * street.lane_width if model.kind == "bicyclist" else max(model.size[1] + 0.4 - street.lane_width, 0) / 2
    return float(lateral + np.sign(lateral) * out)


def draw_traffic(site: Site, streets: list[Street], path: EgoPath, side: float) -> list[Agent]:
    """All that moves in the town. ``side`` is -1 where traffic keeps right, 1 where it keeps left."""
    agents: list[Agent] = []
    main = streets[0]
    for lane in range(main.lanes):
        for direction in (1, -1):
            lateral = side * direction * main.middle(lane)
            if abs(lateral - path.lateral) < 0.1:
                agents += _own_lane(site, path, lateral)
            else:
                agents += _lane(site, main, lateral, direction, site.style.traffic)
    for which, sign in ((0, 1.0), (1, -1.0)):
        for middle, _ in main.beside(which):
            agents += _lane(site, main, sign * middle, int(sign * side), site.style.traffic * 0.4)
    for street in streets[1:]:
        if site.rng.random() < 0.5:
            first = max(16.0, main.half + 4.0)
            agents += _lane(site, street, side * street.lane_width / 2, 1, site.style.traffic * 0.6, first)
        if site.rng.random() < 0.35:
            agents += _waiting(site, street, side, max(13.0, main.half + 2.5))
    for street in streets:
        for which in (0, 1):
            agents += _walkers(site, street, which, None if street is main else main)
    return agents


def _own_lane(site: Site, path: EgoPath, lateral: float) -> list[Agent]:
    """Perhaps a vehicle ahead and one behind; they keep their distance."""
    agents = []
    for sign in (1, -1):
        if site.rng.random() < 0.35 * min(site.style.traffic, 1.5):
            model = site.fleet.drives(site.rng)
            gap = sign * float(site.rng.uniform(9, 45) + model.length / 2)
            agents += _coupled(site, model, Agent(0, model, path.street, lateral, gap, 1.0, path))
    return agents


def _lane(
    site: Site, street: Street, lateral: float, direction: int, traffic: float, first: float = 5.0
) -> list[Agent]:
    """One lane at one speed, so that nobody runs into another; now and then a standing queue."""
    rng = site.rng
    speed = 0.0 if rng.random() < (0.02 if street.fast else 0.1) else float(rng.uniform(*site.style.speed))
    agents, station = [], first + float(rng.exponential(40 / max(traffic, 0.1)))
    while station < street.length + 30:
        model = site.fleet.drives(rng)
        spot = _edge_of_lane(model, lateral, street)
        signed, middle = direction * speed if speed else direction * 1e-9, station + model.length / 2
        agents += _coupled(site, model, Agent(0, model, street, spot, middle, signed))
        gap = float(rng.uniform(3, 6)) if speed == 0 else 6 + float(rng.exponential(40 / max(traffic, 0.1)))
        station += model.length + gap
    return agents


def _waiting(site: Site, street: Street, side: float, back: float) -> list[Agent]:
    """A vehicle that waits to enter the main street, at least ``back`` metres from its centre line."""
    model = site.fleet.drives(site.rng)
    lateral = _edge_of_lane(model, -side * street.lane_width / 2, street)
    start = back + float(site.rng.uniform(0, 5) + model.length / 2)
    return _coupled(site, model, Agent(0, model, street, lateral, start, -1e-9))


def _coupled(site: Site, model: Model, middle: Agent) -> list[Agent]:
    """One agent of ``model``, and one of what it draws, for ``middle`` as the agent of both together."""
    way = 1.0 if middle.speed >= 0 else -1.0
    return [
        replace(middle, object_id=site.next_id(), model=part, start=middle.start + way * ahead)
        for part, ahead in model.coupled()
    ]


def _walkers(site: Site, street: Street, which: int, main: Street | None) -> list[Agent]:
    """People, and a few cyclists, along one sidewalk or, where there is none, the verge; of a street that leads off
    ``main``, only where they are off its carriageway."""
    rng = site.rng
    beyond, agents = 0.0, []
    for kind, width, _ in street.bands[which]:
        if kind == "sidewalk":
            break
        beyond += width
    else:
        beyond, width = 0.2, 0.8
    for _ in range(int(rng.poisson(street.length / 55 * site.style.people))):
        start, direction = float(rng.uniform(0, street.length)), float(rng.choice([-1, 1]))
        cycling = rng.random() < 0.15
        speed = float(rng.uniform(2.5, 5.0) if cycling else rng.uniform(0.6, 1.8))
        for k in range(1 if cycling else int(rng.choice([1, 1, 1, 2, 3]))):
            model = rider(rng, "bicyclist") if cycling else person(rng, walking=True)
            away = street.half + beyond + float(rng.uniform(0.35, max(width - 0.35, 0.4)))
            lateral = away if which == 0 else -away
            spot = (lateral, start + k * 0.7, direction * speed)
            begins = _ENDS if main is None else _off(main, street, lateral)
            agents.append(Agent(site.next_id(), model, street, *spot, begins=begins))
    return agents


def _off(main: Street, street: Street, lateral: float) -> float:
    """From where on along ``street`` [m], ``lateral`` metres left of its middle, ``main``'s carriageway is left."""
    stations = np.arange(_ENDS, min(street.length, 4 * main.half + 20.0), 0.5)
    way = np.array([street.at(station, lateral)[:2] for station in stations]).reshape(-1, 2)
    away = np.linalg.norm(way[:, None] - main.points[None], axis=2).min(axis=1)
    on = np.flatnonzero(away < main.half + 0.5)
    return float(stations[on[-1]]) if len(on) else _ENDS
