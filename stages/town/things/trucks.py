"""Trucks, buses, trailers and construction vehicles. They look along x, wheels on z = 0."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from occlabel.stages.town.things.cars import PANE, body_colour, car, wheels
from occlabel.stages.town.things.mesh import Colour, Material, Mesh, Paint, box, join, of_kind, quads, tube
from occlabel.stages.town.things.model import Model, fitted

Rng = np.random.Generator


def cab(kind: str, x: float, length: float, width: float, height: float, colour: Colour) -> list[Mesh]:
    """The cab of a vehicle of ``kind``, centred on ``x``, with a windscreen."""
    paint = Paint(kind, colour, Material.PAINTWORK)
    body = box((length, width, height - 0.5), (x, 0, 0.5), paint, 0.94)
    low, high = x + length / 2 * 0.985, x + length / 2 * 0.95
    side, sill, rim = width * 0.42, height * 0.6, height * 0.93
    pane = [(low, -side, sill), (low, side, sill), (high, side, rim), (high, -side, rim)]
    front = quads(np.array([pane], np.float64) + np.array([0.02, 0, 0]), Paint(kind, PANE, Material.GLASS))
    return [body, front]


def truck(rng: Rng) -> Model:
    """A lorry or delivery truck: cab, box, tank or open bed."""
    length, width = float(rng.uniform(5.6, 10.5)), float(rng.uniform(2.1, 2.5))
    cab_length, cab_height = float(rng.uniform(1.6, 2.3)), float(rng.uniform(2.2, 3.1))
    parts = cab("truck", length / 2 - cab_length / 2, cab_length, width, cab_height, body_colour(rng))
    load = length - cab_length - 0.25
    x = -length / 2 + load / 2
    top = float(rng.uniform(2.6, 3.7))
    paint = Paint("truck", tuple(rng.uniform(0.3, 0.95, 3)), Material.PAINTWORK)
    choice = rng.random()
    if choice < 0.6:
        parts.append(box((load, width, top - 0.95), (x, 0, 0.95), paint))
    elif choice < 0.8:
        top = cab_height
        parts += [box((load, width, 0.15), (x, 0, 1.0), paint)]
        parts += [box((load, 0.06, 0.6), (x, s * width / 2, 1.1), paint) for s in (-1, 1)]
        parts.append(box((load * 0.8, width * 0.8, rng.uniform(0.3, 1.3)), (x, 0, 1.1), paint, 0.7))
    else:
        top = max(cab_height, 2.9)
        parts.append(tube((x - load / 2, 0, 1.95), (x + load / 2, 0, 1.95), (0.95, 0.95), paint, 12))
    parts.append(box((length - 1.0, width * 0.5, 0.35), (-0.2, 0, 0.6), Paint("truck", (0.15, 0.15, 0.16))))
    parts += wheels(
        (length / 2 - 1.1, -length / 2 + 1.3, *((-length / 2 + 2.5,) if length > 8 else ())), width / 2, 0.48, 0.3
    )
    return Model("truck", of_kind(join(parts), "truck"), (length, width, max(top, cab_height)))


def bus(rng: Rng) -> Model:
    """A city bus or coach, one with two decks, or a small one."""
    sort = str(rng.choice(["long", "tall", "small"], p=[0.75, 0.08, 0.17]))
    low, high = {"long": (9.5, 13), "tall": (10, 12.5), "small": (6, 8.5)}[sort]
    flat, roof = {"long": (2.9, 3.6), "tall": (4.1, 4.4), "small": (2.5, 3.0)}[sort]
    length, height = float(rng.uniform(low, high)), float(rng.uniform(flat, roof))
    width = 2.2 if sort == "small" else 2.55
    paint = Paint("bus", body_colour(rng), Material.PAINTWORK)
    parts = [box((length, width, height - 0.35), (0, 0, 0.35), paint, 0.98)]
    x0 = np.arange(-length / 2 + 0.4, length / 2 - 1.5, 1.5)
    panes = np.empty((2 * len(x0), 4, 3))
    for half, side in enumerate((-1, 1)):
        rows = panes[half * len(x0) : (half + 1) * len(x0)]
        rows[:, :, 1] = side * (width / 2 + 0.01)
        rows[:, (0, 3), 0], rows[:, (1, 2), 0] = x0[:, None], x0[:, None] + 1.35
        rows[:, :2, 2], rows[:, 2:, 2] = 1.35, height - 0.5
    parts.append(quads(panes, Paint("bus", PANE, Material.GLASS)))
    front = [
        (length / 2 + 0.01, s * width * 0.45, z)
        for s, z in ((-1, 1.0), (1, 1.0), (1, height - 0.5), (-1, height - 0.5))
    ]
    parts.append(quads(np.array([front], np.float64), Paint("bus", PANE, Material.GLASS)))
    parts += wheels((length * 0.29, -length * 0.27), width / 2, 0.48, 0.3)
    return Model("bus", of_kind(join(parts), "bus"), (length, width, height))


def trailer(rng: Rng) -> Model:
    """A parked trailer: a box on wheels, a low-loader or a caravan."""
    long = rng.random() < 0.5
    length, width = (
        (float(rng.uniform(9, 13)), 2.5) if long else (float(rng.uniform(3, 6)), float(rng.uniform(1.7, 2.3)))
    )
    height = float(
        rng.uniform(1.0, 1.4) if rng.random() < 0.35 else (rng.uniform(3.4, 3.9) if long else rng.uniform(2.1, 2.7))
    )
    paint = Paint("trailer", tuple(rng.uniform(0.4, 0.95, 3)), Material.PAINTWORK)
    floor = 1.05 if long else 0.5
    parts = [box((length - 1.0, width, max(height - floor, 0.3)), (-0.5, 0, floor), paint)]
    parts.append(box((1.2, 0.2, 0.15), (length / 2 - 0.6, 0, floor), paint))
    axles = (-length * 0.25, -length * 0.38) if long else (-0.4,)
    parts += wheels(axles, width / 2, 0.48 if long else 0.33)
    return Model("trailer", of_kind(join(parts), "trailer"), (length, width, max(height, floor + 0.3)))


def construction_vehicle(rng: Rng) -> Model:
    """An excavator or a wheel loader, of any size."""
    paint = Paint("construction-vehicle", (0.85, 0.62, 0.1), Material.PAINTWORK)
    dark = Paint("construction-vehicle", (0.12, 0.12, 0.12), Material.RUBBER)
    if rng.random() < 0.55:
        parts = [box((3.4, 0.5, 0.8), (0, s * 0.95, 0), dark) for s in (-1, 1)]
        parts += [box((2.6, 2.3, 1.0), (-0.4, 0, 0.9), paint), box((1.3, 0.95, 1.1), (0.3, 0.6, 1.9), paint, 0.9)]
        elbow, tip = (
            (2.6, 0, float(rng.uniform(2.8, 4.0))),
            (float(rng.uniform(3.6, 4.6)), 0, float(rng.uniform(0.8, 1.8))),
        )
        parts += [tube((0.6, 0, 1.8), elbow, (0.28, 0.2), paint), tube(elbow, tip, (0.18, 0.13), paint)]
        parts.append(box((0.9, 1.0, 0.8), (tip[0], 0, tip[2] - 0.7), dark, 0.6))
    else:
        parts = [box((3.0, 1.6, 1.0), (-1.2, 0, 0.9), paint), box((1.3, 1.5, 1.4), (0.1, 0, 1.8), paint, 0.85)]
        parts += [tube((0.6, s * 0.6, 1.2), (3.0, s * 0.6, 0.6), (0.15, 0.15), paint) for s in (-1, 1)]
        parts.append(box((0.9, 2.4, 0.9), (3.2, 0, 0.2), dark, 0.8))
        parts += wheels((-1.6, 1.2), 1.15, 0.7, 0.45)
    mesh = of_kind(join(parts), "construction-vehicle")
    size = float(rng.choice([rng.uniform(0.5, 0.8), rng.uniform(0.8, 1.35)]))
    return fitted("construction-vehicle", replace(mesh, vertices=mesh.vertices * size))


VEHICLES: dict[str, Callable[[Rng], Model]] = {
    "car": car, "truck": truck, "bus": bus, "trailer": trailer, "construction-vehicle": construction_vehicle,
}  # fmt: skip
