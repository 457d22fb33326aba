"""A lot: a rectangle of land at a street, and how things are put on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.stages.town.buildings.fences import Fence, draw_fence, run_fence
from occlabel.stages.town.site import Site
from occlabel.stages.town.things import vegetation
from occlabel.stages.town.things.cars import car
from occlabel.stages.town.things.mesh import Mesh


@dataclass(frozen=True, slots=True)
class Lot:
    """A rectangle at a street. Local coordinates: ``a`` along the street from the middle, ``b`` away from it from the
    front line; a model with yaw 0 faces the street with its -y side."""

    site: Site
    x: float
    y: float
    yaw: float
    width: float
    depth: float
    level: float = 0.0
    """Height of the land above the terrain [m]: that of the sidewalk before it, or 0."""
    setback: float = 0.0
    """Width of the bands between carriageway and lot [m]."""

    def world(self, a: float, b: float) -> tuple[float, float]:
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return float(self.x + c * a - s * b), float(self.y + s * a + c * b)

    def pave(self, kind: str, step: float, a: float, b: float, width: float, depth: float) -> None:
        """Surface of the rectangle centred on (a, b)."""
        x, y = self.world(a, b)
        self.site.ground.pave(kind, step + self.level, x, y, self.yaw, width, depth)

    def drop_kerb(self, a: float, width: float, step: float) -> None:
        """Lowers the sidewalk and verge before the lot to ``step``, as where a drive crosses them."""
        x, y = self.world(a, -self.setback / 2)
        self.site.ground.lower(step, x, y, self.yaw, width, self.setback + 0.6)

    def build(self, mesh: Mesh, a: float, b: float, width: float, depth: float) -> bool:
        """Stands a building of ``width`` by ``depth`` (eaves, steps and awnings may reach farther) centred on (a, b),
        if the land is free; its floor is about level with the ground around it."""
        ground = self.site.ground
        x, y = self.world(a, b)
        if not ground.inside(x, y, 8.0) or ground.blocked(ground.street, x, y, self.yaw, width, depth) > 0.02:
            return False
        if ground.blocked(ground.taken, x, y, self.yaw, width, depth) > 0.01:
            return False
        ground.take(x, y, self.yaw, width, depth)
        corners = np.array([self.world(a + p * width / 2, b + q * depth / 2) for p in (-1, 1) for q in (-1, 1)])
        self.site.add(mesh, x, y, self.yaw, z=float(np.percentile(ground.height(corners), 60)) + 0.1)
        return True

    def stand(self, mesh: Mesh, a: float, b: float, reach: float, yaw: float = 0.0) -> bool:
        x, y = self.world(a, b)
        return self.site.try_stand(mesh, x, y, self.yaw + yaw, reach)

    def fence(self, fence: Fence, start: tuple[float, float], end: tuple[float, float], gap: float = 0.0) -> None:
        run_fence(self.site, fence, np.array(self.world(*start)), np.array(self.world(*end)), gap)

    def plant(self, area: tuple[float, float, float, float], trees: float, bushes: float) -> None:
        """Trees and bushes in the rectangle (a0, a1, b0, b1), so many per 100 square metres on average."""
        a0, a1, b0, b1 = area
        rng, size = self.site.rng, max(a1 - a0, 0) * max(b1 - b0, 0) / 100 * self.site.style.greenery
        for _ in range(int(rng.poisson(trees * size))):
            height = float(rng.uniform(3.5, 14))
            tree = vegetation.tree(rng, height, height * float(rng.uniform(0.4, 0.8)))
            self.stand(tree, rng.uniform(a0, a1), rng.uniform(b0, b1), 0.6, rng.uniform(0, 6))
        for _ in range(int(rng.poisson(bushes * size))):
            width = float(rng.uniform(0.6, 2.6))
            shrub = vegetation.bush(rng, width, width * float(rng.uniform(0.5, 1.2)))
            self.stand(shrub, rng.uniform(a0, a1), rng.uniform(b0, b1), width * 0.6, rng.uniform(0, 6))

    def thicket(self, a: float, b: float, length: float, width: float, height: float) -> None:
        """Undergrowth whose long side runs along the street."""
        rng, ground = self.site.rng, self.site.ground
        spots = vegetation.shrubbery(rng, length, width, height)
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        x, y = self.world(a, b)
        xy = spots[:, :2] @ np.array([[c, s], [-s, c]]) + np.array([x, y])
        spots = np.column_stack([xy, ground.height(xy) + spots[:, 2]])
        self.site.meshes.append(vegetation.leaves(rng, spots, rng.uniform(0.22, 0.4), vegetation.leaf_colour(rng)))

    def frontage(self, gap: float = 0.2) -> None:
        """Fence, wall, hedge or nothing along the street."""
        rng = self.site.rng
        if rng.random() < 0.95:
            self.fence(Fence(rng, draw_fence(rng)), (-self.width / 2, 0.25), (self.width / 2, 0.25), gap)

    def sides(self, start: float) -> None:
        """A fence along one side and the back."""
        rng = self.site.rng
        fence = Fence(rng, draw_fence(rng))
        if rng.random() < 0.85:
            self.fence(fence, (self.width / 2, start), (self.width / 2, self.depth))
        if rng.random() < 0.6:
            self.fence(fence, (-self.width / 2, self.depth), (self.width / 2, self.depth))

    def park_row(self, b: float, pitch: float, share: float) -> None:
        """Cars side by side, ``b`` metres from the front line, noses or tails to the street."""
        rng = self.site.rng
        for a in np.arange(-self.width / 2 + 1.6, self.width / 2 - 1.5, pitch):
            if rng.random() < share:
                x, y = self.world(a + rng.normal(0, 0.08), b + rng.normal(0, 0.2))
                model, turn = car(rng), rng.choice([-1, 1]) * np.pi / 2
                self.site.try_thing(model, x, y, self.yaw + turn + rng.normal(0, 0.03), 0.05)
