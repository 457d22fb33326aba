"""Along the streets: lots one beside the other, parked cars, and what stands on sidewalks."""

from __future__ import annotations

import numpy as np

from stages.ingest.town import street_furniture as furniture
from stages.ingest.town import vegetation
from stages.ingest.town.ground import CELL
from stages.ingest.town.kinds import KIND_ID
from stages.ingest.town.layout import Street
from stages.ingest.town.lots import LOTS, Lot
from stages.ingest.town.mesh import Mesh
from stages.ingest.town.people import person
from stages.ingest.town.site import Site
from stages.ingest.town.vehicles import bus, car, trailer, truck, two_wheeler


def outward(street: Street, side: int, station: float, beyond: float) -> tuple[float, float, float]:
    """x, y of the point ``beyond`` metres off the carriageway edge, and the yaw of something that faces the street."""
    sign = 1.0 if side == 0 else -1.0
    x, y, heading = street.at(station, sign * (street.half + beyond))
    return x, y, heading if side == 0 else heading + np.pi


def keep_lanes_free(site: Site, streets: list[Street]) -> None:
    """Nothing may be parked or put up where vehicles drive."""
    for street in streets:
        for lane in range(street.lanes):
            for sign in (-1, 1):
                for station in np.arange(1.0, street.length, 2.0):
                    x, y, heading = street.at(station, sign * (lane + 0.5) * street.lane_width)
                    site.ground.take(x, y, heading, 2.4, 2.3)


def trim(site: Site, mesh: Mesh) -> Mesh:
    """``mesh`` without the leaves that hang lower than 3 m over a carriageway."""
    leaves = np.flatnonzero(mesh.kinds == KIND_ID["vegetation"])
    centre = mesh.vertices[mesh.faces[leaves]].mean(axis=1)
    ground = site.ground
    cells = np.clip(((centre[:, :2] - ground.origin) / CELL).astype(int), 0, np.array(ground.kind.shape) - 1)
    low = centre[:, 2] - ground.height(centre[:, :2]) < 3.0
    kept = np.ones(len(mesh.faces), np.bool_)
    kept[leaves[low & (ground.edge[cells[:, 0], cells[:, 1]] < -0.2)]] = False
    return mesh.only(kept)


def fill_lots(site: Site, street: Street) -> None:
    """Lots along both sides, in the mix of the town's style; neighbours often share a kind."""
    rng, weights = site.rng, site.style.lots
    names = list(weights)
    shares = np.array([weights[n] for n in names]) / sum(weights.values())
    for side in (0, 1):
        setback = street.setback(side) - street.half
        station, kind = 2.0, str(rng.choice(names, p=shares))
        while station < street.length - 6:
            if rng.random() < 0.6:
                kind = str(rng.choice(names, p=shares))
            (w0, w1), (d0, d1), build = LOTS[kind]
            width, depth = float(rng.uniform(w0, w1)), float(rng.uniform(d0, d1))
            if _try_lot(site, street, side, station, setback, width, depth, build):
                station += width + float(rng.choice([0.2, 0.2, 1.0, 3.0]))
            else:
                _fill_gap(site, street, side, station + 1.5, setback)
                station += 3.0


def _fill_gap(site: Site, street: Street, side: int, station: float, setback: float) -> None:
    """A bush, a tree or nothing where no lot fits."""
    rng = site.rng
    roll = rng.random()
    if roll < 0.5:
        plant = vegetation.bush(rng, 2.4, float(rng.uniform(0.8, 2.2)))
    elif roll < 0.75:
        plant = vegetation.tree(rng, 7.0, float(rng.uniform(3, 5)))
    else:
        return
    _stand(site, street, side, station, setback + float(rng.uniform(0.8, 2.0)), plant, 0.8, 0.0)


