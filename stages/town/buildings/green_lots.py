"""Lots without buildings: green land, parking lots, construction sites."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.buildings import buildings
from occlabel.stages.town.buildings.fences import Fence
from occlabel.stages.town.buildings.lot import Lot
from occlabel.stages.town.things.barriers import barrier
from occlabel.stages.town.things.people import person
from occlabel.stages.town.things.street_furniture import bench, billboard, bollard, cone, lamp_post
from occlabel.stages.town.things.trucks import VEHICLES


def wood(lot: Lot) -> None:
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.05])), 0, lot.depth / 2, lot.width, lot.depth)
    edge = float(rng.uniform(0.2, 3.0))
    deep = min(lot.depth, 26.0)
    if rng.random() < 0.85:
        lot.thicket(0, edge + 1.2, lot.width, float(rng.uniform(1.5, 3.5)), float(rng.uniform(0.8, 3.5)))
    for _ in range(int(rng.integers(0, 3))):
        lot.thicket(
            rng.uniform(-0.3, 0.3) * lot.width, rng.uniform(edge + 2, deep), lot.width * 0.5, 2.5, rng.uniform(0.5, 2.5)
        )
    lot.plant((-lot.width / 2, lot.width / 2, edge, deep), rng.uniform(2.0, 5.0), rng.uniform(1.0, 6.0))
    if rng.random() < (0.25 if lot.site.style.road == "street" else 0.1):
        lot.frontage(0.0)


def field(lot: Lot) -> None:
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.04])), 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.6:
        lot.thicket(0, rng.uniform(0.5, 3.0), lot.width, rng.uniform(0.6, 2.5), rng.uniform(0.25, 1.3))
    if rng.random() < 0.5:
        lot.fence(
            Fence(rng, str(rng.choice(["rails", "mesh", "guard", "slats", "overgrown"]))),
            (-lot.width / 2, 0.5),
            (lot.width / 2, 0.5),
        )
    lot.plant((-lot.width / 2, lot.width / 2, 1, lot.depth), 0.2, 0.4)


def garden(lot: Lot) -> None:
    """Allotments, gardens: hedges, sheds, many bushes."""
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.1, 0.2])), 0, lot.depth / 2, lot.width, lot.depth)
    lot.frontage(0.15)
    lot.sides(0.5)
    if rng.random() < 0.6:
        lot.build(buildings.garage(rng, 3.0, 4.0), rng.uniform(-0.25, 0.25) * lot.width, rng.uniform(5, 10), 3.0, 4.0)
    lot.plant((-lot.width / 2, lot.width / 2, 1, lot.depth), 1.5, 5.0)


def lawn(lot: Lot) -> None:
    """A park or a green: a path, benches, scattered trees, people."""
    rng = lot.site.rng
    lot.pave("terrain", float(rng.choice([0.0, 0.05, 0.1])), 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.6:
        b = float(rng.uniform(3, lot.depth))
        lot.pave("sidewalk" if rng.random() < 0.7 else "other-ground", 0.05, 0, b, lot.width, rng.uniform(1.5, 3.0))
    lot.plant((-lot.width / 2, lot.width / 2, 0.8, lot.depth), 1.8, 1.5)
    if rng.random() < 0.4:
        lot.thicket(
            0, rng.uniform(1.0, 4.0), lot.width * rng.uniform(0.4, 1.0), rng.uniform(1, 2.5), rng.uniform(0.5, 1.8)
        )
    for _ in range(int(rng.poisson(1.0))):
        lot.stand(bench(rng), rng.uniform(-0.45, 0.45) * lot.width, rng.uniform(1, lot.depth), 1.8, rng.uniform(0, 6))
    for _ in range(int(rng.poisson(lot.site.style.people))):
        x, y = lot.world(rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(1, lot.depth))
        lot.site.try_thing(person(rng, walking=False), x, y, rng.uniform(0, 6))
    if rng.random() < 0.6:
        lot.frontage(0.2)


def lawn_strip(lot: Lot) -> None:
    """Mown grass with bushes, trees and perhaps a wire fence behind, as along motorways."""
    rng = lot.site.rng
    lot.pave("terrain", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.5:
        back = float(rng.uniform(2, 9))
        lot.fence(
            Fence(rng, str(rng.choice(["mesh", "rails", "overgrown"]))), (-lot.width / 2, back), (lot.width / 2, back)
        )
    lot.plant((-lot.width / 2, lot.width / 2, 2.0, lot.depth), 0.6, 3.0)


def plaza(lot: Lot) -> None:
    """An open paved place in one plane with the sidewalk: trees, benches, people, a patch of green."""
    rng = lot.site.rng
    lot.pave(str(rng.choice(["sidewalk", "sidewalk", "other-ground"])), 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.6:
        lot.pave("terrain", 0.0, rng.uniform(-0.2, 0.2) * lot.width, lot.depth / 2, lot.width * 0.4, lot.depth * 0.4)
    lot.plant((-lot.width / 2, lot.width / 2, 0.8, lot.depth), 1.2, 0.6)
    for _ in range(int(rng.integers(1, 5))):
        thing = bench(rng) if rng.random() < 0.6 else bollard(rng)
        lot.stand(thing, rng.uniform(-0.45, 0.45) * lot.width, rng.uniform(1, lot.depth), 1.8, rng.uniform(0, 6))
    for _ in range(int(rng.poisson(2 * lot.site.style.people))):
        x, y = lot.world(rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(1, lot.depth))
        lot.site.try_thing(person(rng, walking=False), x, y, rng.uniform(0, 6))


def yard(lot: Lot) -> None:
    """Gravel or bare soil with weeds, sheds and a fence."""
    rng = lot.site.rng
    lot.pave("terrain", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    inner = float(rng.uniform(0.0, 2.0))
    lot.pave("other-ground", 0.0, 0, lot.depth / 2 + inner, lot.width * rng.uniform(0.4, 1.0), lot.depth - 2 * inner)
    lot.frontage(0.3)
    lot.sides(0.3)
    if rng.random() < 0.5:
        lot.build(buildings.garage(rng, 4.0, 6.0), rng.uniform(-0.2, 0.2) * lot.width, rng.uniform(7, 12), 4.0, 6.0)
    lot.plant((-lot.width / 2, lot.width / 2, 0.5, lot.depth), 0.8, 4.0)


def walled(lot: Lot) -> None:
    """A long wall or tall hedge with trees behind it."""
    rng = lot.site.rng
    lot.pave("terrain", 0.05, 0, lot.depth / 2, lot.width, lot.depth)
    fence = Fence(rng, str(rng.choice(["wall", "hedge", "boards", "wall-hedge", "hedge-mesh", "mesh", "overgrown"])))
    lot.fence(fence, (-lot.width / 2, 0.3), (lot.width / 2, 0.3), 0.1)
    lot.plant((-lot.width / 2, lot.width / 2, 1.5, min(lot.depth, 20.0)), 2.0, 2.0)


def barrier_wall(lot: Lot) -> None:
    """Noise wall or guard rail along a fast road, green behind."""
    rng = lot.site.rng
    lot.pave("terrain", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    lot.fence(
        Fence(rng, str(rng.choice(["noise-wall", "guard", "wall", "boards", "mesh", "overgrown"]))),
        (-lot.width / 2, 0.4),
        (lot.width / 2, 0.4),
    )
    lot.thicket(0, 3.0, lot.width, 2.5, rng.uniform(0.5, 2.5))
    lot.plant((-lot.width / 2, lot.width / 2, 3.0, min(lot.depth, 22.0)), 2.0, 1.5)


def parking(lot: Lot) -> None:
    rng = lot.site.rng
    lot.pave(str(rng.choice(["parking", "parking", "other-ground"])), 0.03, 0, lot.depth / 2, lot.width, lot.depth)
    share = float(rng.uniform(0.0, 0.5))
    row = 3.2
    while row < lot.depth - 3:
        lot.park_row(row, 2.6, share)
        row += 11.5 if rng.random() < 0.5 else 5.1
    for _ in range(int(rng.integers(1, 4))):
        lot.stand(lamp_post(rng), rng.uniform(-0.45, 0.45) * lot.width, rng.uniform(0.5, lot.depth), 0.5)
    if rng.random() < 0.4:
        lot.fence(
            Fence(rng, "hedge" if rng.random() < 0.5 else "mesh"), (-lot.width / 2, 0.4), (lot.width / 2, 0.4), 0.3
        )
    lot.plant((-lot.width / 2, lot.width / 2, 0, lot.depth), 0.25, 0.3)


def site(lot: Lot) -> None:
    """A construction site."""
    rng = lot.site.rng
    lot.pave("other-ground", 0.0, 0, lot.depth / 2, lot.width, lot.depth)
    if rng.random() < 0.6:
        lot.fence(Fence(rng, str(rng.choice(["mesh", "boards"]))), (-lot.width / 2, 0.6), (lot.width / 2, 0.6), 0.2)
    else:
        model = barrier(rng)
        row = np.arange((model.length - lot.width) / 2, (lot.width - model.length) / 2, model.length + 0.03)
        lot.site.try_row(model, [(*lot.world(a, 0.6), lot.yaw + float(rng.normal(0, 0.02))) for a in row])
    for kind in ("construction-vehicle", "construction-vehicle", "truck", "trailer"):
        if rng.random() < 0.6:
            x, y = lot.world(rng.uniform(-0.4, 0.4) * lot.width, rng.uniform(3, 15))
            lot.site.try_thing(VEHICLES[kind](rng), x, y, rng.uniform(0, 6))
    for _ in range(int(rng.integers(2, 9))):
        x, y = lot.world(rng.uniform(-0.5, 0.5) * lot.width, rng.uniform(0, 6))
        lot.site.try_thing(barrier(rng) if rng.random() < 0.5 else cone(rng), x, y, lot.yaw + rng.normal(0, 0.3))
    if rng.random() < 0.5:
        lot.build(
            buildings.hall(rng, lot.width * 0.4, 10.0), rng.uniform(-0.2, 0.2) * lot.width, 18.0, lot.width * 0.4, 10.0
        )
    lot.stand(billboard(rng), rng.uniform(-0.4, 0.4) * lot.width, 1.5, 1.0)
