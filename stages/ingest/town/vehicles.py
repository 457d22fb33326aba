"""Cars, trucks, buses, trailers, construction vehicles and two-wheelers. They look along x, wheels on z = 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from stages.ingest.town.mesh import Colour, Material, Mesh, Paint, box, join, loft, of_kind, quads, tube
from stages.ingest.town.site import Model

Rng = np.random.Generator
_TYRE = (0.06, 0.06, 0.07)
_PANE = (0.14, 0.17, 0.20)

# Side profiles as share of length from the rear: (x, height of the roof line as share of height, how much of a cabin).
_PROFILES: dict[str, tuple[tuple[float, float, float], ...]] = {
    "sedan": ((0.0, 0.56, 0), (0.03, 0.68, 0), (0.18, 0.70, 0), (0.32, 0.96, 1), (0.42, 1.0, 1), (0.55, 0.98, 1),
              (0.70, 0.68, 0), (0.90, 0.60, 0), (0.98, 0.50, 0), (1.0, 0.40, 0)),
    "hatch": ((0.0, 0.50, 0), (0.02, 0.66, 0), (0.10, 0.93, 1), (0.25, 1.0, 1), (0.50, 0.98, 1), (0.68, 0.68, 0),
              (0.90, 0.60, 0), (0.98, 0.50, 0), (1.0, 0.38, 0)),
    "estate": ((0.0, 0.55, 0), (0.02, 0.68, 0), (0.07, 0.94, 1), (0.2, 1.0, 1), (0.55, 0.98, 1), (0.70, 0.66, 0),
               (0.92, 0.58, 0), (1.0, 0.40, 0)),
    "suv": ((0.0, 0.50, 0), (0.02, 0.64, 0), (0.06, 0.95, 1), (0.2, 1.0, 1), (0.55, 0.98, 1), (0.68, 0.66, 0),
            (0.93, 0.62, 0), (1.0, 0.45, 0)),
    "van": ((0.0, 0.95, 1), (0.02, 1.0, 1), (0.4, 1.0, 1), (0.75, 0.97, 1), (0.90, 0.56, 0), (0.98, 0.48, 0),
            (1.0, 0.36, 0)),
    "pickup": ((0.0, 0.56, 0), (0.02, 0.58, 0), (0.36, 0.58, 0), (0.40, 0.95, 1), (0.52, 1.0, 1), (0.60, 0.97, 1),
               (0.72, 0.66, 0), (0.95, 0.60, 0), (1.0, 0.42, 0)),
}  # fmt: skip
_SIZES = {"sedan": (4.6, 1.8, 1.45), "hatch": (4.0, 1.73, 1.48), "estate": (4.6, 1.8, 1.5), "suv": (4.5, 1.85, 1.68),
          "van": (5.1, 1.95, 2.05), "pickup": (5.3, 1.9, 1.8)}  # fmt: skip


def _body_colour(rng: Rng) -> Colour:
    table = ((0.05, 0.05, 0.06), (0.85, 0.86, 0.87), (0.60, 0.62, 0.64), (0.35, 0.36, 0.38), (0.45, 0.08, 0.08),
             (0.10, 0.18, 0.40), (0.12, 0.22, 0.16), (0.70, 0.66, 0.55), (0.75, 0.35, 0.1))  # fmt: skip
    weights = np.array([0.22, 0.2, 0.2, 0.15, 0.07, 0.07, 0.03, 0.04, 0.02])
    return table[int(rng.choice(len(table), p=weights / weights.sum()))]


def _wheels(xs: tuple[float, ...], track: float, radius: float, width: float = 0.22) -> list[Mesh]:
    rubber = Paint("car", _TYRE, Material.RUBBER)
    return [
        tube((x, side * track, radius), (x, side * (track - width), radius), (radius, radius), rubber, 10)
        for x in xs
        for side in (-1, 1)
    ]


def _hull(profile: NDArray[np.float64], size: tuple[float, float, float], paint: Paint) -> list[Mesh]:
    """Lower body and cabin: rings of eight points along the length; the cabin narrows towards its roof."""
    length, width, height = size
    x = (profile[:, 0] - 0.5) * length
    belt = np.minimum(profile[:, 1], 0.64) * height
    low = np.where((profile[:, 0] < 0.04) | (profile[:, 0] > 0.96), 0.26, 0.17) * height
    half = width / 2 * np.where((profile[:, 0] < 0.01) | (profile[:, 0] > 0.99), 0.88, 1.0)
    roof = profile[:, 1] * height
    narrow = half * np.where(profile[:, 2] > 0, 0.78, 0.9)
    ring_y = np.stack([-half * 0.9, -half, -half * 0.98, -narrow, narrow, half * 0.98, half, half * 0.9], axis=1)
    middle = (low + belt) / 2
    ring_z = np.stack([low, middle, belt, roof, roof, belt, middle, low], axis=1)
    rings = np.stack([np.broadcast_to(x[:, None], ring_y.shape), ring_y, ring_z], axis=2)
    body = loft(rings, paint)
    # Panes: a little outside the skin between belt and roof, on the sides, front and rear of the cabin.
    cabin = np.flatnonzero(profile[:, 2] > 0)
    first, last = max(cabin[0] - 1, 0), min(cabin[-1] + 1, len(profile) - 1)
    panes = []
    for side in (2, 3), (5, 4):
        for i in range(cabin[0], cabin[-1]):
            a, b = rings[i, side[0]], rings[i + 1, side[0]]
            c, d = rings[i + 1, side[1]], rings[i, side[1]]
            panes.append([a + (d - a) * 0.08, b + (c - b) * 0.08, c + (b - c) * 0.15, d + (a - d) * 0.15])
    for i, j in ((first, cabin[0]), (cabin[-1], last)):
        if i != j:
            panes.append([rings[i, 3], rings[j, 3], rings[j, 4], rings[i, 4]])
    corners = np.array(panes, np.float64)
    centre = np.array([0.0, 0.0, height * 0.5])
    return [body, quads(centre + (corners - centre) * 1.006, Paint(paint.kind, _PANE, Material.GLASS))]


def car(rng: Rng) -> Model:
    """A passenger car, van or pickup."""
    shape = str(rng.choice(list(_PROFILES), p=[0.27, 0.27, 0.13, 0.18, 0.1, 0.05]))
    size = tuple(float(v * rng.uniform(0.93, 1.07)) for v in _SIZES[shape])
    length, width, height = size
    paint = Paint("car", _body_colour(rng), Material.PAINTWORK)
    radius = 0.31 * rng.uniform(0.95, 1.15)
    plates = Paint("car", (0.85, 0.85, 0.8), Material.RETROREFLECTOR)
    parts = [
        *_hull(np.array(_PROFILES[shape]), (length, width, height), paint),
        *_wheels((-0.30 * length, 0.31 * length), width / 2, radius),
        box((0.03, 0.5, 0.11), (-length / 2 - 0.01, 0, 0.45 * height), plates),
        box((0.03, 0.5, 0.11), (length / 2 + 0.01, 0, 0.3 * height), plates),
        *(box((0.1, 0.18, 0.13), (0.16 * length, s * (width / 2 + 0.08), 0.62 * height), paint) for s in (-1, 1)),
    ]
    return Model("car", join(parts), (length, width, height))


def _cab(kind: str, x: float, length: float, width: float, height: float, colour: Colour) -> list[Mesh]:
    paint = Paint(kind, colour, Material.PAINTWORK)
    body = box((length, width, height - 0.5), (x, 0, 0.5), paint, 0.94)
    pane = [(x + length / 2 * 0.985, -width * 0.42, height * 0.6), (x + length / 2 * 0.985, width * 0.42, height * 0.6),
            (x + length / 2 * 0.95, width * 0.42, height * 0.93), (x + length / 2 * 0.95, -width * 0.42, height * 0.93)]  # fmt: skip
    front = quads(np.array([pane], np.float64) + np.array([0.02, 0, 0]), Paint(kind, _PANE, Material.GLASS))
    return [body, front]


def truck(rng: Rng) -> Model:
    """A lorry or delivery truck: cab, box, tank or open bed."""
    length, width = float(rng.uniform(5.6, 10.5)), float(rng.uniform(2.1, 2.5))
    cab_length, cab_height = float(rng.uniform(1.6, 2.3)), float(rng.uniform(2.2, 3.1))
    parts = _cab("truck", length / 2 - cab_length / 2, cab_length, width, cab_height, _body_colour(rng))
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
    parts += _wheels((length / 2 - 1.1, -length / 2 + 1.3, *((-length / 2 + 2.5,) if length > 8 else ())), width / 2, 0.48, 0.3)
    return Model("truck", of_kind(join(parts), "truck"), (length, width, max(top, cab_height)))


def bus(rng: Rng) -> Model:
    """A city bus or coach."""
    length, width, height = float(rng.uniform(9.5, 13)), 2.55, float(rng.uniform(2.9, 3.4))
    paint = Paint("bus", _body_colour(rng), Material.PAINTWORK)
    parts = [box((length, width, height - 0.35), (0, 0, 0.35), paint, 0.98)]
    x0 = np.arange(-length / 2 + 0.4, length / 2 - 1.5, 1.5)
    panes = np.empty((2 * len(x0), 4, 3))
    for half, side in enumerate((-1, 1)):
        rows = panes[half * len(x0) : (half + 1) * len(x0)]
        rows[:, :, 1] = side * (width / 2 + 0.01)
        rows[:, (0, 3), 0], rows[:, (1, 2), 0] = x0[:, None], x0[:, None] + 1.35
        rows[:, :2, 2], rows[:, 2:, 2] = 1.35, height - 0.5
    parts.append(quads(panes, Paint("bus", _PANE, Material.GLASS)))
    front = [(length / 2 + 0.01, s * width * 0.45, z) for s, z in ((-1, 1.0), (1, 1.0), (1, height - 0.5), (-1, height - 0.5))]
    parts.append(quads(np.array([front], np.float64), Paint("bus", _PANE, Material.GLASS)))
    parts += _wheels((length * 0.29, -length * 0.27), width / 2, 0.48, 0.3)
    return Model("bus", of_kind(join(parts), "bus"), (length, width, height))


def trailer(rng: Rng) -> Model:
    """A parked trailer: a box on wheels, a low-loader or a caravan."""
    long = rng.random() < 0.4
    length, width = (float(rng.uniform(9, 13)), 2.5) if long else (float(rng.uniform(3, 6)), float(rng.uniform(1.7, 2.3)))
    height = float(rng.uniform(1.0, 1.4) if rng.random() < 0.35 else (rng.uniform(3.4, 3.9) if long else rng.uniform(2.1, 2.7)))
    paint = Paint("trailer", tuple(rng.uniform(0.4, 0.95, 3)), Material.PAINTWORK)
    floor = 1.05 if long else 0.5
    parts = [box((length - 1.0, width, max(height - floor, 0.3)), (-0.5, 0, floor), paint)]
    parts.append(box((1.2, 0.2, 0.15), (length / 2 - 0.6, 0, floor), paint))
    axles = (-length * 0.25, -length * 0.38) if long else (-0.4,)
    parts += _wheels(axles, width / 2, 0.48 if long else 0.33)
    return Model("trailer", of_kind(join(parts), "trailer"), (length, width, max(height, floor + 0.3)))


def construction_vehicle(rng: Rng) -> Model:
    """An excavator or a wheel loader."""
    paint = Paint("construction-vehicle", (0.85, 0.62, 0.1), Material.PAINTWORK)
    dark = Paint("construction-vehicle", (0.12, 0.12, 0.12), Material.RUBBER)
    if rng.random() < 0.55:
        parts = [box((3.4, 0.5, 0.8), (0, s * 0.95, 0), dark) for s in (-1, 1)]
        parts += [box((2.6, 2.3, 1.0), (-0.4, 0, 0.9), paint), box((1.3, 0.95, 1.1), (0.3, 0.6, 1.9), paint, 0.9)]
        elbow, tip = (2.6, 0, float(rng.uniform(2.8, 4.0))), (float(rng.uniform(3.6, 4.6)), 0, float(rng.uniform(0.8, 1.8)))
        parts += [tube((0.6, 0, 1.8), elbow, (0.28, 0.2), paint), tube(elbow, tip, (0.18, 0.13), paint)]
        parts.append(box((0.9, 1.0, 0.8), (tip[0], 0, tip[2] - 0.7), dark, 0.6))
        size = (7.0, 2.4, 3.6)
    else:
        parts = [box((3.0, 1.6, 1.0), (-1.2, 0, 0.9), paint), box((1.3, 1.5, 1.4), (0.1, 0, 1.8), paint, 0.85)]
        parts += [tube((0.6, s * 0.6, 1.2), (3.0, s * 0.6, 0.6), (0.15, 0.15), paint) for s in (-1, 1)]
        parts.append(box((0.9, 2.4, 0.9), (3.2, 0, 0.2), dark, 0.8))
        parts += _wheels((-1.6, 1.2), 1.15, 0.7, 0.45)
        size = (6.6, 2.4, 3.2)
    mesh = of_kind(join(parts), "construction-vehicle")
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    return Model("construction-vehicle", mesh.shifted(-(low[0] + high[0]) / 2, 0, 0), size)


def two_wheeler(rng: Rng, kind: str) -> Model:
    """A ``bicycle`` or ``motorcycle`` without its rider."""
    motor = kind == "motorcycle"
    length = float(rng.uniform(1.9, 2.2) if motor else rng.uniform(1.6, 1.85))
    radius = 0.31 if motor else 0.34
    paint = Paint(kind, tuple(rng.uniform(0.05, 0.7, 3)), Material.METAL)
    rubber = Paint(kind, _TYRE, Material.RUBBER)
    half = 0.07 if motor else 0.025
    front, rear = length / 2 - radius, -length / 2 + radius
    rim = np.arange(9) * (2 * np.pi / 8)
    wheels = [
        tube((x + np.cos(a) * r, 0, radius + np.sin(a) * r), (x + np.cos(b) * r, 0, radius + np.sin(b) * r), (half, half), rubber, 4)
        for x in (front, rear)
        for r in (radius - half,)
        for a, b in zip(rim[:-1], rim[1:], strict=True)
    ]
    bar = 0.09 if motor else 0.025
    seat, neck = (-0.25, 0, 0.8 if motor else 0.92), (front - 0.22, 0, 0.85 if motor else 0.9)
    frame = [((rear, 0, radius), (-0.1, 0, radius)), ((-0.1, 0, radius), neck), ((-0.1, 0, radius), seat), (seat, neck),
             ((front, 0, radius), (neck[0], 0, 1.02)), ((rear, 0, radius), seat)]  # fmt: skip
    bars = [tube(a, b, (bar, bar), paint, 5) for a, b in frame]
    bars.append(tube((neck[0], -0.3, 1.02), (neck[0], 0.3, 1.02), (0.025, 0.025), paint, 5))
    bars.append(box((0.5 if motor else 0.26, 0.24 if motor else 0.14, 0.1), (seat[0], 0, seat[2]), rubber))
    if motor:
        bars += [box((0.6, 0.32, 0.42), (0.05, 0, 0.3), paint), box((0.45, 0.3, 0.22), (0.15, 0, 0.72), paint, 0.8)]
    return Model(kind, of_kind(join([*wheels, *bars]), kind), (length, 0.6, 1.1))


VEHICLES: dict[str, Callable[[Rng], Model]] = {
    "car": car, "truck": truck, "bus": bus, "trailer": trailer, "construction-vehicle": construction_vehicle,
}  # fmt: skip