def _try_lot(site, street, side, station, setback, width, depth, build) -> bool:  # type: ignore[no-untyped-def]
    """Builds a lot if its land is free, a narrower or shallower one failing that."""
    for narrower, shallower in ((1.0, 1.0), (1.0, 0.6), (0.6, 0.8), (0.5, 0.4)):
        w, d = max(width * narrower, 7.0), max(depth * shallower, 8.0)
        x, y, yaw = outward(street, side, station + w / 2, setback + 0.1)
        c, s = np.cos(yaw), np.sin(yaw)
        ground = site.ground
        middle = (float(x - s * d / 2), float(y + c * d / 2))
        if ground.blocked(~ground.lot, *middle, yaw, w, d) < 0.07:
            ground.build_on(*middle, yaw, w, d)
            build(Lot(site, x, y, yaw, w, d))
            return True
    return False


def park_cars(site: Site, street: Street) -> None:
    """Parked cars by the street's kind of parking; rows with gaps, now and then a truck, a bus or two-wheelers."""
    rng = site.rng
    for side in (0, 1):
        mode, share = street.parking[side], float(rng.uniform(*site.style.parked))
        if mode == "none":
            continue
        beyond = {"parallel": 1.1, "kerb": 0.2, "angled": 2.6}[mode]
        turn = np.pi / 2 if mode == "angled" else 0.0
        pitch = 2.6 if mode == "angled" else 5.6
        station = float(rng.uniform(3, 10))
        together = True
        beds = mode != "kerb" and rng.random() < 0.3 * site.style.greenery
        while station < street.length - 4:
            if rng.random() < 0.3:
                together = bool(rng.random() < share)
            x, y, yaw = outward(street, side, station, beyond + rng.normal(0, 0.06))
            if together and _parkable(site, x, y, mode):
                roll, flip = rng.random(), np.pi * rng.integers(2)
                if roll < 0.95 or mode == "angled":
                    model = car(rng)
                elif roll < 0.975:
                    model = two_wheeler(rng, "motorcycle")
                else:
                    model = (truck if rng.random() < 0.6 else trailer if rng.random() < 0.7 else bus)(rng)
                if model.size[0] > 7:
                    station += (model.size[0] - 5) / 2
                    x, y, yaw = outward(street, side, station, beyond + 0.15)
                site.try_thing(model, x, y, yaw + turn + flip + rng.normal(0, 0.03), 0.1)
                station += max((model.size[0] - 5) / 2, 0)
            elif beds and rng.random() < 0.4 and _parkable(site, x, y, mode):
                _planted_bed(site, x, y, yaw, 5.0 if mode == "angled" else 2.2)
            station += pitch * float(rng.uniform(0.95, 1.15))


def _planted_bed(site: Site, x: float, y: float, yaw: float, depth: float) -> None:
    """An island with bushes, perhaps a tree, between parking places."""
    rng, ground = site.rng, site.ground
    length = float(rng.uniform(2.0, 4.5))
    if not ground.is_free(x, y, yaw, length, depth):
        return
    ground.pave("terrain", 0.12, x, y, yaw, length, depth, lots=False)
    if rng.random() < 0.6:
        site.try_stand(vegetation.tree(rng, float(rng.uniform(5, 11)), float(rng.uniform(3, 7))), x, y, 0.0, 0.6)
    spots = vegetation.shrubbery(rng, length, depth, float(rng.uniform(0.3, 1.2)))
    site.add(vegetation.leaves(rng, spots, 0.2, vegetation.hedge_colour(rng)), x, y, yaw)
    ground.take(x, y, yaw, length, depth)


def _plant_verge(site: Site, street: Street, side: int, start: float, width: float) -> None:
    """Bushes or a low hedge along a green strip beside the carriageway, with gaps."""
    rng = site.rng
    height, thickness = float(rng.uniform(0.3, 1.4)), min(width * 0.8, 2.0)
    colour = vegetation.hedge_colour(rng)
    for station in np.arange(rng.uniform(0, 6), street.length - 4, 4.0):
        if rng.random() < 0.65:
            spots = vegetation.shrubbery(rng, 4.2, thickness, height)
            mesh = vegetation.leaves(rng, spots, 0.22, colour)
            _stand(site, street, side, station, start + width / 2, mesh, 0.5, 0.0)


