"""People on foot and riders: a jointed body in a random pose."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.things.mesh import Material, Mesh, Paint, ball, box, join, of_kind, tube
from occlabel.stages.town.things.model import Model, fitted
from occlabel.stages.town.things.two_wheelers import two_wheeler

Rng = np.random.Generator
_SKIN = ((0.85, 0.66, 0.54), (0.55, 0.38, 0.28), (0.35, 0.24, 0.18))


def _limb(points: list[tuple[float, float, float]], thick: float, thin: float, paint: Paint) -> list[Mesh]:
    """Two bars over three joints."""
    middle = (thick + thin) / 2
    return [tube(points[0], points[1], (thick, middle), paint, 6), tube(points[1], points[2], (middle, thin), paint, 6)]


def _upper(
    rng: Rng, h: float, hip: NDArray[np.float64], lean: float, reach: float | None, coat: Paint, skin: Paint
) -> list[Mesh]:
    """Torso, arms and head above ``hip``; ``reach`` puts the hands that far ahead, None lets the arms swing."""
    broad = h * rng.uniform(0.105, 0.14)
    up = np.array([np.sin(lean), 0, np.cos(lean)])
    chest, neck = hip + up * 0.20 * h, hip + up * 0.31 * h
    parts = [
        tube(hip - up * 0.03 * h, chest, (broad * 0.95, broad * 1.1), coat, 8),
        tube(chest, neck, (broad * 1.1, broad * 0.5), coat, 8),
        ball(neck + up * 0.085 * h + np.array([0.01, 0, 0]), (0.055 * h, 0.045 * h, 0.07 * h), skin),
    ]
    swing = rng.uniform(-0.5, 0.5)
    for side in (-1, 1):
        shoulder = neck + np.array([0, side * broad * 1.25, -0.03 * h])
        if reach is None:
            angle = side * swing
            elbow = shoulder + np.array([np.sin(angle) * 0.17, side * 0.03, -np.cos(angle) * 0.17]) * h
            hand = elbow + np.array([np.sin(angle + 0.5) * 0.16, 0, -np.cos(angle + 0.5) * 0.16]) * h
        else:
            hand = shoulder + np.array([reach, side * 0.05, -0.26 * h])
            elbow = (shoulder + hand) / 2 + np.array([-0.03, side * 0.08, -0.05])
        parts += _limb([tuple(shoulder), tuple(elbow), tuple(hand)], 0.035 * h, 0.022 * h, coat)
    return parts


def person(rng: Rng, walking: bool) -> Model:
    """An adult or a child on foot, standing or in mid-stride, perhaps with a bag, a coat or a pushchair."""
    h = float(rng.uniform(1.5, 1.92) if rng.random() < 0.85 else rng.uniform(1.0, 1.5))
    coat = Paint("person", tuple(rng.uniform(0.05, 0.8, 3)), Material.CLOTH)
    cloth = Paint("person", tuple(rng.uniform(0.05, 0.5, 3)), Material.CLOTH)
    skin = Paint("person", _SKIN[int(rng.integers(3))], Material.CLOTH)
    stride = rng.uniform(0.1, 0.5) if walking else rng.uniform(0, 0.08)
    hip = np.array([0.0, 0.0, 0.52 * h])
    parts = _upper(rng, h, hip, rng.uniform(-0.03, 0.12), None, coat, skin)
    for side in (-1, 1):
        top = hip + np.array([0, side * 0.055 * h, 0])
        angle = side * stride
        knee = top + np.array([np.sin(angle) * 0.25, 0, -np.cos(angle) * 0.25]) * h
        foot = knee + np.array([np.sin(min(angle, 0) - 0.1) * 0.25, 0, -0.25]) * h
        parts += _limb([tuple(top), tuple(knee), tuple(foot)], 0.055 * h, 0.032 * h, cloth)
        parts.append(
            box((0.15 * h, 0.055 * h, 0.045 * h), (foot[0] + 0.03 * h, foot[1], max(foot[2] - 0.02 * h, 0)), cloth)
        )
    choice = rng.random()
    if choice < 0.15:
        parts.append(box((0.16, 0.3, 0.4), (-0.14 * h, 0, 0.62 * h), cloth))
    elif choice < 0.3:
        parts.append(box((0.3, 0.1, 0.3), (0, rng.choice([-1, 1]) * 0.2 * h, 0.33 * h), cloth))
    elif choice < 0.4:
        parts.append(tube((0, 0, 0.25 * h), (0, 0, 0.55 * h), (0.17 * h, 0.11 * h), coat, 8))
    if choice > 0.95:
        parts += [box((0.7, 0.45, 0.4), (0.75, 0, 0.45), coat), box((0.6, 0.4, 0.12), (0.75, 0, 0.02), cloth)]
        parts.append(tube((0.3, 0, 0.95), (0.6, 0, 0.6), (0.03, 0.03), cloth))
    return fitted("person", of_kind(join(parts), "person"))


def rider(rng: Rng, kind: str) -> Model:
    """A ``bicyclist`` or ``motorcyclist``: the two-wheeler and who sits on it, one thing as in the data sets."""
    motor = kind == "motorcyclist"
    base = two_wheeler(rng, "motorcycle" if motor else "bicycle")
    h = float(rng.uniform(1.6, 1.9))
    coat = Paint(kind, tuple(rng.uniform(0.05, 0.8, 3)), Material.CLOTH)
    cloth = Paint(kind, tuple(rng.uniform(0.05, 0.4, 3)), Material.CLOTH)
    hip = np.array([-0.25, 0, 0.95 if not motor else 0.88])
    lean = rng.uniform(0.1, 0.7) if not motor else rng.uniform(0.05, 0.35)
    parts = [base.mesh, *_upper(rng, h, hip, lean, 0.35, coat, coat)]
    for side in (-1, 1):
        crank = rng.uniform(-0.15, 0.15) if not motor else 0.0
        top = hip + np.array([0, side * 0.1, 0])
        knee = top + np.array([0.38, side * 0.06, -0.22 + side * crank])
        foot = np.array([0.05 + side * crank, side * 0.16, 0.32 + side * crank])
        parts += _limb([tuple(top), tuple(knee), tuple(foot)], 0.085, 0.05, cloth)
    mesh = of_kind(join(parts), kind)
    low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
    return Model(kind, mesh, (base.size[0], float(high[1] - low[1]), float(high[2])))
