"""Augmentation keeps what it must: voxels under the points, the street's plane, and reproducibility."""

import numpy as np
import pytest

from occlabel.schemas.geometry import transform_points
from occlabel.schemas.grid import GRIDS
from occlabel.stages.completion.augment import another_sensor, random_crop, random_placement, random_response
from occlabel.stages.sensing.scan import Scan

SEEDS = range(12)


@pytest.mark.parametrize("name", sorted(GRIDS))
def test_placements_stay_near_the_street(name: str) -> None:
    for seed in SEEDS:
        placement = random_placement(GRIDS[name], np.random.default_rng(seed))
        scale = abs(np.linalg.det(placement[:3, :3])) ** (1 / 3)
        assert 0.95 <= scale <= 1.05
        np.testing.assert_allclose(placement[:3, :3] @ placement[:3, :3].T, scale**2 * np.eye(3), atol=1e-9)
        assert placement[2, 2] > 0.94, "up stays up"
        if name == "semantickitti":
            assert placement[0, 0] > 0.9, "what is ahead stays ahead, where the grid is"


def test_a_grid_around_the_car_is_turned_every_way() -> None:
    placements = [random_placement(GRIDS["occ3d"], np.random.default_rng(seed)) for seed in range(40)]
    ahead = {(round(p[0, 0] / 1.06), round(p[1, 0] / 1.06), round(np.linalg.det(p) / 1.2)) for p in placements}
    assert len(ahead) == 8


def test_a_worse_sensor_sees_less_along_the_same_rays() -> None:
    points = np.random.default_rng(0).uniform([3, -20, -2, 0], [50, 20, 3, 1], (5000, 4)).astype(np.float32)
    sensor = np.array([0.5, 0.2, 0.1])
    scan, points = Scan(points, sensor), points[:, :3]
    for seed in SEEDS:
        worse = another_sensor(scan, np.random.default_rng(seed))
        seen = worse.points[:, :3]
        assert 0.1 * len(points) < len(seen) <= len(points)
        rays = (seen - sensor) / np.linalg.norm(seen - sensor, axis=1, keepdims=True)
        known = (points - sensor) / np.linalg.norm(points - sensor, axis=1, keepdims=True)
        assert (rays[:200] @ known.T).max(axis=1) == pytest.approx(1, abs=1e-6)
        np.testing.assert_array_equal(worse.points, another_sensor(scan, np.random.default_rng(seed)).points)


def test_crops_lie_on_the_grid() -> None:
    grid = GRIDS["semantickitti"]
    for seed in SEEDS:
        window = random_crop(grid, 25.6, 2, np.random.default_rng(seed))
        assert window.shape == (128, 128, 32)
        first = (np.array(window.origin) - grid.origin) / grid.voxel_size
        np.testing.assert_allclose(first, np.round(first), atol=1e-6)
        assert (first[:2] >= 0).all()
        assert (first[:2] + 128 <= 256).all()
    assert random_crop(grid, 99.0, 2, np.random.default_rng(0)).shape == grid.shape


def test_a_quarter_turn_maps_voxels_onto_voxels() -> None:
    grid = GRIDS["occ3d"]
    centres = grid.centres()[::40, ::40, 3].reshape(-1, 3)
    for seed in SEEDS:
        placement = random_placement(grid, np.random.default_rng(seed))
        if np.allclose(abs(placement[:2, :2]).max(), 1):
            moved = transform_points(placement, centres)
            offset = (moved[:, :2] - grid.origin[0]) / grid.voxel_size - 0.5
            np.testing.assert_allclose(offset, np.round(offset), atol=1e-6)


def test_sensors_of_one_seed_lose_the_same_beams() -> None:
    """Whatever each sweep holds: two halves of a cloud keep together what the whole keeps."""
    points = np.random.default_rng(0).uniform([3, -20, -2, 0], [50, 20, 3, 1], (20_000, 4)).astype(np.float32)
    band = np.floor(np.rad2deg(np.arcsin(points[:, 2] / np.linalg.norm(points[:, :3], axis=1))) / 0.42)
    full = [b for b in np.unique(band) if (band == b).sum() > 200]
    for seed in SEEDS:
        kept = []
        for half in (np.s_[::2], np.s_[1::2]):
            seen = another_sensor(Scan(points[half], np.zeros(3)), np.random.default_rng(seed)).points
            again = np.floor(np.rad2deg(np.arcsin(seen[:, 2] / np.linalg.norm(seen[:, :3], axis=1))) / 0.42)
            kept.append({b for b in full if (again == b).sum() > 0.25 * (band[half] == b).sum()})
        assert len(kept[0] ^ kept[1]) <= 2


def test_a_response_keeps_which_of_two_surfaces_is_brighter_or_sees_neither() -> None:
    points = np.zeros((2000, 4), np.float32)
    points[::2, 3], points[1::2, 3] = 0.2, 0.5
    mute = 0
    for seed in range(100):
        seen = random_response(np.random.default_rng(seed))(Scan(points, np.zeros(3))).points[:, 3]
        mute += not seen.any()
        assert not seen.any() or seen[::2].mean() < seen[1::2].mean()
    assert 2 <= mute <= 25