def _parkable(site: Site, x: float, y: float, mode: str) -> bool:
    """Not in the mouth of a junction: the place is off the carriageway (half on the sidewalk for ``kerb``)."""
    i, j = ((np.array([x, y]) - site.ground.origin) / 0.2).astype(int)
    edge = site.ground.edge
    inside = 0 <= i < edge.shape[0] and 0 <= j < edge.shape[1]
    return bool(inside and edge[i, j] > {"parallel": 0.9, "kerb": 0.1, "angled": 2.2}[mode])


def furnish(site: Site, street: Street, junctions: list[float]) -> None:
    """Lamps, trees, signs, signals and other things along both sides of a street."""
    rng, style = site.rng, site.style
    for side in (0, 1):
        bands = street.bands[side]
        width = sum(w for _, w, _ in bands)
        offsets = {"lamp": min(0.5, width), "tree": 1.0, "sign": 0.4, "small": max(width - 0.5, 0.3)}
        walk_start = 0.0
        for kind, band, _ in bands:
            if kind in ("sidewalk", "terrain"):
                offsets["lamp"], offsets["sign"] = walk_start + min(0.4, band / 2), walk_start + min(0.45, band / 2)
                offsets["tree"] = walk_start + band / 2 if kind == "terrain" else walk_start + min(0.8, band / 2)
                break
            walk_start += band
        _lamps(site, street, side, offsets["lamp"])
        if rng.random() < 0.5 * style.greenery:
            _tree_row(site, street, side, offsets["tree"])
        start = 0.0
        for kind, band, _ in bands:
            if kind == "terrain" and rng.random() < 0.4 * style.greenery:
                _plant_verge(site, street, side, start, band)
            start += band
        for _ in range(int(rng.poisson(street.length / 60))):
            _stand(site, street, side, rng.uniform(0, street.length), offsets["sign"], furniture.sign(rng), 0.4, np.pi / 2)
        for _ in range(int(rng.poisson(street.length / 400))):
            _stand(site, street, side, rng.uniform(0, street.length), offsets["small"], furniture.big_sign(rng), 0.8, np.pi / 2)
        for _ in range(int(rng.poisson(street.length / 45 * max(style.people, 0.3)))):
            thing = furniture.bin_or_box(rng) if rng.random() < 0.75 else furniture.bench(rng)
            _stand(site, street, side, rng.uniform(0, street.length), offsets["small"], thing, 1.0, 0.0)
        if rng.random() < 0.25 * style.people and width > 2:
            _stand(site, street, side, rng.uniform(20, street.length), offsets["small"], furniture.bus_stop(rng), 3.0, 0.0)
        if rng.random() < 0.15:
            start = rng.uniform(0, street.length - 30)
            for station in np.arange(start, start + 25, 2.0):
                _stand(site, street, side, station, offsets["sign"], furniture.bollard(rng), 0.2, 0.0)
        _loiterers(site, street, side, width)
        for station in junctions:
            if rng.random() < 0.3 + 0.2 * style.traffic:
                at = station + rng.choice([-1, 1]) * rng.uniform(7, 11)
                _stand(site, street, side, at, 0.5, furniture.traffic_light(rng), 0.4, 0.0)


def _stand(site, street, side, station, beyond, mesh, reach, turn) -> None:  # type: ignore[no-untyped-def]
    """Stands something beside the carriageway, if it is clear of all carriageways."""
    if not 0 < station < street.length:
        return
    x, y, yaw = outward(street, side, station, beyond)
    i, j = ((np.array([x, y]) - site.ground.origin) / 0.2).astype(int)
    edge = site.ground.edge
    if 0 <= i < edge.shape[0] and 0 <= j < edge.shape[1] and edge[i, j] > 0.25:
        site.try_stand(mesh, x, y, yaw + turn, reach)


def _lamps(site: Site, street: Street, side: int, beyond: float) -> None:
    rng = site.rng
    if rng.random() < 0.25:
        return
    pitch, model = float(rng.uniform(16, 40)), furniture.lamp_post(rng)
    for station in np.arange(rng.uniform(2, pitch), street.length, pitch):
        _stand(site, street, side, station, beyond, model, 0.4, 0.0)


