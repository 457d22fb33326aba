"""Motorways, country roads and kerbs are as roads are."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from occlabel.stages.town import town as towns
from occlabel.stages.town.sensors.rigs import kitti_rig
from occlabel.stages.town.streets.ego import Motion
from occlabel.stages.town.streets.street_sides import draw_bands, draw_kerb
from occlabel.stages.town.streets.streets import draw_streets
from occlabel.stages.town.style import STYLES
from occlabel.stages.town.things.kinds import KIND_ID

BY_NAME = {style.name: style for style in STYLES}
RIG = kitti_rig(0.2)


@cache
def a_town(style: str, seed: int = 4) -> towns.Town:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(towns, "draw_style", lambda _: BY_NAME[style])
        return towns.build(seed, "val", RIG, 1.0)


@pytest.mark.parametrize("name", ["motorway", "country", "suburb", "city"])
def test_the_car_drives_on_road(name: str) -> None:
    town = a_town(name)
    for time in np.arange(0.0, 1.0, 0.02):
        pose = town.path.pose(time)
        for wheel in (-0.8, 0.8):
            x, y = pose[:2, 3] + wheel * pose[:2, 1]
            assert town.site.ground.kind_at(x, y) == KIND_ID["road"]


def test_a_motorway_has_lanes_rails_and_no_sidewalk() -> None:
    town = a_town("motorway")
    ground, main = town.site.ground, town.path.street
    assert main.lanes >= 2 and 3.5 <= main.lane_width <= 3.75
    assert not (ground.kind == KIND_ID["sidewalk"]).any()
    assert not (ground.kind == KIND_ID["parking"]).any()
    assert np.isin(town.standing.kinds, [KIND_ID["fence"], KIND_ID["wall"]]).sum() > 100
    assert not {agent.model.kind for agent in town.agents} & {"person", "bicyclist"}
    for station in np.arange(5.0, main.length - 5.0, 7.0):
        x, y, _ = main.at(station, 0.0)
        assert ground.kind_at(x, y) == KIND_ID[main.median[0]], "a median parts the carriageways"
        for lane in range(main.lanes):
            for side in (-1, 1):
                x, y, _ = main.at(station, side * main.middle(lane))
                assert ground.kind_at(x, y) == KIND_ID["road"]


@pytest.mark.parametrize("radius", [12.0, 25.0, 300.0])
def test_bends_are_taken_as_drivers_take_them_and_no_slower(radius: float) -> None:
    town = a_town("city")
    angle = np.arange(200.0) / radius
    bend = replace(town.path.street, points=radius * np.stack([np.sin(angle), 1 - np.cos(angle)], axis=1))
    fast = replace(town.path, street=bend, lateral=-2.0, motion=Motion(14.0, 4.0, 9.0, 0.5))
    careful = fast.careful(8.0)
    times = np.arange(0.0, 8.0, 0.25)
    speeds = np.array([careful.motion.velocity(time) for time in times])
    outer = radius + 2.0  # of a bend to the left the right side, where the car drives faster than its station
    forces = (speeds * outer / radius) ** 2 / outer
    if radius == 300.0:
        assert careful == fast
    else:
        assert 3.0 < forces.max() < 4.2


def test_motorways_are_straight_enough_for_their_speed() -> None:
    for seed in range(20):
        streets, junctions = draw_streets(np.random.default_rng(seed), BY_NAME["motorway"], 200.0)
        headings = np.unwrap(np.arctan2(*np.diff(streets[0].points, axis=0).T[::-1]))
        assert np.abs(np.diff(headings)).max() < 1 / 120.0, "no curve is tighter than 120 m"
        assert len(streets) == 1 and not junctions


def test_a_country_road_has_no_kerb() -> None:
    for seed in range(50):
        bands, parking = draw_bands(np.random.default_rng(seed), BY_NAME["country"])
        assert parking == "none"
        assert bands[0][0] in ("terrain", "other-ground") and -0.05 <= bands[0][2] <= 0.02


def test_kerbs_are_0_to_20_cm_high_and_about_half_are_flush() -> None:
    rng = np.random.default_rng(0)
    kerbs = np.array([draw_kerb(rng) for _ in range(4000)])
    assert kerbs.min() == 0.0 and 0.18 < kerbs.max() <= 0.2
    assert 0.4 < (kerbs <= 0.03).mean() < 0.6
    assert (kerbs > 0.1).mean() > 0.2


def test_grass_is_rough_and_roads_are_not() -> None:
    town = a_town("country")
    ground, mesh = town.site.ground, town.standing
    top = mesh.vertices[mesh.faces].max(axis=1)
    over = top[:, 2] - ground.height(mesh.vertices[mesh.faces].mean(axis=1)[:, :2])
    grass = over[mesh.kinds == KIND_ID["terrain"]]
    assert 0.03 < np.percentile(grass[grass > 0.015], 90) < 0.3


def test_roads_fall_from_their_middle_to_their_edges() -> None:
    slopes = []
    for seed in (3, 4):
        town = a_town("country", seed)
        main, ground = town.path.street, town.site.ground
        for station in np.arange(20.0, main.length - 20.0, 5.0):
            left, middle, right = (ground.at(*main.at(station, at * main.half)[:2]) for at in (0.7, 0.0, -0.7))
            slopes.append((middle - (left + right) / 2) / (0.7 * main.half))
    assert 0.0 < np.mean(slopes) < 0.03
