"""Intensity: physics of surfaces, what a sensor makes of it, and how well it tells the ground of a town apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from occlabel.stages.town.sensors.lidar import scan
from occlabel.stages.town.sensors.response import HDL32, HDL64, Response, draw_response, stored
from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.sensors.skin import draw_skin
from occlabel.stages.town.streets.ground import Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import MATERIALS, Material, Paint, box, join, quads

STILL = np.zeros(1 << 16, np.bool_)
RESPONSES = pytest.mark.parametrize("response", [HDL64, HDL32], ids=["hdl64", "hdl32"])


def plane(kind: str, material: Material, low: float, high: float):
    corners = np.array([[(-60, low, -1.73), (60, low, -1.73), (60, high, -1.73), (-60, high, -1.73)]], np.float64)
    return quads(corners, Paint(kind, (0.4, 0.4, 0.4), material))


def street(seed: int | None = None) -> Scene:
    """A road between grass (left) and paving (right), a white wall and a sign ahead."""
    things = [
        plane("road", Material.ASPHALT, -4, 4), plane("terrain", Material.GRASS, 4, 60),
        plane("sidewalk", Material.PAVING, -60, -4),
        box((0.1, 3.0, 3.0), (12, 8, -1.7), Paint("wall", (0.9, 0.9, 0.9))),
        box((0.1, 1.0, 1.0), (12, -6, 0.5), Paint("traffic-sign", (0.5, 0.5, 0.5), Material.RETROREFLECTOR)),
    ]  # fmt: skip
    return Scene(join(things), None if seed is None else draw_skin(np.random.default_rng([seed, 4])))


def turn(scene: Scene, response: Response, rig=None):
    lidar = replace((rig or kitti_rig()).lidar, response=response)
    pose = np.linalg.inv(lidar.ego_from_lidar)
    ground = Ground(np.array([-70.0, -70.0]), np.array([70.0, 70.0]))
    return scan(scene, ground, lidar, (pose, pose, pose), STILL, np.random.default_rng(3))


def of(taken, kind: str, near: float = 0.0, far: float = 100.0):
    distance = np.linalg.norm(taken.points[:, :3], axis=1)
    return taken.points[(taken.kinds == KIND_ID[kind]) & (distance >= near) & (distance < far), 3]


def contrast(dark, bright) -> float:
    """Share of pairs in which ``bright`` is brighter (the area under the ROC curve)."""
    dark = np.sort(dark)
    return float(
        (np.searchsorted(dark, bright, "left") + np.searchsorted(dark, bright, "right")).mean() / len(dark) / 2
    )


@RESPONSES
def test_retro_reflectors_outshine_walls_and_walls_roads(response: Response) -> None:
    taken = turn(street(), response)
    sign, wall, road = (of(taken, kind) for kind in ("traffic-sign", "wall", "road"))
    assert np.median(sign) > 1.4 * np.median(wall) > 2 * np.median(road) > 0


def test_a_sensor_without_full_compensation_loses_grazing_ground_before_walls() -> None:
    taken = turn(street(), HDL64)
    assert np.median(of(taken, "road", 30, 45)) < 0.5 * np.median(of(taken, "road", 6, 10))
    assert len(of(taken, "road", 45)) < len(of(taken, "road", 30, 45))
    level = [stored(HDL64, 0.5, d, 0, 0.0) for d in (3.0, 15.0, 30.0, 42.0)]
    assert level[0] < level[1] > level[2] > level[3] > 0


def test_intensity_is_stored_in_the_steps_of_the_format() -> None:
    for rig, steps in ((kitti_rig(), 100), (nuscenes_rig(), 255)):
        values = turn(street(), rig.lidar.response, rig).points[:, 3].astype(np.float64) * steps
        np.testing.assert_allclose(values, np.round(values), atol=1e-4)
        assert len(np.unique(np.round(values))) > 25


def test_a_log_without_intensity_stores_zero() -> None:
    rng = np.random.default_rng(1)
    response = next(r for r in (draw_response(rng, HDL64, 64, True) for _ in range(200)) if r.gain == 0)
    assert not turn(street(), response).points[:, 3].any()


def test_reflectances_stay_physical() -> None:
    for seed in range(50):
        table = draw_skin(np.random.default_rng(seed)).table
        matt = np.delete(table, Material.RETROREFLECTOR, axis=1)
        assert matt.min() > 0.01 and matt.max() < 1.8
        assert table[:, Material.RETROREFLECTOR].min() > table[:, Material.ASPHALT].max()
    assert (MATERIALS[:, 0] < MATERIALS[:, 1]).all()


@RESPONSES
def test_grass_is_usually_brighter_than_the_road_but_not_always_clearly(response: Response) -> None:
    contrasts, levels = [], []
    for seed in range(24):
        drawn = draw_response(np.random.default_rng(seed), response, 64, False)
        taken = turn(street(seed), drawn)
        road, grass = of(taken, "road", 0, 15), of(taken, "terrain", 0, 15)
        contrasts.append(contrast(road, grass))
        levels.append(np.median(road))
    assert 0.75 < np.median(contrasts) < 0.99
    assert min(contrasts) < 0.85 and max(contrasts) > 0.9
    assert max(levels) > 2 * min(levels), "no value of intensity is a class"
