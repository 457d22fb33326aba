"""Pickups and delivery vans: as low as cars or as closed as vans, and yet made to haul. They look along x, wheels on
z = 0.

Benchmarks differ: both call a pickup a truck, but a van whose cab and hold are one body is a car in SemanticKITTI and a
truck in nuScenes, so it is a kind of its own.
"""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.things.cars import car_like
from occlabel.stages.town.things.mesh import Material, Paint, box, join, of_kind
from occlabel.stages.town.things.model import Model

Rng = np.random.Generator

_FLOOR = 0.4
"""Of an open bed, as a share of the height."""


def pickup(rng: Rng) -> Model:
    """A cab for two or for five and a bed behind it, open, under a cover or under a hard top."""
    length, width, height = float(rng.uniform(4.7, 6.2)), float(rng.uniform(1.8, 2.1)), float(rng.uniform(1.7, 2.0))
    bed, rail = float(rng.uniform(0.27, 0.42)), float(rng.uniform(0.56, 0.64))
    top = str(rng.choice(["open", "cover", "hard"], p=[0.55, 0.3, 0.15]))
    behind = {"open": _FLOOR, "cover": rail, "hard": 0.95}[top]
    profile = [
        (0.0, behind - 0.02, 0.0), (0.02, behind, 0.0), (bed - 0.03, behind, 0.0), (bed, 0.95, 1.0),
        (bed + 0.1, 1.0, 1.0), (0.6, 0.97, 1.0), (0.72, 0.67, 0.0), (0.95, 0.61, 0.0), (1.0, 0.43, 0.0),
    ]  # fmt: skip
    parts = car_like(rng, "truck", np.array(profile), (length, width, height))
    if top == "open":
        paint = Paint("truck", tuple(parts[0].colours[0].tolist()), Material.PAINTWORK)
        low, tall, long = _FLOOR * height, (rail - _FLOOR) * height, bed * length
        x = -length / 2 + long / 2
        parts += [box((long, 0.06, tall), (x, s * (width / 2 - 0.04), low), paint) for s in (-1, 1)]
        parts.append(box((0.06, width - 0.1, tall), (-length / 2 + 0.04, 0, low), paint))
        if rng.random() < 0.3:
            load = Paint("truck", tuple(rng.uniform(0.2, 0.8, 3)))
            parts.append(box((long * 0.7, width * 0.7, float(rng.uniform(0.2, 0.9))), (x, 0, low), load, 0.8))
    return Model("truck", of_kind(join(parts), "truck"), (length, width, height))


def delivery_van(rng: Rng) -> Model:
    """A closed van of 5.2 to 7 m, with a roof to stand under or a lower one."""
    length, width, height = float(rng.uniform(5.2, 7.0)), float(rng.uniform(1.95, 2.1)), float(rng.uniform(2.2, 2.8))
    bonnet, sill = float(rng.uniform(0.86, 0.92)), float(rng.uniform(0.42, 0.5))
    profile = [
        (0.0, 0.97, 0.0), (0.02, 1.0, 0.0), (bonnet - 0.3, 1.0, 0.0), (bonnet - 0.28, 1.0, 1.0),
        (bonnet - 0.16, 0.98, 1.0), (bonnet, sill + 0.06, 0.0), (0.98, sill, 0.0), (1.0, sill - 0.08, 0.0),
    ]  # fmt: skip
    parts = car_like(rng, "delivery-van", np.array(profile), (length, width, height))
    return Model("delivery-van", join(parts), (length, width, height))
