"""Lots with buildings: houses, terraces, shops, towers, blocks of flats, halls, garages."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.buildings import buildings
from occlabel.stages.town.buildings.fences import Fence
from occlabel.stages.town.buildings.green_lots import garden
from occlabel.stages.town.buildings.lot import Lot
from occlabel.stages.town.things.cars import car
from occlabel.stages.town.things.semi_trailers import semi_trailer
from occlabel.stages.town.things.street_furniture import bench, bin_or_box
from occlabel.stages.town.things.trucks import VEHICLES


def house(lot: Lot) -> None:
    rng, style = lot.site.rng, lot.site.style
    front = float(rng.uniform(0.8, 5.5))
    width = float(min(rng.uniform(7, 13), lot.width - 3.0))
    depth = float(min(rng.uniform(7, 11), lot.depth - front - 1.0))
    if width < 5 or depth < 5:
        garden(lot)
        return
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
        lot.pave(surface, float(rng.choice([0.0, 0.0, 0.02, 0.05])), lane_a, reach / 2, lane, reach)
        if rng.random() < 0.75:
            lot.drop_kerb(lane_a, lane + 0.8, float(rng.choice([0.0, 0.01, 0.03])))
        if rng.random() < 0.5:
            lot.build(buildings.garage(rng), lane_a, reach + 3.1, 3.2, 6.0)
        if rng.random() < 0.15 + 0.3 * style.parked[1] and reach > 5.5:
            x, y = lot.world(lane_a, 0.5 + float(rng.uniform(2.3, reach - 2.3)))
            lot.site.try_thing(car(rng), x, y, lot.yaw + float(rng.choice([-1, 1])) * np.pi / 2 + rng.normal(0, 0.04))
    lot.frontage(gap=0.3)
    lot.sides(front * 0.3)
    lot.plant((-lot.width / 2, lot.width / 2, 0.8, front), 1.5, 16.0)
    lot.plant((-lot.width / 2, -width / 2, front, front + depth), 1.0, 10.0)
    lot.plant((width / 2, lot.width / 2, front, front + depth), 1.0, 10.0)
    lot.plant((-lot.width / 2, lot.width / 2, front + depth, lot.depth), 1.6, 4.0)
    if rng.random() < 0.3:
        lot.stand(bin_or_box(rng), side * lot.width * 0.3, 0.8, 0.8)


def _yard(lot: Lot, front: float) -> None:
    """The surface before and around a house: lawn at some level, paving or gravel."""
    rng = lot.site.rng
    choice, step = rng.random(), float(rng.choice([0.0, 0.0, 0.0, 0.03, 0.1, 0.25]))
    if choice < 0.68:
        lot.pave("terrain", step, 0, lot.depth / 2, lot.width, lot.depth)
        if rng.random() < 0.6:
            lot.pave(
                "sidewalk", step + 0.02, rng.uniform(-0.3, 0.3) * lot.width, front / 2, rng.uniform(1.0, 1.8), front
            )
    else:
        lot.pave("terrain", step, 0, lot.depth / 2, lot.width, lot.depth)
        lot.pave("sidewalk" if choice < 0.85 else "other-ground", step, 0, front / 2, lot.width, front)


def terrace(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.choice([0.1, 0.1, 0.4, 2.0, 4.0]))
    depth = min(float(rng.uniform(8, 12)), lot.depth - front - 0.5)
    count = max(int(lot.width // rng.uniform(5.0, 9.0)), 1)
    each = lot.width / count
    lot.pave("sidewalk" if front < 1 else "terrain", 0.0, 0, front / 2, lot.width, front + 0.6)
    for k in range(count):
        offset = float(rng.choice([0.0, 0.0, 0.0, 0.5]))
        row = buildings.terraced(rng, each - 0.05, depth)
        lot.build(row, (k - (count - 1) / 2) * each, front + offset + depth / 2, each - 0.5, depth)
    if front > 1.5:
        lot.frontage(0.25)
        lot.plant((-lot.width / 2, lot.width / 2, 0.6, front), 1.0, 16.0)
    lot.plant((-lot.width / 2, lot.width / 2, front + depth + 1, lot.depth), 1.0, 1.0)


def shop(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(0.1, 3.0))
    lot.pave("sidewalk", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    depth = min(float(rng.uniform(9, 16)), lot.depth - front - 0.5)
    shop = buildings.tower(rng, lot.width - 0.2, depth, int(rng.integers(1, 6)), shop=True)
    lot.build(shop, 0, front + depth / 2, lot.width - 0.4, depth)
    for _ in range(int(rng.integers(0, 3))):
        lot.stand(bin_or_box(rng), rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(0.2, max(front, 0.6)), 0.9)


def tower(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(0.5, 8.0))
    lot.pave("sidewalk" if rng.random() < 0.6 else "other-ground", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    depth = min(float(rng.uniform(12, 22)), lot.depth - front - 0.5)
    floors = int(rng.integers(4, 16))
    tower = buildings.tower(rng, lot.width - 1.0, depth, floors, bool(rng.random() < 0.4))
    lot.build(tower, 0, front + depth / 2, lot.width - 1.0, depth)
    if front > 3:
        lot.plant((-lot.width / 2, lot.width / 2, 0.8, front), 1.8, 5.0)
        for _ in range(int(rng.integers(0, 3))):
            lot.stand(bench(rng), rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(0.5, front), 1.8)


def block(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(2, 11))
    depth = min(float(rng.uniform(9, 14)), lot.depth - front - 0.5)
    lot.pave("terrain", float(rng.choice([0.0, 0.1])), 0, lot.depth / 2, lot.width, lot.depth)
    if front > 7 and rng.random() < 0.5:
        lot.pave("parking", 0.0, 0, 3.0, lot.width - 1, 5.4)
        lot.park_row(3.0, 2.6, float(rng.uniform(*lot.site.style.parked)))
    else:
        lot.plant((-lot.width / 2, lot.width / 2, 0.8, front - 1), 2.0, 7.0)
        lot.frontage(0.3)
    lot.pave("sidewalk", 0.1, 0, front - 0.8, lot.width, 1.6)
    width = lot.width * float(rng.uniform(0.7, 0.99))
    block = buildings.tower(rng, width, depth, int(rng.integers(3, 9)), False)
    lot.build(block, 0, front + depth / 2, width, depth)


def hall(lot: Lot) -> None:
    rng = lot.site.rng
    front = float(rng.uniform(5, 18))
    depth = min(float(rng.uniform(12, 25)), lot.depth - front - 0.5)
    lot.pave(str(rng.choice(["parking", "other-ground", "terrain"])), 0.02, 0, lot.depth / 2, lot.width, lot.depth)
    if depth > 6:
        width = lot.width * float(rng.uniform(0.6, 0.95))
        lot.build(buildings.hall(rng, width, depth), 0, front + depth / 2, width, depth)
    for _ in range(int(rng.integers(0, 4))):
        kind = str(
            rng.choice(
                ["truck", "trailer", "semi-trailer", "car", "construction-vehicle"], p=[0.45, 0.05, 0.15, 0.25, 0.1]
            )
        )
        x, y = lot.world(rng.uniform(-0.4, 0.4) * lot.width, rng.uniform(2.5, max(front - 2, 3)))
        model = semi_trailer(rng) if kind == "semi-trailer" else VEHICLES[kind](rng)
        lot.site.try_thing(model, x, y, lot.yaw + rng.choice([0, np.pi / 2, -np.pi / 2]) + rng.normal(0, 0.1))
    if rng.random() < 0.6:
        lot.fence(
            Fence(rng, str(rng.choice(["mesh", "bars", "wall", "hedge"]))),
            (-lot.width / 2, 0.4),
            (lot.width / 2, 0.4),
            0.3,
        )


def garages(lot: Lot) -> None:
    """A row of garages behind a forecourt."""
    rng = lot.site.rng
    lot.pave("parking", 0.03, 0, lot.depth / 2, lot.width, lot.depth)
    front = float(rng.uniform(1, 8))
    for a in np.arange(-lot.width / 2 + 1.7, lot.width / 2 - 1.5, 3.3):
        lot.build(buildings.garage(rng, 2.9), a, front + 3.0, 2.9, 6.0)
    if front > 5 and rng.random() < 0.5:
        lot.park_row(2.7, 3.3, 0.2)
