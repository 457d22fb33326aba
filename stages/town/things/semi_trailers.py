"""Semi-trailers, the tractors that draw them, and both coupled. They look along x, wheels on z = 0."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from occlabel.stages.town.things.cars import body_colour, wheels
from occlabel.stages.town.things.mesh import Colour, Material, Mesh, Paint, box, join, of_kind, quads, tube
from occlabel.stages.town.things.model import Model, fitted
from occlabel.stages.town.things.trucks import cab

Rng = np.random.Generator

_SORTS = {"box": 0.34, "curtain": 0.22, "cold": 0.14, "container": 0.18, "bare": 0.04, "flatbed": 0.08}
_STEEL = (0.14, 0.14, 0.15)
_WHITE = (0.86, 0.87, 0.87)
_OVERLAP = 2.9
"""By how much a coupled semi-trailer reaches over its tractor [m]."""


def semi_trailer(rng: Rng, coupled: bool = False) -> Model:
    """A semi-trailer of 11.8 to 14.4 m: a box, a curtain or a cold box, a chassis with a container or without, a
    flatbed. Its floor is 1.1 to 1.3 m up with air below; uncoupled it stands on landing legs."""
    sort = str(rng.choice(list(_SORTS), p=list(_SORTS.values())))
    length, width, floor = float(rng.uniform(11.8, 14.4)), 2.5, float(rng.uniform(1.1, 1.3))
    top = float(rng.uniform(3.6, 4.1))
    rear = -length / 2
    steel = Paint("trailer", _STEEL, Material.METAL)
    parts = _chassis(rng, length, width, floor, coupled)
    if sort in ("box", "curtain", "cold"):
        parts += _body(rng, sort, length, (floor, top))
    elif sort == "container":
        parts += _container(rng, length, (floor, min(floor + float(rng.choice([2.59, 2.9])), 4.1)))
    elif sort == "bare":
        parts += [box((0.25, width, 0.25), (x, 0, floor - 0.1), steel) for x in (rear + 0.2, 0.0, length / 2 - 0.2)]
    else:
        parts.append(box((length, width, 0.16), (0, 0, floor), Paint("trailer", (0.4, 0.33, 0.25))))
        parts.append(box((0.1, width, 1.5), (length / 2 - 0.05, 0, floor), steel))
        if rng.random() < 0.6:
            load = Paint("trailer", tuple(rng.uniform(0.2, 0.8, 3)))
            parts.append(
                box((length * rng.uniform(0.3, 0.8), 2.2, rng.uniform(0.4, 1.4)), (-0.5, 0, floor + 0.16), load)
            )
    return fitted("trailer", of_kind(join(parts), "trailer"))


def _chassis(rng: Rng, length: float, width: float, floor: float, coupled: bool) -> list[Mesh]:
    """Beams, axles, mudguards, the bar against running under, guards or boxes at the sides, landing legs."""
    steel, rear = Paint("trailer", _STEEL, Material.METAL), -length / 2
    parts = [box((length - 0.6, 0.14, 0.34), (0, s * 0.45, floor - 0.34), steel) for s in (-1, 1)]
    first = rear + float(rng.uniform(1.0, 2.4))
    axles = tuple(first + 1.31 * k for k in range(3 if rng.random() < 0.7 else 2))
    parts += wheels(axles, width / 2, 0.5, 0.36)
    parts += [tube((x, -1.0, 0.5), (x, 1.0, 0.5), (0.07, 0.07), steel) for x in axles]
    parts.append(box((0.1, 2.3, 0.12), (rear + 0.15, 0, 0.45), steel))
    parts += [box((0.08, 0.1, floor - 0.5), (rear + 0.2, s * 0.5, 0.5), steel) for s in (-1, 1)]
    lamps = Paint("trailer", (0.6, 0.05, 0.05), Material.RETROREFLECTOR)
    parts += [box((0.04, 0.35, 0.12), (rear + 0.06, s * 0.95, floor - 0.22), lamps) for s in (-1, 1)]
    legs = length / 2 - 3.0
    if rng.random() < 0.65:
        start, stop = axles[-1] + 0.8, legs - 0.4
        parts += [
            box((stop - start, 0.04, 0.12), ((start + stop) / 2, s * (width / 2 - 0.06), z), steel)
            for s in (-1, 1) for z in (0.5, 0.8)
        ]  # fmt: skip
    foot = 0.35 if coupled else 0.0
    parts += [box((0.14, 0.14, floor - foot), (legs, s * 0.75, foot), steel) for s in (-1, 1)]
    if not coupled:
        parts += [box((0.3, 0.3, 0.04), (legs, s * 0.75, 0.0), steel) for s in (-1, 1)]
    return parts


def _body(rng: Rng, sort: str, length: float, span: tuple[float, float]) -> list[Mesh]:
    """A closed body from ``span[0]`` to ``span[1]``: doors with bars behind, posts or ribs, a cooler in front."""
    low, high = span
    colour: Colour = _WHITE if rng.random() < (0.85 if sort == "cold" else 0.5) else tuple(rng.uniform(0.1, 0.9, 3))
    paint = Paint("trailer", colour, Material.CLOTH if sort == "curtain" else Material.PAINTWORK)
    cooler = 0.45 if sort == "cold" else 0.0
    parts = [box((length - cooler, 2.46, high - low), (-cooler / 2, 0, low), paint)]
    if sort == "cold":
        unit = Paint("trailer", (0.75, 0.76, 0.77))
        parts.append(box((cooler, 1.9, 1.7), (length / 2 - cooler / 2, 0, high - 1.85), unit))
    parts += _doors(length, low, high)
    pitch = float(rng.uniform(0.5, 1.4)) if sort != "cold" else length
    parts.append(_ribs(length - 0.4, (low, high), pitch, 0.07, replace(paint, material=Material.METAL)))
    edge = Paint("trailer", (0.6, 0.6, 0.62), Material.METAL)
    return [*parts, *(box((length, 0.02, 0.14), (0, s * 1.24, low), edge) for s in (-1, 1))]


def _container(rng: Rng, length: float, span: tuple[float, float]) -> list[Mesh]:
    """One container of 40 feet or one of 20, over the rear or the middle."""
    low, high = span
    size = 12.19 if length > 12.3 and rng.random() < 0.75 else 6.06
    x = (size - length) / 2 + 0.02 if rng.random() < 0.6 else 0.0
    table = ((0.5, 0.16, 0.1), (0.1, 0.25, 0.45), (0.15, 0.35, 0.25), (0.7, 0.7, 0.68), (0.75, 0.4, 0.1))
    paint = Paint("trailer", table[int(rng.integers(len(table)))], Material.PAINTWORK)
    parts = [box((size, 2.4, high - low), (0, 0, low), paint), *_doors(size, low, high)]
    parts.append(_ribs(size - 0.3, (low + 0.1, high - 0.1), 0.28, 0.1, paint))
    return [part.shifted(x, 0, 0) for part in parts]


def _doors(length: float, low: float, high: float) -> list[Mesh]:
    """The four bars that lock a pair of rear doors."""
    bar = Paint("trailer", (0.55, 0.55, 0.57), Material.METAL)
    ys = np.array([-0.85, -0.3, 0.3, 0.85])
    corners = np.empty((4, 4, 3))
    corners[:, :, 0] = -length / 2 - 0.01
    corners[:, (0, 3), 1], corners[:, (1, 2), 1] = (ys - 0.02)[:, None], (ys + 0.02)[:, None]
    corners[:, :2, 2], corners[:, 2:, 2] = low + 0.05, high - 0.05
    return [quads(corners, bar)]


def _ribs(length: float, span: tuple[float, float], pitch: float, width: float, paint: Paint) -> Mesh:
    """Upright strips along both sides, at the full width of 2.5 m."""
    x = np.arange(-length / 2, length / 2, pitch)
    corners = np.empty((2 * len(x), 4, 3))
    corners[:, :, 1] = np.repeat([-1.25, 1.25], len(x))[:, None]
    both = np.tile(x, 2)
    corners[:, (0, 3), 0], corners[:, (1, 2), 0] = both[:, None], (both + width)[:, None]
    corners[:, :2, 2], corners[:, 2:, 2] = span
    return quads(corners, paint)


def tractor(rng: Rng) -> Model:
    """A tractor for semi-trailers: a high cab, an open frame behind it."""
    length, width, height = float(rng.uniform(5.6, 6.8)), 2.5, float(rng.uniform(2.9, 3.8))
    front, cab_length = length / 2, float(rng.uniform(1.7, 2.3))
    steel = Paint("truck", _STEEL, Material.METAL)
    parts = cab("truck", front - cab_length / 2, cab_length, width, height, body_colour(rng))
    parts += [box((length - 0.4, 0.12, 0.28), (-0.1, s * 0.42, 0.65), steel) for s in (-1, 1)]
    parts.append(box((0.9, 0.9, 0.14), (-front + 1.5, 0, 0.95), steel))
    parts += [tube((0.4 - s, s * 0.95, 0.65), (1.2 - s, s * 0.95, 0.65), (0.3, 0.3), steel, 8) for s in (-0.9, 0.9)]
    rear = (-front + 1.0, -front + 2.3) if length > 6.3 else (-front + 1.1,)
    parts += wheels((front - 1.3, *rear), width / 2, 0.5, 0.34)
    return Model("truck", of_kind(join(parts), "truck"), (length, width, height))


def lorry(rng: Rng) -> Model:
    """An articulated lorry: a tractor, which is a truck, and the semi-trailer that it draws."""
    return replace(tractor(rng), towed=semi_trailer(rng, coupled=True), overlap=_OVERLAP)
