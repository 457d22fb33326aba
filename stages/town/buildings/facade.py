"""Facades: a wall with a regular pattern of recessed windows and doors, as quads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.things.mesh import Colour, Material, Mesh, Paint, box, join, quads, recoloured


@dataclass(frozen=True, slots=True)
class Facade:
    """How the walls of a building look. Lengths in metres."""

    wall: Paint
    floor: float
    """Height of one floor."""
    column: float
    """Spacing of the windows."""
    window: tuple[float, float]
    """Width and height."""
    sill: float
    recess: float
    shop: bool
    """Large panes on the ground floor."""
    balconies: float
    """Share of windows above the ground floor that have one."""


_WALLS: tuple[tuple[Colour, Material], ...] = (
    ((0.86, 0.83, 0.76), Material.MATT), ((0.90, 0.89, 0.87), Material.MATT), ((0.78, 0.68, 0.52), Material.MATT),
    ((0.55, 0.30, 0.24), Material.BRICK), ((0.63, 0.44, 0.34), Material.BRICK), ((0.60, 0.60, 0.58), Material.MATT),
    ((0.74, 0.76, 0.78), Material.MATT), ((0.70, 0.62, 0.55), Material.BRICK), ((0.82, 0.72, 0.62), Material.MATT),
    ((0.45, 0.38, 0.32), Material.MATT),
)  # fmt: skip


def draw_facade(rng: np.random.Generator, shop: bool = False, modern: bool = False) -> Facade:
    colour, material = _WALLS[int(rng.integers(len(_WALLS)))]
    width = float(rng.uniform(0.8, 1.5) * (1.5 if modern else 1.0))
    return Facade(
        Paint("building", tuple(np.clip(np.array(colour) * rng.uniform(0.85, 1.1), 0, 1)), material),
        float(rng.uniform(2.6, 3.5)),
        width + float(rng.uniform(0.7, 2.4)),
        (width, float(rng.uniform(1.1, 1.8))),
        float(rng.uniform(0.7, 1.1)),
        float(rng.choice([0.04, 0.12, 0.2, 0.3])),
        shop,
        float(rng.choice([0.0, 0.0, 0.15, 0.4])) if modern else float(rng.choice([0.0, 0.0, 0.0, 0.1])),
    )


def _rectangle(
    x0: NDArray[np.float64], x1: NDArray[np.float64], z0: NDArray[np.float64], z1: NDArray[np.float64], y: float
) -> NDArray[np.float64]:
    """Upright rectangles [n, 4, 3] in the plane ``y``; they face -y."""
    corners = np.full((len(x0), 4, 3), y)
    corners[:, 0, 0], corners[:, 1, 0], corners[:, 2, 0], corners[:, 3, 0] = x0, x1, x1, x0
    corners[:, 0, 2], corners[:, 1, 2], corners[:, 2, 2], corners[:, 3, 2] = z0, z0, z1, z1
    return corners


def _plain(width: float, low: float, high: float) -> NDArray[np.float64]:
    """One rectangle [1, 4, 3] across the wall."""
    return _rectangle(np.array([-width / 2]), np.array([width / 2]), np.array([low]), np.array([high]), 0.0)


@dataclass(frozen=True, slots=True)
class _Openings:
    """Windows and doors of one wall, each in a cell of a regular pattern; fields [n], metres in the wall's plane."""

    left: NDArray[np.float64]
    right: NDArray[np.float64]
    bottom: NDArray[np.float64]
    top: NDArray[np.float64]
    """Of the cell."""
    x0: NDArray[np.float64]
    x1: NDArray[np.float64]
    z0: NDArray[np.float64]
    z1: NDArray[np.float64]
    """Of the opening in it."""
    closed: NDArray[np.bool_]
    """Doors, shutters, curtains: they return the laser, panes mostly do not."""


