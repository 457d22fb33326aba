"""Buildings: boxes of facades under gabled, hipped, pent or flat roofs. The front faces -y."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.buildings.facade import Facade, draw_facade, wall
from occlabel.stages.town.things.mesh import Material, Mesh, Paint, box, join, placed, quads, triangles, tube

Rng = np.random.Generator


def _roof_paint(rng: Rng) -> Paint:
    table = ((0.48, 0.24, 0.18), (0.30, 0.27, 0.26), (0.38, 0.36, 0.36), (0.55, 0.33, 0.24))
    return Paint("building", table[int(rng.integers(len(table)))], Material.MATT)


def shell(rng: Rng, look: Facade, width: float, depth: float, floors: int, top: float = 0.0) -> Mesh:
    """Four walls around the origin."""
    sides = ((width, depth, 0.0), (depth, width, np.pi / 2), (width, depth, np.pi), (depth, width, -np.pi / 2))
    parts = []
    for length, across, turn in sides:
        out = placed(np.sin(turn) * across / 2, -np.cos(turn) * across / 2, 0.0, turn)
        parts.append(wall(rng, look, length, floors, top=top).moved(out))
    return join(parts)


def _gable(width: float, depth: float, eaves: float, rise: float, hip: float, roof: Paint, stone: Paint) -> list[Mesh]:
    """Ridge along x with an overhang; ``hip`` is how far the ridge ends are drawn in."""
    over = 0.35
    w, d = width / 2 + over, depth / 2 + over
    drop = over * rise / (depth / 2)
    ridge = width / 2 + (over if hip == 0 else -hip)
    a, b = (-ridge, 0.0, eaves + rise), (ridge, 0.0, eaves + rise)
    low = eaves - drop
    front = [(-w, -d, low), (w, -d, low), b, a]
    back = [(w, d, low), (-w, d, low), a, b]
    parts = [quads(np.array([front, back], np.float64), roof)]
    ends = []
    for sign, peak in ((-1, a), (1, b)):
        if hip > 0:
            ends.append([(sign * w, -d, low), (sign * w, d, low), peak])
        else:
            x = sign * width / 2
            ends.append([(x, -depth / 2, eaves), (x, depth / 2, eaves), (x, 0.0, eaves + rise)])
    parts.append(triangles(np.array(ends, np.float64), roof if hip > 0 else stone))
    return parts


def _flat(width: float, depth: float, height: float, roof: Paint) -> Mesh:
    corners = [(-width / 2, -depth / 2, height), (width / 2, -depth / 2, height), (width / 2, depth / 2, height),
               (-width / 2, depth / 2, height)]  # fmt: skip
    return quads(np.array([corners], np.float64), roof)


def _entrance(rng: Rng, width: float, depth: float) -> list[Mesh]:
    """Steps, a porch roof on posts or a bay before the front wall."""
    x, stone = float(rng.uniform(-0.35, 0.35)) * width, Paint("building", (0.66, 0.64, 0.60))
    choice = rng.random()
    if choice < 0.35:
        return [box((1.6, 0.4 * k, 0.17), (x, -depth / 2 - 0.2 * k, 0.17 * (2 - k)), stone) for k in (1, 2)]
    if choice < 0.6:
        posts = [
            tube((x + s, -depth / 2 - 1.5, -0.2), (x + s, -depth / 2 - 1.5, 2.4), (0.07, 0.07), stone) for s in (-1, 1)
        ]
        return [*posts, box((2.6, 1.8, 0.2), (x, -depth / 2 - 0.9, 2.4), stone)]
    if choice < 0.75:
        return [box((2.4, 0.9, 2.9), (x, -depth / 2 - 0.45, -0.3), stone)]
    return []


def house(rng: Rng, width: float, depth: float) -> Mesh:
    """A detached house of one or two floors."""
    look = draw_facade(rng)
    floors, roof = int(rng.choice([1, 2, 2, 3])), _roof_paint(rng)
    eaves = floors * look.floor
    parts = [shell(rng, look, width, depth, floors), *_entrance(rng, width, depth)]
    choice = rng.random()
    rise = depth / 2 * float(rng.uniform(0.4, 1.1))
    if choice < 0.1:
        parts += [
            _flat(width, depth, eaves, roof),
            box((width + 0.3, 0.3, 0.4), (0, -depth / 2, eaves - 0.1), look.wall),
        ]
    elif choice < 0.55:
        parts += _gable(width, depth, eaves, rise, 0.0, roof, look.wall)
    elif choice < 0.75:
        parts += _gable(width, depth, eaves, rise, min(depth / 2, width / 2 - 0.5), roof, look.wall)
    else:  # the gable faces the street
        turned = join(_gable(depth, width, eaves, width / 2 * float(rng.uniform(0.4, 1.0)), 0.0, roof, look.wall))
        parts.append(turned.moved(placed(0, 0, 0, np.pi / 2)))
    if rng.random() < 0.6:
        stack = (0.6, 0.6, rise + 1.0)
        parts.append(box(stack, (rng.uniform(-0.3, 0.3) * width, rng.uniform(-0.2, 0.2) * depth, eaves), look.wall))
    if rng.random() < 0.4:  # a wing
        wing_w, wing_d = width * rng.uniform(0.3, 0.5), depth * rng.uniform(0.4, 0.7)
        wing = shell(rng, look, wing_w, wing_d, 1)
        wing = join([wing, *_gable(wing_w, wing_d, look.floor, wing_d / 3, 0.0, roof, look.wall)])
        parts.append(wing.moved(placed(rng.choice([-1, 1]) * width * 0.25, -depth / 2 - wing_d * 0.3, 0, np.pi / 2)))
    return join(parts)


def terraced(rng: Rng, width: float, depth: float) -> Mesh:
    """One house of a row: as wide as its lot, two to four floors, the ridge along the street."""
    look = draw_facade(rng, shop=bool(rng.random() < 0.15))
    floors, roof = int(rng.integers(2, 5)), _roof_paint(rng)
    eaves = floors * look.floor
    parts = [shell(rng, look, width, depth, floors), *_entrance(rng, width, depth)]
    if rng.random() < 0.8:
        parts += _gable(width, depth, eaves, depth / 2 * float(rng.uniform(0.5, 1.0)), 0.0, roof, look.wall)
    else:
        parts.append(_flat(width, depth, eaves, roof))
    return join(parts)


def tower(rng: Rng, width: float, depth: float, floors: int, shop: bool) -> Mesh:
    """A block of flats or offices with a flat roof, perhaps shops below, an awning or an arcade."""
    look = draw_facade(rng, shop=shop, modern=True)
    height = floors * look.floor
    parts = [shell(rng, look, width, depth, floors, top=0.8), _flat(width, depth, height, _roof_paint(rng))]
    if shop and rng.random() < 0.6:
        cloth = Paint("building", tuple(rng.uniform(0.2, 0.9, 3)), Material.CLOTH)
        parts.append(box((width * 0.9, 1.4, 0.12), (0, -depth / 2 - 0.7, look.floor - 0.4), cloth))
    if rng.random() < 0.3:
        for x in np.arange(-width / 2 + 1, width / 2, 4.0):
            parts.append(
                tube((x, -depth / 2 - 2.2, -0.3), (x, -depth / 2 - 2.2, look.floor), (0.25, 0.25), look.wall, 8)
            )
        parts.append(box((width, 2.5, 0.4), (0, -depth / 2 - 1.25, look.floor), look.wall))
    elif not shop:
        parts += _entrance(rng, width, depth)
    return join(parts)


def hall(rng: Rng, width: float, depth: float) -> Mesh:
    """An industrial hall: sheet-metal walls with gates, loading docks and a shallow roof."""
    tone = rng.uniform(0.5, 0.85)
    skin = Paint("building", tuple(np.clip(tone + rng.uniform(-0.12, 0.12, 3), 0, 1)), Material.METAL)
    height = float(rng.uniform(5, 11))
    body = box((width, depth, height + 1.5), (0, 0, -1.5), skin)
    parts = [body, *_gable(width, depth, height, float(rng.uniform(0.3, 2.0)), 0.0, skin, skin)]
    gate = Paint("building", tuple(rng.uniform(0.3, 0.8, 3)), Material.METAL)
    for x in np.arange(-width / 2 + 3, width / 2 - 3, rng.uniform(5, 10)):
        parts.append(box((3.4, 0.3, 3.8), (x, -depth / 2 - 0.05, -0.1), gate))
        if rng.random() < 0.3:
            parts.append(box((3.8, 2.0, 0.3), (x, -depth / 2 - 1.0, 4.1), skin))
    return join(parts)


def garage(rng: Rng, width: float = 3.2, depth: float = 6.0) -> Mesh:
    """A garage or shed with its door in front."""
    look = draw_facade(rng)
    height = float(rng.uniform(2.3, 2.9))
    door = Paint("building", tuple(rng.uniform(0.35, 0.85, 3)), Material.METAL)
    body = box((width, depth, height + 0.5), (0, 0, -0.5), look.wall)
    front = box((width - 0.6, 0.1, 2.05), (0, -depth / 2 - 0.01, 0), door)
    if rng.random() < 0.4:
        return join([body, front, *_gable(width, depth, height, width / 4, 0.0, _roof_paint(rng), look.wall)])
    return join([body, front, box((width + 0.3, depth + 0.3, 0.18), (0, 0, height), look.wall)])
