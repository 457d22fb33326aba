"""Which vehicles a town has. Every town draws a mix of its own: what is rare in one is common in the next."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from occlabel.stages.town.things.cars import car
from occlabel.stages.town.things.light_trucks import delivery_van, pickup
from occlabel.stages.town.things.model import Model
from occlabel.stages.town.things.people import rider
from occlabel.stages.town.things.semi_trailers import lorry, semi_trailer
from occlabel.stages.town.things.trucks import bus, construction_vehicle, trailer, truck
from occlabel.stages.town.things.two_wheelers import two_wheeler

Rng = np.random.Generator

_MODELS: dict[str, Callable[[Rng], Model]] = {
    "car": car,
    "pickup": pickup,
    "delivery-van": delivery_van,
    "truck": truck,
    "bus": bus,
    "trailer": trailer,
    "semi-trailer": semi_trailer,
    "lorry": lorry,
    "construction-vehicle": construction_vehicle,
    "motorcycle": lambda rng: two_wheeler(rng, "motorcycle"),
    "motorcyclist": lambda rng: rider(rng, "motorcyclist"),
    "bicyclist": lambda rng: rider(rng, "bicyclist"),
}

_DRIVING = {
    "car": 0.52, "pickup": 0.03, "delivery-van": 0.03, "truck": 0.11, "lorry": 0.03, "bus": 0.07,
    "construction-vehicle": 0.02, "motorcyclist": 0.09, "bicyclist": 0.10,
}  # fmt: skip
_PARKED = {
    "car": 0.8, "pickup": 0.035, "delivery-van": 0.025, "motorcycle": 0.05, "truck": 0.04, "trailer": 0.015,
    "semi-trailer": 0.01, "bus": 0.015, "construction-vehicle": 0.01,
}  # fmt: skip
"""Mean shares. Rare vehicles are several times as frequent as on real streets: a network learns a class from examples,
and a score of a class from a handful of them says nothing."""

_SPREAD = 0.8
"""Of the logarithm of a share between towns; cars keep theirs."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """Shares of the kinds of vehicles in one town; each of the two sums to 1."""

    driving: dict[str, float]
    parked: dict[str, float]

    def drives(self, rng: Rng) -> Model:
        """A vehicle for a lane, its rider or driver included."""
        return _draw(rng, self.driving)

    def parks(self, rng: Rng) -> Model:
        """A vehicle for a place at the kerb."""
        return _draw(rng, self.parked)


def draw_fleet(rng: Rng, riders: bool) -> Fleet:
    """The mix of one town; without ``riders`` nobody cycles there."""
    driving = _DRIVING if riders else _DRIVING | {"bicyclist": 0.0, "truck": 0.16, "lorry": 0.1, "motorcyclist": 0.04}
    return Fleet(_mix(rng, driving), _mix(rng, _PARKED))


def _mix(rng: Rng, means: dict[str, float]) -> dict[str, float]:
    drawn = {kind: mean * float(np.exp(rng.normal(0, _SPREAD))) for kind, mean in means.items()}
    drawn["car"] = means["car"]
    total = sum(drawn.values())
    return {kind: share / total for kind, share in drawn.items()}


def _draw(rng: Rng, shares: dict[str, float]) -> Model:
    return _MODELS[str(rng.choice(list(shares), p=list(shares.values())))](rng)
