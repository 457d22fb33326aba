"""Points come to the pixels that see them, the nearest wins, and what a surface hides is not seen through it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contract import BLIND, LOST, SPACES, ScriptedSensors, facts_of, log_of, run, street

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.geometry import inverse, transform_points
from occlabel.schemas.rig import Rig
from occlabel.stages.priors.depth.lidar import LidarDepth
from occlabel.stages.priors.depth.splat import nearest, without_hidden

SPACE = SPACES["occ3d"]
FRONT, BACK = DEPTH.on("front").name, DEPTH.on("back").name


def seen_by_front(log: DriveLog, row: int, spots: list[tuple[float, float, float]]) -> np.ndarray:
    """Points [n, 4] in the LiDAR frame of ``row`` that the front camera sees at (u, v) in this depth."""
    frame = log.frames[row]
    camera = frame.cameras[0]
    assert camera.intrinsics is not None and camera.ego_from_camera is not None and frame.sweep is not None
    rays = np.array([[u, v, 1.0] for u, v, _ in spots]) @ np.linalg.inv(camera.intrinsics).T
    points = rays * np.array([[depth] for _, _, depth in spots])
    moved = transform_points(inverse(frame.sweep.ego_from_lidar) @ camera.ego_from_camera, points)
    return np.concatenate([moved, np.zeros((len(spots), 1))], axis=1).astype(np.float32)


def test_a_point_is_the_depth_of_the_pixel_that_sees_it() -> None:
    log, _ = street()
    spots = [(40.0, 24.0, 12.0), (0.0, 0.0, 30.0), (76.0, 44.0, 7.0), (41.9, 22.1, 11.0), (200.0, 24.0, 9.0)]
    points = seen_by_front(log, 0, spots)
    behind = points[:1] * np.array([-1, 1, 1, 1], np.float32)
    sensors = ScriptedSensors({"000000": np.concatenate([points, behind])})
    depth = run(LidarDepth(), SPACE, log_of(log.frames[:1]), sensors=sensors)[FRONT][0]
    known = {(int(v), int(u)): float(depth[v, u]) for v, u in np.argwhere(np.isfinite(depth))}
    assert known == {(6, 10): 11.0, (0, 0): 30.0, (11, 19): 7.0}, "of two in one element the nearer; none outside"


def test_a_frame_without_a_sweep_or_a_camera_without_calibration_stays_unknown() -> None:
    log, sensors = street()
    first = log.frames[0]
    blind = replace(first, cameras=(first.cameras[0], replace(first.cameras[1], intrinsics=None)))
    log = log_of([blind, *log.frames[1:]])
    depth = run(LidarDepth(), SPACE, log, sensors=sensors)
    assert np.isnan(depth[FRONT][BLIND]).all() and np.isnan(depth[BACK][0]).all()
    assert all(np.isfinite(depth[FRONT][row]).any() for row in (0, 1, 2, LOST, 5))
    facts = facts_of(log)
    assert LidarDepth().refuse(SPACE, facts.rig) is None
    assert LidarDepth().doubts(SPACE, facts) == "log log: back without a calibration get no depth from LiDAR"
    nothing = Rig(cameras=tuple(camera.model_copy(update={"extrinsics": False}) for camera in facts.rig.cameras))
    assert "no camera is calibrated (front, back)" in (LidarDepth().refuse(SPACE, nothing) or "")


def test_sweeps_of_frames_around_are_moved_by_the_poses() -> None:
    log, _ = street()
    spot = seen_by_front(log, 0, [(40.0, 24.0, 12.0)])
    sensors = ScriptedSensors({"000000": spot, "000001": spot[:0], "000002": spot[:0]})
    frames = log_of(log.frames[:3])
    alone, around = (run(LidarDepth(sweeps=n), SPACE, frames, sensors=sensors)[FRONT] for n in (0, 1))
    assert np.isfinite(alone[1]).sum() == 0
    assert np.nanmin(around[1]) == pytest.approx(12.0 - 0.9, abs=0.01), "the car drove 0.9 m ahead"
    assert np.isnan(around[2]).all()
    lost = log_of([replace(frame, world_from_ego=None) for frame in log.frames[:3]])
    assert np.isnan(run(LidarDepth(sweeps=1), SPACE, lost, sensors=sensors)[FRONT][1]).all()
    assert {spec.name for spec in LidarDepth().needed} == {"intrinsics", "extrinsics"}


def test_what_shows_between_the_beams_on_a_nearer_surface_is_hidden() -> None:
    depth = np.full((20, 9), np.nan, np.float32)
    depth[::4] = 10.0
    depth[6, 4] = 30.0
    depth[18, 4] = 30.0
    left = without_hidden(depth, 4, 1)
    assert np.isnan(left[6, 4]) and left[18, 4] == 30.0, "below the last beam nothing closes the surface"
    assert (left[::4] == 10.0).all()
    assert without_hidden(depth, 1, 1)[6, 4] == 30.0, "the beams lie further apart than the surface is closed"


def test_a_road_hides_nothing_of_itself() -> None:
    rows, columns = np.mgrid[0:60, 0:80]
    below = np.maximum(rows - 5, 0.1) * 4
    road = (720 * 1.65 / below).astype(np.float32)
    places = np.stack([columns.ravel(), rows.ravel()], axis=1).astype(float)
    depth = nearest(places, road.ravel(), (60, 80))
    np.testing.assert_array_equal(without_hidden(depth, 6, 2), road)