def _tree_row(site: Site, street: Street, side: int, beyond: float) -> None:
    rng = site.rng
    pitch, height = float(rng.uniform(6, 18)), float(rng.uniform(4, 13))
    spread = height * float(rng.uniform(0.35, 0.75))
    for station in np.arange(rng.uniform(2, pitch), street.length, pitch):
        if rng.random() < 0.85:
            tall = height * float(rng.uniform(0.8, 1.2))
            tree = vegetation.tree(rng, tall, spread * float(rng.uniform(0.8, 1.2)))
            _stand(site, street, side, station + rng.normal(0, 0.4), beyond, tree, 0.6, rng.uniform(0, 6))


def _loiterers(site: Site, street: Street, side: int, width: float) -> None:
    """People who stand, alone or in groups, and parked two-wheelers on the sidewalk."""
    rng = site.rng
    if width < 1.2:
        return
    for _ in range(int(rng.poisson(street.length / 110 * site.style.people))):
        x, y, yaw = outward(street, side, rng.uniform(0, street.length), rng.uniform(0.5, width))
        for _ in range(int(rng.choice([1, 1, 2, 3]))):
            site.try_thing(person(rng, walking=False), x + rng.normal(0, 0.6), y + rng.normal(0, 0.6), rng.uniform(0, 6))
    for _ in range(int(rng.poisson(street.length / 60 * max(site.style.people, 0.3)))):
        start = rng.uniform(0, street.length)
        kind = "bicycle" if rng.random() < 0.75 else "motorcycle"
        turn = float(rng.choice([0.0, np.pi / 2]))
        for k in range(int(rng.choice([1, 1, 2, 3, 6]))):
            pitch = 0.75 if turn else 2.0
            x, y, yaw = outward(street, side, min(start + k * pitch, street.length - 1), width - 0.7 if width > 1.4 else 0.5)
            site.try_thing(two_wheeler(rng, kind), x, y, yaw + turn + rng.normal(0, 0.1), 0.02)


def roadworks(site: Site, street: Street) -> None:
    """A row of cones or barriers at the edge of the carriageway, off the lanes."""
    rng = site.rng
    if rng.random() < 0.7 or street.length < 60:
        return
    side, start = int(rng.integers(2)), float(rng.uniform(10, street.length - 30))
    model = furniture.cone if rng.random() < 0.5 else furniture.barrier
    pitch = 2.2 if model is furniture.cone else 2.6
    for station in np.arange(start, start + rng.uniform(8, 30), pitch):
        x, y, yaw = outward(street, side, station, 0.45)
        if _parkable(site, x, y, "kerb"):
            site.try_thing(model(rng), x, y, yaw + rng.normal(0, 0.05), 0.05)


def fill_back(site: Site, streets: list[Street], density: float) -> None:
    """Trees and bushes on the land near the streets that no lot took, ``density`` per square metre."""
    rng, ground = site.rng, site.ground
    size = np.array(ground.kind.shape) * 0.2
    spots = rng.uniform(0, 1, (int(size[0] * size[1] * density), 2)) * size + ground.origin
    lines = np.concatenate([street.points[::8] for street in streets])
    near = np.linalg.norm(spots[:, None] - lines[None], axis=2).min(axis=1) < 42.0
    cells = ((spots - ground.origin) / 0.2).astype(int)
    for x, y in spots[near & ground.lot[cells[:, 0], cells[:, 1]]].tolist():
        if rng.random() < 0.5:
            height = float(rng.uniform(4, 14))
            tree = vegetation.tree(rng, height, height * float(rng.uniform(0.4, 0.8)))
            site.try_stand(tree, x, y, float(rng.uniform(0, 6)), 0.6)
        else:
            width = float(rng.uniform(0.8, 3))
            site.try_stand(vegetation.bush(rng, width, width * float(rng.uniform(0.5, 1.1))), x, y, 0.0, width * 0.6)
