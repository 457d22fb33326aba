"""nuScenes itself: a scene is whole, its boxes hold the points they say, its cameras look where their names say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.geometry import inverse, project, transform_points
from occlabel.stages.ingest.nuscenes import NuScenesReader


@pytest.fixture(scope="session")
def real(shared: Path):
    reader = NuScenesReader(shared / "data/nuscenes")
    return reader, next(reader.logs(["scene-0523"]))


def test_the_real_scene_is_whole(real) -> None:
    reader, log = real
    assert reader.log_ids() == ["scene-0523"]
    assert (len(log.frames), log.warnings) == (40, ())
    assert all(len(frame.cameras) == 6 and frame.cameras[0].size == (1600, 900) for frame in log.frames)
    positions = np.array([frame.world_from_ego[:3, 3] for frame in log.frames])
    assert np.linalg.norm(np.diff(positions, axis=0), axis=1).sum() == pytest.approx(126, abs=0.5)
    assert sum(len(frame.truth.boxes) for frame in log.frames) == 2625
    assert len({box.instance for frame in log.frames for box in frame.truth.boxes}) == 155


def test_real_boxes_hold_the_points_they_say(real) -> None:
    reader, log = real
    counted = agreeing = 0
    for frame in log.frames[::8]:
        points = transform_points(frame.world_from_ego @ frame.sweep.ego_from_lidar, reader.points(frame.sweep))
        for box in frame.truth.boxes:
            inside = (np.abs(transform_points(inverse(box.world_from_box), points)) <= np.array(box.size) / 2).all(
                axis=1
            )
            agreeing += inside.sum() == box.lidar_points
            counted += 1
    assert counted > 200
    assert agreeing / counted > 0.98


def test_real_cameras_look_where_their_names_say(real) -> None:
    _, log = real
    directions = {camera.name: camera.ego_from_camera[:2, 2] for camera in log.frames[5].cameras}
    assert directions["CAM_FRONT"][0] > 0.99
    assert directions["CAM_BACK"][0] < -0.99
    assert directions["CAM_FRONT_LEFT"][1] > 0.7
    assert directions["CAM_BACK_RIGHT"][1] < -0.7


def test_real_points_of_a_box_lie_in_its_picture(real) -> None:
    reader, log = real
    frame = log.frames[0]
    front = frame.cameras[0]
    camera_from_world = inverse(frame.world_from_ego @ front.ego_from_camera)
    seen = 0
    for box in frame.truth.boxes:
        uv, depth = project(transform_points(camera_from_world, box.world_from_box[:3, 3][None]), front.intrinsics)
        seen += bool(depth[0] > 0 and 0 <= uv[0, 0] < 1600 and 0 <= uv[0, 1] < 900)
    assert seen >= 10
    assert reader.point_truth(frame) is None
    assert reader.voxel_truth(frame) is None
