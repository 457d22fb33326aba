"""Bays, worn borders, medians in towns and second carriageways are where the street says they are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from occlabel.stages.town.streets.edges import Bay, Edge, draw_edge
from occlabel.stages.town.streets.ground import CELL, Ground
from occlabel.stages.town.streets.paving import lay_streets
from occlabel.stages.town.streets.street_sides import draw_bands
from occlabel.stages.town.streets.streets import Street, draw_streets
from occlabel.stages.town.style import STYLES
from occlabel.stages.town.things.kinds import KIND_ID

BY_NAME = {style.name: style for style in STYLES}


def laid(street: Street) -> Ground:
    ground = Ground(street.points.min(axis=0) - 40.0, street.points.max(axis=0) + 40.0)
    lay_streets(ground, [street], 6.0)
    return ground


@pytest.fixture(scope="module")
def straight() -> Street:
    """200 m along x, 3.5 m to each side, grass beyond, and on the left a bay of parking places from 60 to 100 m."""
    points = np.stack([np.arange(201.0), np.zeros(201)], axis=1)
    along = np.arange(201.0)
    wider = (3.0 * np.clip(np.minimum(along - 60, 100 - along) / 4.0, 0, 1)).astype(np.float32)
    bay, plain = Edge(wider, (Bay(60.0, 100.0, "parking"),)), Edge(np.zeros(201, np.float32), ())
    grass = (("terrain", 2.0, 0.05),)
    return Street(points, 1, 3.5, 3.5, (grass, grass), ("none", "none"), (bay, plain))


def kind_at(ground: Ground, x: float, y: float) -> str:
    return {number: name for name, number in KIND_ID.items()}[ground.kind_at(x, y)]


def test_a_bay_widens_its_side_and_moves_what_lies_beyond(straight) -> None:
    ground = laid(straight)
    assert [kind_at(ground, 80.1, y) for y in (3.3, 3.7, 6.3, 6.7)] == ["road", "parking", "parking", "terrain"]
    assert [kind_at(ground, 80.1, y) for y in (-3.3, -3.7)] == ["road", "terrain"]
    assert [kind_at(ground, 40.1, y) for y in (3.3, 3.7)] == ["road", "terrain"]
    i, j = ((np.array([80.1, 7.5]) - ground.origin) / CELL).astype(int)
    assert ground.edge[i, j] == pytest.approx(1.0, abs=0.15), "and the distance from the road is that from the bay"


def test_a_median_parts_a_town_street_and_lanes_lie_beside_it(straight) -> None:
    island = replace(straight, median=("other-ground", 2.0, 0.12), half=5.1)
    ground = laid(island)
    assert [kind_at(ground, 30.1, y) for y in (-0.9, 0.9, 1.1)] == ["other-ground", "other-ground", "road"]
    assert kind_at(ground, 30.1, island.middle(0)) == "road"
    assert island.middle(0) - island.lane_width / 2 >= 1.0


def test_another_carriageway_is_kept_free_and_driven_on() -> None:
    found = 0
    for seed in range(40):
        bands, _ = draw_bands(np.random.default_rng(seed), BY_NAME["motorway"])
        if any(kind == "road" for kind, _, _ in bands):
            points = np.stack([np.arange(201.0), np.zeros(201)], axis=1)
            edge = Edge(np.zeros(201, np.float32), ())
            street = Street(points, 2, 3.6, 9.0, (bands, bands), ("none", "none"), (edge, edge))
            ((middle, width),) = street.beside(0)
            ground = laid(street)
            for across in (middle - width / 2 + 0.3, middle, middle + width / 2 - 0.3):
                assert kind_at(ground, 100.1, across) == kind_at(ground, 100.1, -across) == "road"
            found += 1
    assert 3 <= found <= 14, "about two in ten motorways"


@pytest.mark.parametrize("road", ["residential", "country", "motorway"])
def test_edges_are_wider_by_no_more_than_a_lane(road: str) -> None:
    bays = 0
    for seed in range(30):
        edge = draw_edge(np.random.default_rng(seed), BY_NAME[road], 400, main=True)
        assert edge.wider.min() >= -0.21 and edge.wider.max() <= 4.0
        for bay in (bay for bay in edge.bays if bay.stop < 400):
            assert edge.wider[int(min((bay.start + bay.stop) / 2, 399))] >= 2.0
        bays += len(edge.bays)
    assert bays > 10
    side = draw_edge(np.random.default_rng(1), BY_NAME[road], 400, main=False)
    assert not side.wider.any() and not side.bays


def test_towns_have_medians_now_and_then() -> None:
    wide = [draw_streets(np.random.default_rng(seed), BY_NAME["arterial"], 100.0)[0][0].median[1] for seed in range(40)]
    assert 3 < sum(width > 0 for width in wide) < 16 and max(wide) <= 3.5
