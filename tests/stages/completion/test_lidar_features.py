"""What the network sees of a scan: heights above the ground whatever the sensor's height, and crops equal the whole."""

import numpy as np
import pytest

from occlabel.schemas.grid import GRIDS, Grid
from occlabel.stages.completion.ground import local_ground
from occlabel.stages.completion.lidar_features import channels, lidar_volume, view_channels
from occlabel.stages.sensing.scan import Scan

KITTI = GRIDS["semantickitti"]
SENSOR = np.zeros(3)


def street(seed: int, height: float = -1.73) -> np.ndarray:
    """Ground and a wall."""
    draw = np.random.default_rng(seed)
    ground = np.column_stack([draw.uniform(0, 51, 40_000), draw.uniform(-25, 25, 40_000), np.full(40_000, height)])
    wall = np.column_stack([draw.uniform(5, 40, 4_000), np.full(4_000, 8.05), height + draw.uniform(0, 3, 4_000)])
    points = np.concatenate([ground, wall])
    return np.column_stack([points, np.where(points[:, 1] < 0, 0.2, 0.4)])


def seen(points: np.ndarray, grid: Grid = KITTI) -> np.ndarray:
    """What one sweep alone shows."""
    return lidar_volume(Scan(points.astype(np.float32), SENSOR), [], grid)[: view_channels(grid)]


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_a_single_point(name: str) -> None:
    grid = GRIDS[name]
    point = np.array([[10.1, 3.1, 1.05, 0.3]])
    volume = seen(point, grid)
    assert (2 * len(volume), *volume.shape[1:]) == (channels(grid), *grid.shape[:2])
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
    volume = seen(np.zeros((0, 4), np.float32))
    assert np.isfinite(volume).all()
    assert not volume[:32].any()


def test_bad_points_and_the_own_car_are_left_out() -> None:
    points = street(0)
    bad = np.array([[np.nan, 0, 0, 0.9], [1.0, 1.0, -0.5, 0.9], [np.inf, 1, 1, 0.9], [4.0, 0, np.nan, 0.9]])
    expected = seen(points[np.hypot(points[:, 0], points[:, 1]) > 2.5])
    np.testing.assert_array_equal(seen(np.concatenate([points, bad])), expected)


def test_relative_heights_do_not_depend_on_the_sensor_height() -> None:
    low, high = (seen(street(1, height))[64:72] for height in (-1.73, -1.58))
    np.testing.assert_allclose(low, high, atol=2e-3)


def test_a_crop_sees_what_the_whole_sees() -> None:
    whole = seen(street(2))
    crop = KITTI.model_copy(update={"origin": (12.8, -12.8, -2.0), "shape": (128, 128, 32)})
    part = seen(street(2), crop)
    inner = (slice(None), slice(32, 96), slice(32, 96))
    np.testing.assert_allclose(part[inner], whole[:, 64:192, 64:192][inner], atol=1e-3)


def test_intensity_is_that_of_the_sweep_whatever_its_unit() -> None:
    """Ground of 0.2 on one side of the car and 0.4 on the other."""
    plain = seen(street(3))
    shades = plain[2 * 32 + 10 :]
    left, right = (shades[0][part][shades[3][part] > 0] for part in (np.s_[:, 175:], np.s_[:, :96]))
    assert left.min() > 0.9 and right.max() < 0.1
    louder = street(3)
    louder[:, 3] = louder[:, 3] * 200 + 17
    np.testing.assert_allclose(seen(louder), plain, atol=1e-4)


def test_a_sensor_without_intensity_is_no_dark_street() -> None:
    mute = street(3)
    mute[:, 3] = 0.0
    volume = seen(mute)
    assert not volume[2 * 32 + 10 :].any()
    np.testing.assert_array_equal(volume[: 2 * 32 + 10], seen(street(3))[: 2 * 32 + 10])


def test_other_sweeps_fill_in_and_leave_the_own_view_alone() -> None:
    own = street(4)
    wall = Scan(np.array([[30.1, y, 0.5, 0.3] for y in np.arange(-5, 5, 0.05)], np.float32), np.array([20.0, 0, 0]))
    alone, both = (lidar_volume(Scan(own.astype(np.float32), SENSOR), others, KITTI) for others in ([], [wall]))
    views = view_channels(KITTI)
    np.testing.assert_array_equal(alone[:64], both[:64])
    np.testing.assert_array_equal(alone[:views], alone[views:])
    new = np.argwhere(both[views : views + 32] > alone[views : views + 32])
    assert set(new[:, 0]) == {12} and set(new[:, 1]) == {150}
    crossed = both[views + 32 : views + 64] > alone[views + 32 : views + 64]
    assert crossed.any() and not crossed[:, :100].any()
