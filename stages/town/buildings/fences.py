"""Fences, walls, hedges and rails along a line on the ground."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.site import Site
from occlabel.stages.town.things.mesh import Material, Mesh, Paint, box, join, quads
from occlabel.stages.town.things.vegetation import hedge, leaf_colour, leaves

_SHARES = {
    "slats": 2, "boards": 2, "mesh": 3, "bars": 2, "wall": 1.5, "low-wall": 1.5, "hedge": 4, "wall-hedge": 2,
    "picket": 1.5, "rails": 0.7, "hedge-mesh": 2, "hedge-slats": 1, "overgrown": 1.5,
}  # fmt: skip

_GREEN = {
    "hedge-mesh": ("mesh", "mesh", "bars"), "hedge-slats": ("slats", "picket", "rails"),
    "overgrown": ("mesh", "slats", "picket", "rails", "bars"),
}  # fmt: skip
"""Fences with hedges in, behind or before them, or leaves all over: which fences these are."""


def draw_fence(rng: np.random.Generator) -> str:
    """A type of fence as gardens have them."""
    weights = np.array(list(_SHARES.values()))
    return str(rng.choice(list(_SHARES), p=weights / weights.sum()))


def _sheets(x: NDArray[np.float64], width: float, low: float, high: float, y: float, paint: Paint) -> Mesh:
    """Upright sheets ``width`` wide at every ``x``, at depth ``y``."""
    corners = np.empty((len(x), 4, 3))
    corners[:, :, 1] = y
    corners[:, (0, 3), 0], corners[:, (1, 2), 0] = (x - width / 2)[:, None], (x + width / 2)[:, None]
    corners[:, :2, 2], corners[:, 2:, 2] = low, high
    return quads(corners, paint)


def _rail(length: float, z: float, thickness: float, paint: Paint) -> Mesh:
    return box((length, thickness, thickness), (0, 0, z - thickness / 2), paint)


def _post(x: float, height: float, width: float, paint: Paint) -> Mesh:
    return box((width, width, height + 0.2), (x, 0, -0.2), paint)


def _palette(rng: np.random.Generator) -> tuple[float, float, float]:
    table = ((0.42, 0.30, 0.19), (0.80, 0.79, 0.75), (0.25, 0.33, 0.26), (0.35, 0.35, 0.36), (0.58, 0.47, 0.34))
    return table[int(rng.integers(len(table)))]


class Fence:
    """One fence: its type, height and look, drawn once; ``panel`` makes a piece of any length."""

    def __init__(self, rng: np.random.Generator, kind: str) -> None:
        self.green_kind = kind if kind in _GREEN else ""
        self.kind = kind = str(rng.choice(_GREEN[kind])) if kind in _GREEN else kind
        self.rng = rng
        tall = {
            "slats": (0.8, 1.9), "boards": (1.2, 2.1), "mesh": (1.0, 2.4), "bars": (0.9, 1.9), "wall": (1.2, 2.8),
            "low-wall": (0.3, 0.9), "hedge": (0.7, 2.4), "wall-hedge": (1.0, 2.0), "picket": (0.7, 1.1),
            "rails": (0.8, 1.3), "guard": (0.7, 0.85), "concrete": (0.8, 1.15), "noise-wall": (2.5, 5.0),
        }[kind]  # fmt: skip
        self.height = float(rng.uniform(*tall))
        self.thickness = float(rng.uniform(0.4, 1.0)) if "hedge" in kind else float(rng.uniform(0.12, 0.35))
        self.behind = float(rng.choice([-1.0, 1.0]) * rng.uniform(0.3, 0.6)) if rng.random() < 0.7 else 0.0
        self.growth = self.height * float(rng.uniform(0.6, 1.25))
        self.paint = Paint(
            "fence", _palette(rng), Material.METAL if kind in ("mesh", "bars", "guard") else Material.MATT
        )
        stone = ((0.62, 0.60, 0.56), (0.50, 0.33, 0.27), (0.72, 0.68, 0.60))[int(rng.integers(3))]
        plain = kind in ("concrete", "noise-wall", "guard")
        self.stone = Paint("wall", (0.6, 0.6, 0.58) if plain else stone, Material.CONCRETE if plain else Material.BRICK)
        self.green = leaf_colour(rng)
        self.pitch = float(rng.uniform(0.11, 0.22))
        self.cover = float(rng.uniform(0.45, 0.9))
        self.foot = float(rng.choice([0.0, 0.0, 0.3, 0.5]))

    def panel(self, length: float) -> Mesh:
        """A piece of fence along x, centred on the origin, standing on z = 0, with what grows at it."""
        if not self.green_kind:
            return self._bare(length)
        if self.green_kind == "overgrown":
            count = int(length * self.growth * self.rng.uniform(5, 40))
            spots = self.rng.uniform((-length / 2, -0.25, 0.05), (length / 2, 0.25, self.growth), (count, 3))
            return join([self._bare(length), leaves(self.rng, spots, 0.2, self.green)])
        plants = hedge(self.rng, length, 0.45, self.growth, self.green).shifted(0, self.behind, 0)
        return join([self._bare(length), plants])

    def _bare(self, length: float) -> Mesh:
        x = np.arange(-length / 2 + self.pitch / 2, length / 2, self.pitch)
        h, paint = self.height, self.paint
        if self.kind == "hedge":
            return hedge(self.rng, length, self.thickness, h, self.green)
        if self.kind in ("wall", "low-wall"):
            return box((length, self.thickness, h + 0.5), (0, 0, -0.5), self.stone)
        if self.kind == "wall-hedge":
            base = box((length, 0.3, 0.9), (0, 0, -0.4), self.stone)
            return join([base, hedge(self.rng, length, self.thickness, h - 0.45, self.green).shifted(0, 0, 0.5)])
        if self.kind == "concrete":
            foot = box((length, 0.6, 0.4), (0, 0, -0.1), self.stone, 0.5)
            return join([foot, box((length, 0.22, h - 0.25), (0, 0, 0.25), self.stone)])
        if self.kind == "noise-wall":
            posts = [_post(-length / 2, h, 0.25, self.stone)]
            return join([*posts, box((length, 0.15, h + 0.3), (0, 0, -0.3), self.stone)])
        posts = [_post(-length / 2, h, 0.09, paint)]
        if self.kind == "rails":
            return join([*posts, *(_rail(length, z * h, 0.09, paint) for z in (0.35, 0.65, 0.95))])
        if self.kind == "guard":
            beam = box((length, 0.08, 0.31), (0, 0, h - 0.31), Paint("fence", (0.6, 0.61, 0.62), Material.METAL))
            return join([_post(-length / 2, h, 0.12, self.stone), beam])
        if self.foot:
            posts.append(box((length, 0.2, self.foot + 0.4), (0, 0, -0.4), self.stone))
        if self.kind in ("mesh", "bars"):
            wires = np.arange(-length / 2, length / 2, 0.13 if self.kind == "bars" else 0.25)
            sheets = _sheets(wires, 0.022 if self.kind == "bars" else 0.012, self.foot, h, 0, paint)
            heights = (0.2, 0.97) if self.kind == "bars" else (0.1, 0.3, 0.5, 0.7, 0.98)
            return join(
                [*posts, sheets, *(_rail(length, self.foot + z * (h - self.foot), 0.025, paint) for z in heights)]
            )
        width = self.pitch * (0.98 if self.kind == "boards" else self.cover)
        rails = [_rail(length, z * h, 0.05, paint) for z in (0.25, 0.8)]
        return join([*posts, *rails, _sheets(x, width, max(self.foot, 0.06), h, 0.04, paint)])


def run_fence(site: Site, fence: Fence, start: NDArray[np.float64], end: NDArray[np.float64], gap: float = 0.0) -> None:
    """Stands panels of about 2 m from ``start`` to ``end`` [2], each on its own ground; ``gap`` is the share left out
    in one piece (a gate)."""
    length = float(np.linalg.norm(end - start))
    if length < 0.8:
        return
    count = max(round(length / 2.0), 1)
    yaw = float(np.arctan2(end[1] - start[1], end[0] - start[0]))
    gate = site.rng.uniform(0, 1 - gap) if gap else 2.0
    for i in range(count):
        share = (i + 0.5) / count
        if gate <= share <= gate + gap:
            continue
        x, y = start + (end - start) * share
        if site.ground.inside(x, y, 2.0) and site.ground.is_free(x, y, yaw, length / count * 0.8, 0.2):
            site.ground.take(x, y, yaw, length / count, max(fence.thickness, 0.2))
            site.add(fence.panel(length / count), x, y, yaw)
