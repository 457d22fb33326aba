"""Bicycles and motorcycles without riders. They look along x, wheels on z = 0."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from occlabel.stages.town.things.cars import TYRE
from occlabel.stages.town.things.mesh import Material, Paint, box, join, of_kind, tube
from occlabel.stages.town.things.model import Model

Rng = np.random.Generator


def two_wheeler(rng: Rng, kind: str) -> Model:
    """A ``bicycle`` or ``motorcycle`` without its rider."""
    motor = kind == "motorcycle"
    length = float(rng.uniform(1.9, 2.2) if motor else rng.uniform(1.6, 1.85))
    radius = 0.31 if motor else 0.34
    paint = Paint(kind, tuple(rng.uniform(0.05, 0.7, 3)), Material.METAL)
    rubber = Paint(kind, TYRE, Material.RUBBER)
    half = 0.07 if motor else 0.025
    front, rear = length / 2 - radius, -length / 2 + radius
    rim = np.arange(9) * (2 * np.pi / 8)
    wheels = [
        tube(
            (x + np.cos(a) * r, 0, radius + np.sin(a) * r),
            (x + np.cos(b) * r, 0, radius + np.sin(b) * r),
            (half, half),
            rubber,
            4,
        )
        for x in (front, rear)
        for r in (radius - half,)
        for a, b in pairwise(rim)
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
