"""Bicycles and motorcycles without riders. They look along x, wheels on z = 0."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from occlabel.stages.town.things.cars import TYRE
from occlabel.stages.town.things.mesh import Material, Mesh, Paint, box, join, of_kind, tube
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
        bars += _bodywork(rng, paint, (rear, neck[0]))
    mesh = of_kind(join([*wheels, *bars]), kind)
    return Model(kind, mesh, (length, 0.6, round(float(mesh.vertices[:, 2].max()), 2)))


def _bodywork(rng: Rng, paint: Paint, span: tuple[float, float]) -> list[Mesh]:
    """Engine and tank of a motorcycle, or shield and seat box of a scooter, between the x of its rear wheel and of its
    neck; mirrors, and on some a windscreen or a box for luggage."""
    rear, neck = span
    if rng.random() < 0.5:
        parts = [box((0.6, 0.32, 0.42), (0.05, 0, 0.3), paint), box((0.45, 0.3, 0.22), (0.15, 0, 0.72), paint, 0.8)]
    else:
        parts = [
            box((0.12, 0.45, 0.75), (neck + 0.05, 0, 0.25), paint, 0.75),
            box((neck - rear, 0.3, 0.1), (0, 0, 0.25), paint),
            box((0.85, 0.36, 0.42), (rear + 0.2, 0, 0.38), paint, 0.85),
        ]
    mirrors = float(rng.uniform(1.12, 1.3))
    for side in (-1, 1):
        parts.append(tube((neck, side * 0.28, 1.02), (neck, side * 0.32, mirrors), (0.02, 0.05), paint, 4))
    if rng.random() < 0.25:
        pane = Paint(paint.kind, (0.5, 0.6, 0.65), Material.GLASS)
        parts.append(box((0.05, 0.42, float(rng.uniform(0.25, 0.45))), (neck + 0.08, 0, 1.0), pane, 0.8))
    if rng.random() < 0.35:
        size = float(rng.uniform(0.3, 0.5))
        parts.append(box((size, size, size * 0.85), (rear - 0.1, 0, 0.88), paint, 0.92))
    return parts
