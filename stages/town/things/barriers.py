"""What closes a road for a while. Barriers stand along x, on z = 0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.things.mesh import Colour, Material, Mesh, Paint, box, join, loft, of_kind, tube
from occlabel.stages.town.things.model import Model, fitted

Rng = np.random.Generator

_CONCRETE = (0.68, 0.67, 0.64)
_BRIGHT: tuple[Colour, ...] = ((0.85, 0.3, 0.15), (0.88, 0.88, 0.86), (0.8, 0.25, 0.15), (0.9, 0.75, 0.1))


def barrier(rng: Rng) -> Model:
    """A barrier of concrete or of plastic, planks on feet, or a barred one as for crowds."""
    return _SORTS[str(rng.choice(list(_SORTS), p=[0.35, 0.3, 0.2, 0.15]))](rng)


def _concrete(rng: Rng) -> Model:
    """Of the New Jersey shape: a foot, a slope and a steep upper part."""
    length, height = float(rng.uniform(2.0, 4.0)), float(rng.uniform(0.8, 1.1))
    foot, top = float(rng.uniform(0.5, 0.8)), float(rng.uniform(0.15, 0.25))
    paint = Paint("barrier", _CONCRETE, Material.CONCRETE)
    sides = [(foot / 2, 0.0), (foot / 2, 0.07), (top / 2 + 0.06, 0.32), (top / 2, height)]
    return fitted("barrier", _extruded(sides, length, paint))


def _plastic(rng: Rng) -> Model:
    """A hollow one to be filled with water, coloured, often with a fence on top."""
    length, height = float(rng.uniform(1.5, 2.6)), float(rng.uniform(0.8, 1.2))
    foot, top = float(rng.uniform(0.45, 0.75)), float(rng.uniform(0.2, 0.4))
    paint = Paint("barrier", _BRIGHT[int(rng.integers(len(_BRIGHT)))])
    parts = [_extruded([(foot / 2, 0.0), (foot / 2, 0.3), (top / 2, 0.45), (top / 2, height)], length, paint)]
    if rng.random() < 0.3:
        steel = Paint("barrier", (0.5, 0.5, 0.52), Material.METAL)
        more = float(rng.uniform(0.3, 1.0))
        bars = np.arange(-length / 2 + 0.1, length / 2, 0.25)
        parts += [tube((x, 0, height), (x, 0, height + more), (0.02, 0.02), steel, 4) for x in bars]
        parts.append(box((length, 0.05, 0.05), (0, 0, height + more), steel))
    return fitted("barrier", join(parts))


def _planks(rng: Rng) -> Model:
    length = float(rng.uniform(1.2, 2.5))
    paint = Paint("barrier", _BRIGHT[0], Material.RETROREFLECTOR)
    parts = [box((length, 0.04, 0.22), (0, 0, z), paint) for z in (0.45, 0.85)]
    parts += [box((0.06, 0.5, 1.07), (s * length * 0.45, 0, 0), paint, 0.4) for s in (-1, 1)]
    return Model("barrier", of_kind(join(parts), "barrier"), (length, 0.5, 1.07))


def _barred(rng: Rng) -> Model:
    length, height = float(rng.uniform(1.9, 2.5)), float(rng.uniform(1.0, 1.2))
    steel = Paint("barrier", (0.55, 0.55, 0.57), Material.METAL)
    parts = [
        tube((x, 0, 0.15), (x, 0, height), (0.012, 0.012), steel, 4) for x in np.arange(-length / 2, length / 2, 0.13)
    ]
    parts += [box((length, 0.045, 0.045), (0, 0, z), steel) for z in (0.15, height)]
    parts += [box((0.05, 0.6, 0.05), (s * length * 0.4, 0, 0), steel) for s in (-1, 1)]
    return Model("barrier", of_kind(join(parts), "barrier"), (length, 0.6, height))


_SORTS: dict[str, Callable[[Rng], Model]] = {
    "concrete": _concrete, "plastic": _plastic, "planks": _planks, "barred": _barred,
}  # fmt: skip


def _extruded(sides: list[tuple[float, float]], length: float, paint: Paint) -> Mesh:
    """A bar of ``length`` [m] whose right half is, seen along it, the (y, z) of ``sides`` from the ground up."""
    half = np.array(sides)
    ring: NDArray[np.float64] = np.concatenate([half, half[::-1] * (-1.0, 1.0)])
    ends = [np.column_stack([np.full(len(ring), x), ring]) for x in (-length / 2, length / 2)]
    return loft(np.stack(ends), paint)
