"""What the network sees of a scan: heights above the ground whatever the sensor's height, and crops equal the whole."""

import numpy as np
import pytest

from occlabel.schemas.grid import GRIDS
from occlabel.stages.completion.lidar_features import channels, lidar_volume, local_ground

KITTI = GRIDS["semantickitti"]
SENSOR = np.zeros(3)


def street(seed: int, height: float = -1.73) -> np.ndarray:
    """Ground and a wall."""
    draw = np.random.default_rng(seed)
    ground = np.column_stack([draw.uniform(0, 51, 40_000), draw.uniform(-25, 25, 40_000), np.full(40_000, height)])
    wall = np.column_stack([draw.uniform(5, 40, 4_000), np.full(4_000, 8.05), height + draw.uniform(0, 3, 4_000)])
    return np.concatenate([ground, wall])


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_a_single_point(name: str) -> None:
    grid = GRIDS[name]
    point = np.array([[10.1, 3.1, 1.05]])
    volume = lidar_volume(point, SENSOR, grid)
    assert volume.shape == (channels(grid), *grid.shape[:2])
    assert volume.dtype == np.float32
    (cell,), _ = grid.cells(point)
    hits = np.argwhere(volume[: grid.shape[2]])
    np.testing.assert_array_equal(hits, [[cell[2], cell[0], cell[1]]])
    assert volume[2 * grid.shape[2]].sum() == 1
    crossed = volume[grid.shape[2] : 2 * grid.shape[2]]
    assert crossed[cell[2], cell[0], cell[1]] == 0 and crossed.max() == np.float32(1 / 8)


def test_ground_is_found_on_a_slope_and_under_a_reflection() -> None:
    x, _ = np.meshgrid(np.arange(256) * 0.2, np.arange(256) * 0.2, indexing="ij")
    slope = (-1.7 + 0.04 * x).astype(np.float32)
    slope[100, 100] = -2.9
    error = local_ground(slope, KITTI) - (-1.7 + 0.04 * x)
    assert np.abs(error[20:-20, 20:-20]).max() < 0.25
    assert np.isfinite(error).all()


def test_no_points_is_a_finite_volume() -> None:
    volume = lidar_volume(np.zeros((0, 4), np.float32), SENSOR, KITTI)
    assert np.isfinite(volume).all()
    assert not volume[:32].any()


def test_bad_points_and_the_own_car_are_left_out() -> None:
    points = street(0)
    bad = np.array([[np.nan, 0, 0], [1.0, 1.0, -0.5], [np.inf, 1, 1], [4.0, 0, np.nan]])
    expected = lidar_volume(points[np.hypot(points[:, 0], points[:, 1]) > 2.5], SENSOR, KITTI)
    np.testing.assert_array_equal(lidar_volume(np.concatenate([points, bad]), SENSOR, KITTI), expected)


def test_relative_heights_do_not_depend_on_the_sensor_height() -> None:
    low, high = (lidar_volume(street(1, height), SENSOR, KITTI)[64:72] for height in (-1.73, -1.58))
    np.testing.assert_allclose(low, high, atol=2e-3)


def test_a_crop_sees_what_the_whole_sees() -> None:
    whole = lidar_volume(street(2), SENSOR, KITTI)
    crop = KITTI.model_copy(update={"origin": (12.8, -12.8, -2.0), "shape": (128, 128, 32)})
    part = lidar_volume(street(2), SENSOR, crop)
    inner = (slice(None), slice(32, 96), slice(32, 96))
    np.testing.assert_allclose(part[inner], whole[:, 64:192, 64:192][inner], atol=1e-3)
