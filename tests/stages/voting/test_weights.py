"""Weights of real rigs: where they are high, and how the distance counts."""

import numpy as np

from occlabel.schemas.drive_log import Moment
from occlabel.schemas.grid import GRIDS
from occlabel.stages.voting.weights import SensorModel, View, default_near_box, default_reach, frame_weights

AXES = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]])  # ego axes of a camera that looks ahead


def view(yaw: float) -> View:
    pose = np.eye(4)
    c, s = np.cos(yaw), np.sin(yaw)
    pose[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ AXES
    return View(np.array([[400.0, 0, 400], [0, 400, 200], [0, 0, 1]]), pose, (800, 400))


def weights(frame: Moment, name: str, sensor: SensorModel, *views: View) -> np.ndarray:
    grid = GRIDS[name]
    box = default_near_box(grid, (25.6, 25.6, 6.4))
    return frame_weights(frame, views, grid, sensor, default_reach(grid), box)[1]()


def test_near_box_lies_in_front_or_around() -> None:
    lower, upper = default_near_box(GRIDS["semantickitti"], (25.6, 25.6, 6.4))
    np.testing.assert_allclose([*lower, *upper], [0, -12.8, -2, 25.6, 12.8, 4.4])
    lower, upper = default_near_box(GRIDS["occ3d"], (25.6, 25.6, 6.4))
    np.testing.assert_allclose([*lower, *upper], [-12.8, -12.8, -1, 12.8, 12.8, 5.4])


def test_camera_weights_follow_the_real_field_of_view() -> None:
    volume = weights(Moment("f", 0.0), "occ3d", "camera", view(0.0), view(np.pi))
    at = {
        (x, y): int(volume[(*GRIDS["occ3d"].cells(np.array([[x, y, 0.5]]))[0][0],)])
        for x in (5, 30, -5)
        for y in (0, 12)
    }
    assert at == {(5, 0): 100, (30, 0): 10, (-5, 0): 100, (5, 12): 1, (30, 12): 10, (-5, 12): 1}


def test_lidar_weights_fall_with_the_distance_from_the_sensor() -> None:
    lidar = np.eye(4)
    lidar[:3, 3] = [1.0, 0.2, 2.0]
    volume = weights(Moment("f", 0.0, lidar), "occ3d", "lidar")
    assert volume.shape == (200, 200, 16)
    assert np.unravel_index(volume.argmax(), volume.shape) == (102, 100, 7)  # the voxel whose centre is at the LiDAR
    distance = np.linalg.norm(GRIDS["occ3d"].centres() - lidar[:3, 3], axis=-1)
    np.testing.assert_allclose(volume, np.clip(10 - 9.9 * distance / 40, 0.1, 10) * 1000, atol=0.5)
    # In a grid of the LiDAR's own frame the sensor is the origin, wherever it is mounted.
    moved = weights(Moment("f", 0.0, lidar), "semantickitti", "lidar")
    plain = weights(Moment("f", 0.0), "semantickitti", "lidar")
    np.testing.assert_array_equal(moved, plain)
    assert plain[-1, 0, 0] == 100  # the far corner, beyond the reach of 51.2 m, is clipped at 0.1


def test_a_frame_without_views_counts_as_what_no_image_shows() -> None:
    assert (weights(Moment("f", 0.0), "occ3d", "camera") == 1).all()
