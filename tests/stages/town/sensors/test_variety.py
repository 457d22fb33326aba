"""Logs to learn from have all kinds of LiDARs, logs to be judged by have the data set's own."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.town.sensors.rigs import kitti_rig, nuscenes_rig
from occlabel.stages.town.sensors.variety import rig_of_log

RIGS = pytest.mark.parametrize("rig", [kitti_rig(), nuscenes_rig()], ids=["kitti", "nuscenes"])


def drawn(rig, others: bool, count: int = 300):
    return [rig_of_log(rig, np.random.default_rng([0, seed, 3]), others) for seed in range(count)]


@RIGS
def test_without_others_only_response_and_noise_differ_and_intensity_is_never_missing(rig) -> None:
    logs = drawn(rig, False)
    for log in logs:
        np.testing.assert_array_equal(log.lidar.elevations, rig.lidar.elevations)
        np.testing.assert_array_equal(log.lidar.azimuths, rig.lidar.azimuths)
        np.testing.assert_array_equal(log.lidar.ego_from_lidar, rig.lidar.ego_from_lidar)
        assert log.lidar.response.gain > 0
        assert 0.6 <= log.lidar.range_noise / rig.lidar.range_noise <= 1.6
    assert len({log.lidar.response.gain for log in logs}) == len(logs)


@RIGS
def test_with_others_two_logs_in_five_have_another_lidar_and_a_few_no_intensity(rig) -> None:
    logs = drawn(rig, True)
    other = [log for log in logs if not np.array_equal(log.lidar.elevations, rig.lidar.elevations)]
    assert 0.32 < len(other) / len(logs) < 0.48
    assert {len(log.lidar.elevations) for log in other} == {16, 32, 40, 64, 80, 128}
    assert 0.02 < np.mean([log.lidar.response.gain == 0 for log in logs]) < 0.12


@RIGS
def test_other_lidars_are_upright_rigid_and_turn_once(rig) -> None:
    own = rig.lidar
    farthest = 0.15 if rig.grid.frame == "lidar" else 0.35
    for log in drawn(rig, True, 80):
        lidar = log.lidar
        turned = lidar.ego_from_lidar[:3, :3] @ own.ego_from_lidar[:3, :3].T
        np.testing.assert_allclose(turned @ turned.T, np.eye(3), atol=1e-12)
        assert np.degrees(np.arccos(min(turned[2, 2], 1.0))) < 2.2
        assert abs(lidar.ego_from_lidar[2, 3] - own.ego_from_lidar[2, 3]) <= farthest
        assert (np.diff(lidar.elevations) < 0).all(), "top beam first"
        step = np.diff(lidar.azimuths)
        np.testing.assert_allclose(step, step[0])
        assert abs(step[0]) * len(step) < 2 * np.pi <= abs(step[0]) * (len(step) + 1) + 1e-9


@RIGS
def test_the_grid_still_holds_the_ground_ahead(rig) -> None:
    for log in drawn(rig, True, 80):
        ego_from_grid = log.lidar.ego_from_lidar if log.grid.frame == "lidar" else np.eye(4)
        ground = np.array([[x, y, -log.ego_height, 1.0] for x in (1, 15) for y in (-15, 15)])
        local = ground @ np.linalg.inv(ego_from_grid).T
        assert log.grid.cells(local[:, :3])[1].all()
