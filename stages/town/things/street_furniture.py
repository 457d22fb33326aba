"""What stands along streets: lamps, signs, signals, bins, benches, shelters, cones. Fronts face -y."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from occlabel.stages.town.things.mesh import Material, Mesh, Paint, box, join, quads, tube
from occlabel.stages.town.things.model import Model
from occlabel.stages.town.things.vegetation import bush

Rng = np.random.Generator
Maker = Callable[[Rng], Mesh]
"""Makes one piece of furniture."""
_STEEL = Paint("pole", (0.45, 0.46, 0.47), Material.METAL)


def _other(colour: tuple[float, float, float], material: Material = Material.MATT) -> Paint:
    return Paint("street-furniture", colour, material)


def lamp_post(rng: Rng) -> Mesh:
    """A lamp on a straight or bent post; a wooden utility pole now and then."""
    height = float(rng.uniform(3.5, 10))
    if rng.random() < 0.15:
        wood = Paint("pole", (0.36, 0.29, 0.22))
        parts = [tube((0, 0, -0.3), (0, 0, height), (0.15, 0.10), wood, 8)]
        return join([*parts, tube((-0.9, 0, height - 0.6), (0.9, 0, height - 0.6), (0.06, 0.06), wood, 4)])
    radius = float(rng.uniform(0.05, 0.11))
    parts = [tube((0, 0, -0.3), (0, 0, height), (radius * 1.3, radius * 0.7), _STEEL, 8)]
    if rng.random() < 0.5:
        parts.append(tube((0, 0, 0), (0, 0, 1.1), (radius * 1.8, radius * 1.8), _STEEL, 8))
    if height > 5:
        reach = float(rng.uniform(0.8, 2.4))
        parts.append(tube((0, 0, height - 0.1), (0, -reach, height + 0.25), (0.04, 0.04), _STEEL, 5))
        parts.append(box((0.25, 0.7, 0.12), (0, -reach - 0.2, height + 0.2), _STEEL))
    else:
        parts.append(tube((0, 0, height), (0, 0, height + 0.5), (0.16, 0.22), _STEEL, 8))
    return join(parts)


def _plate(kind: int, colour: tuple[float, float, float], size: float, z: float) -> list[Mesh]:
    face, back = (
        Paint("traffic-sign", colour, Material.RETROREFLECTOR),
        Paint("traffic-sign", (0.5, 0.5, 0.5), Material.METAL),
    )
    sides = (3, 4, 8, 12)[kind]
    turn = (np.pi / 2, np.pi / 4, np.pi / 8, 0.0)[kind]
    angle = np.arange(sides) * 2 * np.pi / sides + turn
    fan = np.array([[(0.0, 0.0), (np.cos(a), np.sin(a)), (np.cos(b), np.sin(b)), (0.0, 0.0)]
                    for a, b in zip(angle, np.roll(angle, -1), strict=True)])  # fmt: skip
    corners = np.zeros((sides, 4, 3))
    corners[:, :, 0], corners[:, :, 2] = fan[:, :, 0] * size, fan[:, :, 1] * size + z
    front, rear = corners.copy(), corners
    front[:, :, 1], rear[:, :, 1] = -0.07, -0.055
    return [quads(front, face), quads(rear, back)]


def sign(rng: Rng) -> Mesh:
    """One or two plates on a post."""
    height = float(rng.uniform(2.1, 3.2))
    parts = [tube((0, 0, -0.3), (0, 0, height), (0.035, 0.035), _STEEL, 6)]
    z = height - 0.32
    for _ in range(int(rng.integers(1, 3))):
        colour = ((0.75, 0.1, 0.1), (0.1, 0.25, 0.65), (0.9, 0.9, 0.88), (0.85, 0.75, 0.1))[int(rng.integers(4))]
        parts += _plate(int(rng.integers(4)), colour, float(rng.uniform(0.28, 0.45)), z)
        z -= 0.75
    return join(parts)


def big_sign(rng: Rng) -> Mesh:
    """A direction board on two posts."""
    width, height, low = float(rng.uniform(1.5, 3.5)), float(rng.uniform(0.9, 2.0)), float(rng.uniform(1.0, 2.3))
    plate = Paint(
        "traffic-sign", (0.12, 0.28, 0.6) if rng.random() < 0.5 else (0.9, 0.88, 0.3), Material.RETROREFLECTOR
    )
    posts = [
        tube((s * width * 0.35, 0, -0.3), (s * width * 0.35, 0, low + height), (0.06, 0.06), _STEEL) for s in (-1, 1)
    ]
    return join([*posts, box((width, 0.05, height), (0, -0.09, low), plate)])


def traffic_light(rng: Rng) -> Mesh:
    """A signal on a post, perhaps with an arm over the road (towards -y)."""
    height = float(rng.uniform(2.8, 3.6))
    head = _other((0.08, 0.1, 0.08))
    parts = [
        tube((0, 0, -0.3), (0, 0, height), (0.07, 0.06), _STEEL, 8),
        box((0.3, 0.3, 0.9), (-0.22, 0, height - 1.0), head),
    ]
    if rng.random() < 0.35:
        parts += [
            tube((0, 0, height), (0, 0, 5.6), (0.08, 0.07), _STEEL, 8),
            tube((0, 0, 5.6), (0, -4.2, 5.9), (0.06, 0.05), _STEEL, 6),
        ]
        parts.append(box((0.3, 0.35, 1.0), (-0.1, -4.0, 5.0), head))
    return join(parts)


def bollard(rng: Rng) -> Mesh:
    return tube((0, 0, -0.2), (0, 0, rng.uniform(0.6, 1.1)), (0.08, 0.07), Paint("pole", (0.3, 0.3, 0.3)), 6)


def bin_or_box(rng: Rng) -> Mesh:
    """A waste bin, wheeled bins, a utility cabinet, a letter box, a planter or a hydrant."""
    choice = rng.random()
    colour = ((0.2, 0.3, 0.2), (0.45, 0.46, 0.45), (0.75, 0.65, 0.1), (0.2, 0.22, 0.3))[int(rng.integers(4))]
    if choice < 0.2:
        return tube((0, 0, -0.1), (0, 0, 0.95), (0.22, 0.25), _other(colour), 8)
    if choice < 0.55:
        count = int(rng.integers(1, 4))
        return join(
            [box((0.58, 0.72, 1.06), (0.68 * (k - (count - 1) / 2), 0, 0), _other(colour), 1.08) for k in range(count)]
        )
    if choice < 0.8:
        return box((rng.uniform(0.6, 1.6), 0.4, rng.uniform(0.9, 1.5)), (0, 0, -0.05), _other((0.6, 0.62, 0.6)))
    if choice < 0.9:
        pot = box((1.4, 0.5, 0.55), (0, 0, -0.05), _other((0.5, 0.48, 0.45)))
        return join([pot, bush(rng, 1.1, 0.6).shifted(0, 0, 0.5)])
    return box((1.8, 1.1, 1.35), (0, 0, 0), _other(colour), 1.05)


def bench(rng: Rng) -> Mesh:
    wood = _other((0.42, 0.30, 0.18))
    legs = [box((0.08, 0.45, 0.42), (x, 0, 0), wood) for x in (-0.7, 0.7)]
    return join([*legs, box((1.7, 0.45, 0.06), (0, 0, 0.42), wood), box((1.7, 0.06, 0.4), (0, 0.22, 0.5), wood)])


def bus_stop(rng: Rng) -> Mesh:
    """A glazed shelter with a bench, open to -y."""
    width = float(rng.uniform(3, 5))
    steel, pane = _other((0.3, 0.32, 0.33), Material.METAL), _other((0.5, 0.6, 0.65), Material.GLASS)
    parts = [
        tube((s * width / 2, y, -0.1), (s * width / 2, y, 2.4), (0.05, 0.05), steel)
        for s in (-1, 1)
        for y in (-0.7, 0.7)
    ]
    parts += [box((width + 0.3, 1.8, 0.12), (0, 0, 2.4), steel), box((width, 0.03, 1.9), (0, 0.7, 0.25), pane)]
    parts.append(box((0.06, 1.2, 1.7), (width / 2, 0.05, 0.4), _other((0.8, 0.8, 0.75))))
    return join([*parts, bench(rng).shifted(0, 0.3, 0)])


def billboard(rng: Rng) -> Mesh:
    board = _other(tuple(rng.uniform(0.3, 0.9, 3)))
    low = float(rng.uniform(0.5, 2.5))
    posts = [tube((s * 1.2, 0, -0.3), (s * 1.2, 0, low), (0.09, 0.09), _STEEL) for s in (-1, 1)]
    return join([*posts, box((3.6, 0.25, 2.6), (0, 0, low), board)])


def cone(rng: Rng) -> Model:
    height = float(rng.uniform(0.5, 0.95))
    orange = Paint("traffic-cone", (0.95, 0.35, 0.1), Material.MATT)
    foot = box((0.38, 0.38, 0.05), (0, 0, 0), orange)
    body = tube((0, 0, 0.04), (0, 0, height), (0.15, 0.04), orange, 8)
    return Model("traffic-cone", join([foot, body]), (0.38, 0.38, height))


def delineator(rng: Rng) -> Mesh:
    """A white post beside a road, with a reflector."""
    white = Paint("pole", (0.88, 0.88, 0.86))
    height = float(rng.uniform(0.85, 1.1))
    strip = Paint("pole", (0.9, 0.6, 0.2), Material.RETROREFLECTOR)
    return join(
        [box((0.12, 0.08, height + 0.2), (0, 0, -0.2), white, 0.9), box((0.13, 0.05, 0.18), (0, 0, 0.7), strip)]
    )


def utility_pole(rng: Rng) -> Mesh:
    """A wooden pole with a cross bar."""
    wood, height = Paint("pole", (0.36, 0.29, 0.22), Material.BARK), float(rng.uniform(6, 10))
    bar = tube((-0.9, 0, height - 0.5), (0.9, 0, height - 0.5), (0.06, 0.06), wood, 4)
    return join([tube((0, 0, -0.4), (0, 0, height), (0.15, 0.10), wood, 8), bar])


def median_lamp(rng: Rng) -> Mesh:
    """A tall post with an arm over either carriageway (towards both y)."""
    height, reach = float(rng.uniform(9, 13)), float(rng.uniform(1.5, 2.8))
    parts = [tube((0, 0, -0.3), (0, 0, height), (0.14, 0.07), _STEEL, 8)]
    for side in (-1, 1):
        parts.append(tube((0, 0, height - 0.1), (0, side * reach, height + 0.4), (0.05, 0.04), _STEEL, 5))
        parts.append(box((0.3, 0.8, 0.12), (0, side * (reach + 0.3), height + 0.35), _STEEL))
    return join(parts)


def gantry(rng: Rng, span: float) -> Mesh:
    """A frame over a carriageway, from its outer post at the origin ``span`` metres towards -y, with boards."""
    low = float(rng.uniform(5.3, 6.2))
    parts = [box((0.35, 0.35, low + 1.3), (0, -y, -0.3), _STEEL) for y in (0.0, span)]
    parts += [box((0.3, span, 0.25), (0, -span / 2, z), _STEEL) for z in (low + 0.3, low + 1.0)]
    face = -1.0 if rng.random() < 0.5 else 1.0
    colour = (0.1, 0.25, 0.6) if rng.random() < 0.6 else (0.1, 0.4, 0.2)
    front, back = (
        Paint("traffic-sign", c, m) for c, m in ((colour, Material.RETROREFLECTOR), ((0.5,) * 3, Material.METAL))
    )
    across = 2.2
    while across + 2.0 < span:
        width, tall = float(rng.uniform(2.0, 3.4)), float(rng.uniform(1.5, 2.8))
        parts.append(box((0.04, width, tall), (face * 0.27, -across - width / 2 + 1.2, low - 0.05), front))
        parts.append(box((0.04, width, tall), (face * 0.22, -across - width / 2 + 1.2, low - 0.05), back))
        across += width + float(rng.uniform(0.3, 2.0))
    return join(parts)
