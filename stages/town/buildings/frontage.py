"""The land beside streets: one lot after the other, and green where no lot fits."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.buildings.lot import Lot
from occlabel.stages.town.buildings.lots import LOTS, LotKind
from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.ground import CELL
from occlabel.stages.town.streets.kerbside import Kerbside, sides
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things import vegetation
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Mesh


def fill_lots(site: Site, street: Street) -> None:
    """Lots along both sides, in the mix of the town's style; neighbours often share a kind."""
    rng, weights = site.rng, site.style.lots
    names = list(weights)
    shares = np.array([weights[name] for name in names]) / sum(weights.values())
    for kerbside in sides(site, street):
        setback = street.setback(kerbside.side) - street.half
        station, name = 2.0, str(rng.choice(names, p=shares))
        while station < street.length - 6:
            if rng.random() < 0.6:
                name = str(rng.choice(names, p=shares))
            kind = LOTS[name]
            width, depth = float(rng.uniform(*kind.width)), float(rng.uniform(*kind.depth))
            if _try_lot(kerbside, station, setback, width, depth, kind):
                station += width + float(rng.choice([0.2, 0.2, 1.0, 3.0]))
            else:
                _fill_gap(kerbside, station + 1.5, setback)
                station += 3.0


def _try_lot(kerbside: Kerbside, station: float, setback: float, width: float, depth: float, kind: LotKind) -> bool:
    """Builds a lot if its land is free, a narrower or shallower one failing that."""
    ground = kerbside.site.ground
    for narrower, shallower in ((1.0, 1.0), (1.0, 0.6), (0.6, 0.8), (0.5, 0.4)):
        w, d = max(width * narrower, 7.0), max(depth * shallower, 8.0)
        x, y, yaw = kerbside.spot(station + w / 2, setback + 0.1)
        middle = (float(x - np.sin(yaw) * d / 2), float(y + np.cos(yaw) * d / 2))
        if ground.blocked(~ground.lot, *middle, yaw, w, d) < 0.07:
            ground.build_on(*middle, yaw, w, d)
            bands = kerbside.street.bands[kerbside.side]
            level = bands[-1][2] if bands and kerbside.site.rng.random() < 0.6 else 0.0
            kind.build(Lot(kerbside.site, x, y, yaw, w, d, max(level, 0.0), setback))
            return True
    return False


def _fill_gap(kerbside: Kerbside, station: float, setback: float) -> None:
    """A bush, a tree or nothing where no lot fits."""
    rng = kerbside.site.rng
    roll = rng.random()
    if roll < 0.5:
        plant = vegetation.bush(rng, 2.4, float(rng.uniform(0.8, 2.2)))
    elif roll < 0.75:
        plant = vegetation.tree(rng, 7.0, float(rng.uniform(3, 5)))
    else:
        return
    kerbside.stand(station, setback + float(rng.uniform(0.8, 2.0)), plant, 0.8)


def fill_back(site: Site, streets: list[Street], density: float) -> None:
    """Trees and bushes on the land near the streets that no lot took, ``density`` per square metre."""
    rng, ground = site.rng, site.ground
    size = np.array(ground.kind.shape) * CELL
    spots = rng.uniform(0, 1, (int(size[0] * size[1] * density), 2)) * size + ground.origin
    lines = np.concatenate([street.points[::8] for street in streets])
    near = np.linalg.norm(spots[:, None] - lines[None], axis=2).min(axis=1) < 42.0
    cells = ((spots - ground.origin) / CELL).astype(int)
    for x, y in spots[near & ground.lot[cells[:, 0], cells[:, 1]]].tolist():
        if rng.random() < 0.5:
            height = float(rng.uniform(4, 14))
            tree = vegetation.tree(rng, height, height * float(rng.uniform(0.4, 0.8)))
            site.try_stand(tree, x, y, float(rng.uniform(0, 6)), 0.6)
        else:
            width = float(rng.uniform(0.8, 3))
            bush = vegetation.bush(rng, width, width * float(rng.uniform(0.5, 1.1)))
            site.try_stand(bush, x, y, 0.0, width * 0.6)


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
