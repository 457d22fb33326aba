"""Ground, beams and driving direction are read off scans whose sensor is known, and off nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.scan_facts import beam_count, driving_direction, ground_height, shows_much


def scan(beams: int, height: float = 1.8, tilt: float = 0.0, seed: int = 0) -> np.ndarray:
    """What a LiDAR at the origin sees of a tilted plane below it, with walls 12 m to the sides and boxes on it."""
    draw = np.random.default_rng(seed)
    elevation = np.deg2rad(np.linspace(-25, 5, beams))[:, None]
    azimuth = np.arange(-np.pi, np.pi, np.deg2rad(0.3))[None]
    rays = np.stack(
        np.broadcast_arrays(
            np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)
        ),
        axis=-1,
    ).reshape(-1, 3)
    down = np.maximum(-(rays[:, 2] - tilt * rays[:, 0]), 1e-9)
    reach = np.minimum(height / down, 12 / np.maximum(np.abs(rays[:, 1]), 1e-9))
    reach = np.where((np.abs(azimuth) < 0.3).repeat(beams, axis=0).ravel(), np.minimum(reach, 7), reach)
    reach += draw.normal(0, 0.01, len(reach))
    return (rays * reach[:, None])[reach < 80]


@pytest.mark.parametrize(("height", "tilt"), [(1.8, 0.0), (0.5, 0.03), (2.4, -0.05)])
def test_ground_below_the_sensor(height: float, tilt: float) -> None:
    points = scan(32, height, tilt)
    assert ground_height(points, np.zeros(3)) == pytest.approx(-height, abs=0.05)
    assert ground_height(points, np.zeros(3)) == ground_height(points, np.zeros(3))
    moved = points + np.array([3.0, 4.0, height])
    assert ground_height(moved, (3.0, 4.0, height)) == pytest.approx(0, abs=0.05)


def test_no_ground_where_there_is_no_plane() -> None:
    anywhere = np.random.default_rng(0).uniform(-15, 15, (5000, 3))
    assert ground_height(anywhere, np.zeros(3)) is None
    assert ground_height(scan(32)[:50], np.zeros(3)) is None
    assert ground_height(np.zeros((0, 3)), np.zeros(3)) is None
    assert ground_height(np.full((5000, 3), np.nan), np.zeros(3)) is None
    assert shows_much(anywhere, np.zeros(3)) and not shows_much(scan(32)[:50], np.zeros(3))
    steep = scan(32) @ np.array([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]])
    assert ground_height(steep, np.zeros(3)) is None


@pytest.mark.parametrize("beams", [16, 32, 64, 128])
def test_beams_are_counted(beams: int) -> None:
    assert beam_count(scan(beams)) == pytest.approx(beams, abs=beams / 16)
    mixed = scan(beams)[np.random.default_rng(0).permutation(len(scan(beams)))]
    assert beam_count(mixed) == beam_count(scan(beams)), "the order of the points says nothing"


def test_no_beams_in_too_few_points() -> None:
    assert beam_count(scan(32)[:100]) is None
    assert beam_count(np.zeros((0, 3))) is None
    assert beam_count(np.full((5000, 3), np.nan)) is None


def test_driving_direction() -> None:
    def drive(turn: float, steps: list[float]) -> list[np.ndarray]:
        """Along x of the world, by a thing that is turned to it."""
        poses = []
        for x in np.cumsum(steps):
            pose = yaw_rotation(turn)
            pose[0, 3] = x
            poses.append(pose)
        return poses

    assert driving_direction(drive(0.0, [1.0] * 8)) == pytest.approx((1, 0))
    assert driving_direction(drive(-np.pi / 2, [1.0] * 8)) == pytest.approx((0, 1), abs=1e-9)
    assert driving_direction(drive(0.0, [0.1] * 8)) is None, "it stands"
    assert driving_direction(drive(0.0, [3.0, -3.0] * 4)) is None, "to and fro"
    assert driving_direction([]) is None
