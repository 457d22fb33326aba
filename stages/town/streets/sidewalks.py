"""What stands on sidewalks and verges: lamps, trees, signs, signals, benches, people who wait, parked two-wheelers."""

from __future__ import annotations

import numpy as np

from occlabel.stages.town.site import Site
from occlabel.stages.town.streets.kerbside import Kerbside, sides
from occlabel.stages.town.streets.streets import Street
from occlabel.stages.town.things import street_furniture as furniture
from occlabel.stages.town.things import vegetation
from occlabel.stages.town.things.people import person
from occlabel.stages.town.things.two_wheelers import two_wheeler


def furnish(site: Site, street: Street, junctions: list[float]) -> None:
    """Everything along both sides of a street; signals stand near the stations of its ``junctions``."""
    rng, style = site.rng, site.style
    for kerbside in sides(site, street):
        bands = street.bands[kerbside.side]
        width = sum(band for _, band, _ in bands)
        lamps, trees, signs = _lines(kerbside)
        _lamps(kerbside, lamps)
        if rng.random() < 0.5 * style.greenery:
            _tree_row(kerbside, trees)
        start = 0.0
        for kind, band, _ in bands:
            if kind == "terrain" and rng.random() < 0.4 * style.greenery:
                _plant_verge(kerbside, start, band)
            start += band
        _signs(kerbside, signs, max(width - 0.5, 0.3))
        _benches_and_bins(kerbside, max(width - 0.5, 0.3), width)
        _bollards(kerbside, signs)
        _loiterers(kerbside, width)
        _parked_two_wheelers(kerbside, width)
        for station in junctions:
            if rng.random() < 0.3 + 0.2 * style.traffic:
                at = station + rng.choice([-1, 1]) * rng.uniform(7, 11)
                kerbside.stand(at, 0.5, furniture.traffic_light(rng), 0.4)


def _lines(kerbside: Kerbside) -> tuple[float, float, float]:
    """How far beyond the carriageway lamps, trees and signs stand: on the first sidewalk or verge."""
    start = 0.0
    for kind, band, _ in kerbside.street.bands[kerbside.side]:
        if kind in ("sidewalk", "terrain"):
            tree = start + band / 2 if kind == "terrain" else start + min(0.8, band / 2)
            return start + min(0.4, band / 2), tree, start + min(0.45, band / 2)
        start += band
    return min(0.5, start), 1.0, 0.4


def _lamps(kerbside: Kerbside, beyond: float) -> None:
    rng = kerbside.site.rng
    if rng.random() < 0.25:
        return
    pitch, model = float(rng.uniform(16, 40)), furniture.lamp_post(rng)
    for station in np.arange(rng.uniform(2, pitch), kerbside.street.length, pitch):
        kerbside.stand(station, beyond, model, 0.4)


def _tree_row(kerbside: Kerbside, beyond: float) -> None:
    rng = kerbside.site.rng
    pitch, height = float(rng.uniform(6, 18)), float(rng.uniform(4, 13))
    spread = height * float(rng.uniform(0.35, 0.75))
    for station in np.arange(rng.uniform(2, pitch), kerbside.street.length, pitch):
        if rng.random() < 0.85:
            tall = height * float(rng.uniform(0.8, 1.2))
            tree = vegetation.tree(rng, tall, spread * float(rng.uniform(0.8, 1.2)))
            kerbside.stand(station + rng.normal(0, 0.4), beyond, tree, 0.6, rng.uniform(0, 6))


def _plant_verge(kerbside: Kerbside, start: float, width: float) -> None:
    """Bushes along a green strip that begins ``start`` metres off the carriageway, with gaps."""
    rng = kerbside.site.rng
    height, thickness = float(rng.uniform(0.3, 1.4)), min(width * 0.8, 2.0)
    colour = vegetation.leaf_colour(rng)
    for station in np.arange(rng.uniform(0, 6), kerbside.street.length - 4, 4.0):
        if rng.random() < 0.65:
            spots = vegetation.shrubbery(rng, 4.2, thickness, height)
            kerbside.stand(station, start + width / 2, vegetation.leaves(rng, spots, 0.22, colour), 0.5)


def _signs(kerbside: Kerbside, beyond: float, back: float) -> None:
    """Signs face along the street; big boards stand at the ``back`` of the sidewalk."""
    rng, length = kerbside.site.rng, kerbside.street.length
    for _ in range(int(rng.poisson(length / 60))):
        kerbside.stand(rng.uniform(0, length), beyond, furniture.sign(rng), 0.4, np.pi / 2)
    for _ in range(int(rng.poisson(length / 400))):
        kerbside.stand(rng.uniform(0, length), back, furniture.big_sign(rng), 0.8, np.pi / 2)


def _benches_and_bins(kerbside: Kerbside, back: float, width: float) -> None:
    rng, style, length = kerbside.site.rng, kerbside.site.style, kerbside.street.length
    for _ in range(int(rng.poisson(length / 45 * max(style.people, 0.3)))):
        thing = furniture.bin_or_box(rng) if rng.random() < 0.75 else furniture.bench(rng)
        kerbside.stand(rng.uniform(0, length), back, thing, 1.0)
    if rng.random() < 0.25 * style.people and width > 2:
        kerbside.stand(rng.uniform(20, length), back, furniture.bus_stop(rng), 3.0)


def _bollards(kerbside: Kerbside, beyond: float) -> None:
    rng = kerbside.site.rng
    if rng.random() < 0.15:
        start = rng.uniform(0, kerbside.street.length - 30)
        for station in np.arange(start, start + 25, 2.0):
            kerbside.stand(station, beyond, furniture.bollard(rng), 0.2)


def _loiterers(kerbside: Kerbside, width: float) -> None:
    """People who stand, alone or in groups."""
    site, rng, length = kerbside.site, kerbside.site.rng, kerbside.street.length
    if width < 1.2:
        return
    for _ in range(int(rng.poisson(length / 75 * site.style.people))):
        x, y, _ = kerbside.spot(rng.uniform(0, length), rng.uniform(0.5, width))
        for _ in range(int(rng.choice([1, 1, 2, 3]))):
            model = person(rng, walking=False)
            site.try_thing(model, x + rng.normal(0, 0.6), y + rng.normal(0, 0.6), rng.uniform(0, 6))


def _parked_two_wheelers(kerbside: Kerbside, width: float) -> None:
    site, rng, length = kerbside.site, kerbside.site.rng, kerbside.street.length
    if width < 1.2:
        return
    for _ in range(int(rng.poisson(length / 45 * max(site.style.people, 0.3)))):
        start = rng.uniform(0, length)
        kind = "bicycle" if rng.random() < 0.6 else "motorcycle"
        turn = float(rng.choice([0.0, np.pi / 2, np.pi / 3]))
        apart = float(rng.uniform(0.65, 0.9) if kind == "bicycle" else rng.uniform(0.8, 1.2)) if turn else 2.2
        for k in range(int(rng.choice([1, 1, 2, 3, 6, 12]))):
            station = min(start + k * apart, length - 1)
            x, y, yaw = kerbside.spot(station, width - 0.7 if width > 1.4 else 0.5)
            site.try_thing(two_wheeler(rng, kind), x, y, yaw + turn + rng.normal(0, 0.1), 0.02)