def _openings(rng: np.random.Generator, look: Facade, width: float, floors: int, columns: int) -> _Openings:
    pitch = width / columns
    column, floor = (index.ravel() for index in np.meshgrid(np.arange(columns), np.arange(floors)))
    left, bottom = -width / 2 + column * pitch, floor * look.floor
    shop = (floor == 0) & look.shop
    tall = np.where(shop, look.floor - 0.55, look.window[1])
    wide = np.where(shop, pitch - 0.4, min(look.window[0], pitch - 0.3))
    sill = np.where(shop, 0.35, look.sill)
    door = np.zeros(len(floor), np.bool_)
    if not look.shop:  # a door now and then
        door = (floor == 0) & (rng.random(len(floor)) < 0.18)
        sill, tall = np.where(door, 0.05, sill), np.where(door, 2.05, tall)
    tall = np.minimum(tall, look.floor - sill - 0.15)
    x0, z0 = left + (pitch - wide) / 2, bottom + sill
    closed = door | (rng.random(len(x0)) < 0.3)
    return _Openings(left, left + pitch, bottom, bottom + look.floor, x0, x0 + wide, z0, z0 + tall, closed)


def _reveals(o: _Openings, recess: float) -> NDArray[np.float64]:
    """Both jambs and the sill of every opening, [3 n, 4, 3]."""
    reveal = np.empty((len(o.x0), 3, 4, 3))
    for k, x in enumerate((o.x0, o.x1)):
        reveal[:, k, :, 0] = x[:, None]
        reveal[:, k, :, 1] = (0, recess, recess, 0)
        reveal[:, k, :2, 2], reveal[:, k, 2:, 2] = o.z0[:, None], o.z1[:, None]
    reveal[:, 2] = _rectangle(o.x0, o.x1, o.z0, o.z0, 0.0)
    reveal[:, 2, 2:, 1] = recess
    return reveal.reshape(-1, 4, 3)


def wall(rng: np.random.Generator, look: Facade, width: float, floors: int, top: float = 0.0) -> Mesh:
    """A wall in the plane y = 0 facing -y, from x = -width/2 to width/2, from 1.5 m below the ground to its floors
    plus a parapet of ``top`` metres."""
    height, low = floors * look.floor, -1.5
    columns = int(width // look.column)
    if columns < 1 or floors < 1:
        return quads(_plain(width, low, height + top), look.wall)
    o = _openings(rng, look, width, floors, columns)
    stone = [
        _rectangle(o.left, o.x0, o.bottom, o.top, 0.0),
        _rectangle(o.x1, o.right, o.bottom, o.top, 0.0),
        _rectangle(o.x0, o.x1, o.bottom, o.z0, 0.0),
        _rectangle(o.x0, o.x1, o.z1, o.top, 0.0),
        _plain(width, low, 0.0),
        *([_plain(width, height, height + top)] if top > 0 else []),
    ]
    panes = _rectangle(o.x0, o.x1, o.z0, o.z1, look.recess)
    glass = quads(panes[~o.closed], Paint("building", (0.22, 0.27, 0.32), Material.GLASS))
    shut = quads(panes[o.closed], Paint("building", tuple(rng.uniform(0.25, 0.8, 3)), Material.MATT))
    tint = np.repeat(rng.uniform(0.6, 1.5, (len(glass.faces) // 2, 1)), 2, 0)
    glass = recoloured(glass, np.clip(glass.colours * tint, 0, 1))
    parts = [quads(np.concatenate(stone), look.wall), quads(_reveals(o, look.recess), look.wall), glass, shut]
    upstairs = o.bottom > 0
    for n in np.flatnonzero(upstairs & (rng.random(len(upstairs)) < look.balconies)):
        parts += _balcony((o.x0[n] + o.x1[n]) / 2, o.bottom[n], width / columns * 0.9, float(look.wall.colour[0]))
    return join(parts)


def _balcony(x: float, z: float, width: float, tone: float) -> list[Mesh]:
    slab = Paint("building", (tone * 0.9, tone * 0.9, tone * 0.88))
    return [
        box((width, 1.3, 0.16), (x, -0.65, z - 0.16), slab),
        box((width, 0.06, 1.0), (x, -1.27, z), slab),
        box((0.06, 1.3, 1.0), (x - width / 2, -0.65, z), slab),
        box((0.06, 1.3, 1.0), (x + width / 2, -0.65, z), slab),
    ]
