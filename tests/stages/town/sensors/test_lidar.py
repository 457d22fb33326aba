"""What the LiDAR measures: the right distance, the stated noise, and no trace of the car's own motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from occlabel.schemas.geometry import yaw_rotation
from occlabel.stages.town.sensors.lidar import scan
from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.streets.ground import Ground
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Paint, box

NOTHING_MOVES = np.zeros(1 << 16, np.bool_)
Room = tuple[Scene, Ground]


@pytest.fixture(scope="module")
def room() -> Room:
    """Walls 12 m to every side, around a car at the origin."""
    walls = box((24.0, 24.0, 12.0), (0.0, 0.0, -6.0), Paint("wall", (0.6, 0.6, 0.6)))
    return Scene(walls), Ground(np.array([-20.0, -20.0]), np.array([20.0, 20.0]))


def pose(x: float, y: float, yaw: float):
    result = yaw_rotation(yaw)
    result[:2, 3] = x, y
    return result


def test_standing_still_every_point_is_on_a_wall_with_the_stated_noise(room: Room) -> None:
    lidar = replace(kitti_rig().lidar, range_noise=0.02)
    turn = scan(*room, lidar, (np.eye(4),) * 3, NOTHING_MOVES, np.random.default_rng(3))
    points = turn.points[:, :3].astype(np.float64)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    true = 12.0 / np.abs(unit[:, :2]).max(axis=1)
    on_wall = np.abs(unit[:, 2] * true) < 5.5
    error = (np.linalg.norm(points, axis=1) - true)[on_wall]
    assert len(error) > 80_000
    assert abs(error.mean()) < 1e-3
    assert error.std() == pytest.approx(0.02, rel=0.05)
    assert set(turn.kinds.tolist()) == {KIND_ID["wall"]}
    assert turn.points[:, 3].min() >= 0 and turn.points[:, 3].max() <= 1


@pytest.mark.parametrize("rig", [kitti_rig(), nuscenes_rig()], ids=["kitti", "nuscenes"])
def test_motion_is_compensated(room: Room, rig) -> None:
    lidar = replace(rig.lidar, range_noise=0.0)
    poses = (pose(-0.6, -0.1, -0.03), pose(0.0, 0.0, 0.0), pose(0.6, 0.1, 0.03))
    turn = scan(*room, lidar, poses, NOTHING_MOVES, np.random.default_rng(3))
    world = turn.points[:, :3] @ lidar.ego_from_lidar[:3, :3].T + lidar.ego_from_lidar[:3, 3]
    off = np.abs(np.maximum(np.abs(world[:, 0]), np.abs(world[:, 1])) - 12.0)
    on_wall = np.abs(world[:, 2]) < 5.5
    assert off[on_wall].max() < 0.01


def test_rings_are_beams(room: Room) -> None:
    lidar = kitti_rig().lidar
    turn = scan(*room, lidar, (np.eye(4),) * 3, NOTHING_MOVES, np.random.default_rng(3))
    up = np.arcsin(turn.points[:, 2] / np.linalg.norm(turn.points[:, :3], axis=1))
    np.testing.assert_allclose(up, lidar.elevations[turn.rings], atol=1e-3)


def test_the_nuscenes_lidar_looks_ahead_along_its_y_axis() -> None:
    ahead = nuscenes_rig().lidar.ego_from_lidar[:3, :3] @ np.array([0.0, 1.0, 0.0])
    np.testing.assert_allclose(ahead, [1.0, 0.0, 0.0], atol=1e-12)
