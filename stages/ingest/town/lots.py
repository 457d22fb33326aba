"""Lots: what fills the land beside a street, from the front line to the back fence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from stages.ingest.town import buildings, vegetation
from stages.ingest.town.fences import Fence, draw_fence, run_fence
from stages.ingest.town.mesh import Mesh
from stages.ingest.town.people import person
from stages.ingest.town.site import Site
from stages.ingest.town.street_furniture import barrier, bench, bin_or_box, billboard, cone, lamp_post
from stages.ingest.town.vehicles import VEHICLES, car, two_wheeler


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

    def world(self, a: float, b: float) -> tuple[float, float]:
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return float(self.x + c * a - s * b), float(self.y + s * a + c * b)

    def pave(self, kind: str, step: float, a: float, b: float, width: float, depth: float) -> None:
        """Surface of the rectangle centred on (a, b)."""
        x, y = self.world(a, b)
        self.site.ground.pave(kind, step, x, y, self.yaw, width, depth)

    def build(self, mesh: Mesh, a: float, b: float, width: float, depth: float) -> bool:
        """Stands a building of ``width`` by ``depth`` (eaves, steps and awnings may reach farther) centred on (a, b), if
        the land is free; its floor is about level with the ground around it."""
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
        self.site.meshes.append(vegetation.leaves(rng, spots, rng.uniform(0.22, 0.4), vegetation.hedge_colour(rng)))

    def frontage(self, gap: float = 0.2) -> None:
        """Fence, wall, hedge or nothing along the street."""
        rng = self.site.rng
        if rng.random() < 0.9:
            self.fence(Fence(rng, draw_fence(rng)), (-self.width / 2, 0.25), (self.width / 2, 0.25), gap)

    def sides(self, start: float) -> None:
        """A fence along one side and the back."""
        rng = self.site.rng
        fence = Fence(rng, draw_fence(rng))
        if rng.random() < 0.7:
            self.fence(fence, (self.width / 2, start), (self.width / 2, self.depth))
        if rng.random() < 0.6:
            self.fence(fence, (-self.width / 2, self.depth), (self.width / 2, self.depth))


def _house(lot: Lot) -> None:
    rng, style = lot.site.rng, lot.site.style
    front = float(rng.uniform(0.8, 5.5))
    width = float(min(rng.uniform(7, 13), lot.width - 3.0))
    depth = float(min(rng.uniform(7, 11), lot.depth - front - 1.0))
    if width < 5 or depth < 5:
        return _garden(lot)
    drive = rng.random() < 0.75
    side = float(rng.choice([-1.0, 1.0]))
    lane = 3.0
    a = -side * (lot.width - width) / 2 * float(rng.uniform(0.2, 1.0)) if drive else 0.0
    _yard(lot, front)
    lot.build(buildings.house(rng, width, depth), a, front + depth / 2, width, depth)
    if drive:
        surface = str(rng.choice(["sidewalk", "parking", "parking", "other-ground", "road"]))
        lane_a = side * (lot.width / 2 - lane / 2 - 0.2)
        reach = front + float(rng.uniform(2, depth))
        lot.pave(surface, 0.05, lane_a, reach / 2, lane, reach)
        if rng.random() < 0.5:
            lot.build(buildings.garage(rng), lane_a, reach + 3.1, 3.2, 6.0)
        if rng.random() < 0.25 + 0.35 * style.parked[1] and reach > 5.5:
            x, y = lot.world(lane_a, 0.5 + float(rng.uniform(2.3, reach - 2.3)))
            lot.site.try_thing(car(rng), x, y, lot.yaw + float(rng.choice([-1, 1])) * np.pi / 2 + rng.normal(0, 0.04))
    lot.frontage(gap=0.3)
    lot.sides(front * 0.5)
    lot.plant((-lot.width / 2, lot.width / 2, 0.8, front), 1.5, 16.0)
    lot.plant((-lot.width / 2, -width / 2, front, front + depth), 1.0, 10.0)
    lot.plant((width / 2, lot.width / 2, front, front + depth), 1.0, 10.0)
    lot.plant((-lot.width / 2, lot.width / 2, front + depth, lot.depth), 1.6, 4.0)
    if rng.random() < 0.3:
        lot.stand(bin_or_box(rng), side * lot.width * 0.3, 0.8, 0.8)


def _yard(lot: Lot, front: float) -> None:
    """The surface before and around a house: lawn at some level, paving or gravel."""
    rng = lot.site.rng
    choice, step = rng.random(), float(rng.choice([0.0, 0.05, 0.1, 0.15, 0.3]))
    if choice < 0.68:
        lot.pave("terrain", step, 0, lot.depth / 2, lot.width, lot.depth)
        if rng.random() < 0.6:
            lot.pave("sidewalk", step + 0.02, rng.uniform(-0.3, 0.3) * lot.width, front / 2, rng.uniform(1.0, 1.8), front)
    else:
        lot.pave("terrain", step, 0, lot.depth / 2, lot.width, lot.depth)
        lot.pave("sidewalk" if choice < 0.92 else "other-ground", step, 0, front / 2, lot.width, front)


def _terrace(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.choice([0.1, 0.1, 0.4, 2.0, 4.0]))
    depth = min(float(rng.uniform(8, 12)), lot.depth - front - 0.5)
    count = max(int(lot.width // rng.uniform(5.0, 9.0)), 1)
    each = lot.width / count
    lot.pave("sidewalk" if front < 1 else "terrain", 0.1, 0, front / 2, lot.width, front + 0.6)
    for k in range(count):
        offset = float(rng.choice([0.0, 0.0, 0.0, 0.5]))
        row = buildings.terraced(rng, each - 0.05, depth)
        lot.build(row, (k - (count - 1) / 2) * each, front + offset + depth / 2, each - 0.5, depth)
    if front > 1.5:
        lot.frontage(0.25)
        lot.plant((-lot.width / 2, lot.width / 2, 0.6, front), 1.0, 16.0)
    lot.plant((-lot.width / 2, lot.width / 2, front + depth + 1, lot.depth), 1.0, 1.0)


def _shop(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(0.1, 3.0))
    lot.pave("sidewalk", 0.1, 0, lot.depth / 2, lot.width, lot.depth)
    depth = min(float(rng.uniform(9, 16)), lot.depth - front - 0.5)
    shop = buildings.tower(rng, lot.width - 0.2, depth, int(rng.integers(1, 6)), shop=True)
    lot.build(shop, 0, front + depth / 2, lot.width - 0.4, depth)
    for _ in range(int(rng.integers(0, 3))):
        lot.stand(bin_or_box(rng), rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(0.2, max(front, 0.6)), 0.9)


def _tower(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(0.5, 8.0))
    lot.pave("sidewalk" if rng.random() < 0.6 else "other-ground", 0.12, 0, lot.depth / 2, lot.width, lot.depth)
    depth = min(float(rng.uniform(12, 22)), lot.depth - front - 0.5)
    floors = int(rng.integers(4, 16))
    tower = buildings.tower(rng, lot.width - 1.0, depth, floors, bool(rng.random() < 0.4))
    lot.build(tower, 0, front + depth / 2, lot.width - 1.0, depth)
    if front > 3:
        lot.plant((-lot.width / 2, lot.width / 2, 0.8, front), 1.8, 5.0)
        for _ in range(int(rng.integers(0, 3))):
            lot.stand(bench(rng), rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(0.5, front), 1.8)


def _block(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(2, 11))
    depth = min(float(rng.uniform(9, 14)), lot.depth - front - 0.5)
    lot.pave("terrain", float(rng.choice([0.0, 0.1])), 0, lot.depth / 2, lot.width, lot.depth)
    if front > 7 and rng.random() < 0.5:
        lot.pave("parking", 0.0, 0, 3.0, lot.width - 1, 5.4)
        _park_row(lot, 3.0, 2.6, float(rng.uniform(*lot.site.style.parked)))
    else:
        lot.plant((-lot.width / 2, lot.width / 2, 0.8, front - 1), 2.0, 7.0)
        lot.frontage(0.3)
    lot.pave("sidewalk", 0.1, 0, front - 0.8, lot.width, 1.6)
    width = lot.width * float(rng.uniform(0.7, 0.99))
    block = buildings.tower(rng, width, depth, int(rng.integers(3, 9)), False)
    lot.build(block, 0, front + depth / 2, width, depth)


def _park_row(lot: Lot, b: float, pitch: float, share: float) -> None:
    """Cars side by side, noses or tails to the street."""
    rng = lot.site.rng
    for a in np.arange(-lot.width / 2 + 1.6, lot.width / 2 - 1.5, pitch):
        if rng.random() < share:
            x, y = lot.world(a + rng.normal(0, 0.08), b + rng.normal(0, 0.2))
            lot.site.try_thing(car(rng), x, y, lot.yaw + rng.choice([-1, 1]) * np.pi / 2 + rng.normal(0, 0.03), 0.05)


def _parking(lot: Lot) -> None:
    rng = lot.site.rng
    lot.pave(str(rng.choice(["parking", "parking", "other-ground"])), 0.03, 0, lot.depth / 2, lot.width, lot.depth)
    share = float(rng.uniform(0.05, 0.75))
    row = 3.2
    while row < lot.depth - 3:
        _park_row(lot, row, 2.6, share)
        row += 11.5 if rng.random() < 0.5 else 5.1
    for _ in range(int(rng.integers(1, 4))):
        lot.stand(lamp_post(rng), rng.uniform(-0.45, 0.45) * lot.width, rng.uniform(0.5, lot.depth), 0.5)
    if rng.random() < 0.4:
        lot.fence(Fence(rng, "hedge" if rng.random() < 0.5 else "mesh"), (-lot.width / 2, 0.4), (lot.width / 2, 0.4), 0.3)
    lot.plant((-lot.width / 2, lot.width / 2, 0, lot.depth), 0.25, 0.3)


def _hall(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(5, 18))
    depth = min(float(rng.uniform(12, 25)), lot.depth - front - 0.5)
    lot.pave(str(rng.choice(["parking", "other-ground", "terrain"])), 0.02, 0, lot.depth / 2, lot.width, lot.depth)
    if depth > 6:
        width = lot.width * float(rng.uniform(0.6, 0.95))
        lot.build(buildings.hall(rng, width, depth), 0, front + depth / 2, width, depth)
    for _ in range(int(rng.integers(0, 4))):
        kind = str(rng.choice(["truck", "trailer", "car", "construction-vehicle"], p=[0.4, 0.25, 0.25, 0.1]))
        x, y = lot.world(rng.uniform(-0.4, 0.4) * lot.width, rng.uniform(2.5, max(front - 2, 3)))
        lot.site.try_thing(VEHICLES[kind](rng), x, y, lot.yaw + rng.choice([0, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.1))
    if rng.random() < 0.6:
        lot.fence(Fence(rng, str(rng.choice(["mesh", "bars", "wall", "hedge"]))), (-lot.width / 2, 0.4), (lot.width / 2, 0.4), 0.3)


def _wood(lot: Lot) -> None:
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.05])), 0, lot.depth / 2, lot.width, lot.depth)
    edge = float(rng.uniform(0.2, 3.0))
    deep = min(lot.depth, 26.0)
    if rng.random() < 0.85:
        lot.thicket(0, edge + 1.2, lot.width, float(rng.uniform(1.5, 3.5)), float(rng.uniform(0.8, 3.5)))
    for _ in range(int(rng.integers(0, 3))):
        lot.thicket(rng.uniform(-0.3, 0.3) * lot.width, rng.uniform(edge + 2, deep), lot.width * 0.5, 2.5, rng.uniform(0.5, 2.5))
    lot.plant((-lot.width / 2, lot.width / 2, edge, deep), rng.uniform(2.0, 5.0), rng.uniform(1.0, 5.0))
    if rng.random() < 0.2:
        lot.frontage(0.0)


def _field(lot: Lot) -> None:
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.04])), 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.6:
        lot.thicket(0, rng.uniform(0.5, 3.0), lot.width, rng.uniform(0.6, 2.5), rng.uniform(0.25, 1.3))
    if rng.random() < 0.5:
        lot.fence(Fence(rng, str(rng.choice(["rails", "mesh", "guard", "slats"]))), (-lot.width / 2, 0.5), (lot.width / 2, 0.5))
    lot.plant((-lot.width / 2, lot.width / 2, 1, lot.depth), 0.2, 0.4)


def _garden(lot: Lot) -> None:
    """Allotments, gardens: hedges, sheds, many bushes."""
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.1, 0.2])), 0, lot.depth / 2, lot.width, lot.depth)
    lot.frontage(0.15)
    lot.sides(0.5)
    if rng.random() < 0.6:
        lot.build(buildings.garage(rng, 3.0, 4.0), rng.uniform(-0.25, 0.25) * lot.width, rng.uniform(5, 10), 3.0, 4.0)
    lot.plant((-lot.width / 2, lot.width / 2, 1, lot.depth), 1.5, 5.0)


def _lawn(lot: Lot) -> None:
    """A park or a green: a path, benches, scattered trees, people."""
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.05, 0.1])), 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.6:
        b = float(rng.uniform(3, lot.depth))
        lot.pave("sidewalk" if rng.random() < 0.7 else "other-ground", 0.05, 0, b, lot.width, rng.uniform(1.5, 3.0))
    lot.plant((-lot.width / 2, lot.width / 2, 0.8, lot.depth), 1.8, 1.5)
    if rng.random() < 0.4:
        lot.thicket(0, rng.uniform(1.0, 4.0), lot.width * rng.uniform(0.4, 1.0), rng.uniform(1, 2.5), rng.uniform(0.5, 1.8))
    for _ in range(int(rng.poisson(1.0))):
        lot.stand(bench(rng), rng.uniform(-0.45, 0.45) * lot.width, rng.uniform(1, lot.depth), 1.8, rng.uniform(0, 6))
    for _ in range(int(rng.poisson(lot.site.style.people))):
        x, y = lot.world(rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(1, lot.depth))
        lot.site.try_thing(person(rng, walking=False), x, y, rng.uniform(0, 6))
    if rng.random() < 0.6:
        lot.frontage(0.2)


def _walled(lot: Lot) -> None:
    """A long wall or tall hedge with trees behind it."""
    rng = lot.site.rng
    lot.pave("terrain", 0.05, 0, lot.depth / 2, lot.width, lot.depth)
    fence = Fence(rng, str(rng.choice(["wall", "wall", "hedge", "boards", "wall-hedge"])))
    lot.fence(fence, (-lot.width / 2, 0.3), (lot.width / 2, 0.3), 0.1)
    lot.plant((-lot.width / 2, lot.width / 2, 1.5, min(lot.depth, 20.0)), 2.0, 2.0)


def _barrier_wall(lot: Lot) -> None:
    """Noise wall or guard rail along a fast road, green behind."""
    rng = lot.site.rng
    lot.pave("terrain", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    lot.fence(Fence(rng, str(rng.choice(["guard", "guard", "wall", "boards"]))), (-lot.width / 2, 0.4), (lot.width / 2, 0.4))
    lot.thicket(0, 3.0, lot.width, 2.5, rng.uniform(0.5, 2.5))
    lot.plant((-lot.width / 2, lot.width / 2, 3.0, min(lot.depth, 22.0)), 2.0, 1.5)


def _garages(lot: Lot) -> None:
    """A row of garages behind a forecourt."""
    rng = lot.site.rng
    lot.pave("parking", 0.03, 0, lot.depth / 2, lot.width, lot.depth)
    front = float(rng.uniform(1, 8))
    for a in np.arange(-lot.width / 2 + 1.7, lot.width / 2 - 1.5, 3.3):
        lot.build(buildings.garage(rng, 2.9), a, front + 3.0, 2.9, 6.0)
    if front > 5 and rng.random() < 0.5:
        _park_row(lot, 2.7, 3.3, 0.2)


def _site(lot: Lot) -> None:
    """A construction site."""
    rng = lot.site.rng
    lot.pave("other-ground", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    lot.fence(Fence(rng, str(rng.choice(["mesh", "boards"]))), (-lot.width / 2, 0.6), (lot.width / 2, 0.6), 0.2)
    for kind in ("construction-vehicle", "construction-vehicle", "truck", "trailer"):
        if rng.random() < 0.6:
            x, y = lot.world(rng.uniform(-0.4, 0.4) * lot.width, rng.uniform(3, 15))
            lot.site.try_thing(VEHICLES[kind](rng), x, y, rng.uniform(0, 6))
    for _ in range(int(rng.integers(2, 9))):
        x, y = lot.world(rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(0, 6))
        lot.site.try_thing(barrier(rng) if rng.random() < 0.5 else cone(rng), x, y, lot.yaw + rng.normal(0, 0.3))
    if rng.random() < 0.5:
        lot.build(buildings.hall(rng, lot.width * 0.4, 10.0), rng.uniform(-0.2, 0.2) * lot.width, 18.0, lot.width * 0.4, 10.0)
    lot.stand(billboard(rng), rng.uniform(-0.4, 0.4) * lot.width, 1.5, 1.0)


LOTS: dict[str, tuple[tuple[float, float], tuple[float, float], Callable[[Lot], None]]] = {
    "house": ((11, 24), (18, 30), _house), "terrace": ((14, 42), (13, 24), _terrace), "shop": ((8, 26), (12, 20), _shop),
    "tower": ((14, 38), (18, 32), _tower), "block": ((18, 48), (18, 30), _block), "parking": ((18, 50), (12, 36), _parking),
    "hall": ((25, 60), (25, 45), _hall), "wood": ((12, 60), (14, 40), _wood), "field": ((20, 70), (15, 40), _field),
    "garden": ((8, 30), (12, 26), _garden), "lawn": ((10, 50), (12, 35), _lawn), "walled": ((12, 45), (14, 30), _walled),
    "barrier-wall": ((25, 70), (12, 30), _barrier_wall), "garages": ((10, 30), (11, 18), _garages),
    "site": ((18, 40), (18, 30), _site),
}  # fmt: skip
"""Kind of lot -> range of widths, range of depths, what to build."""


def bicycle_stand(lot: Lot, count: int) -> None:
    rng = lot.site.rng
    for k in range(count):
        x, y = lot.world(k * 0.7, 0.9)
        lot.site.try_thing(two_wheeler(rng, "bicycle"), x, y, lot.yaw + np.pi / 2 + rng.normal(0, 0.1), 0.0)
