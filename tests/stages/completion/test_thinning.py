"""A scan seen through fewer beams."""

import numpy as np
import pytest
from pydantic import ValidationError

from occlabel.stages.completion.thinning import thinned
from occlabel.stages.completion.trained import Trained
from occlabel.stages.sensing.scan import Scan


def spinning(beams: int, turns: int = 360) -> Scan:
    """A sensor 2 m up inside a sphere: every beam returns from every direction."""
    elevation = np.radians(np.linspace(-25, 3, beams))
    azimuth = np.linspace(0, 2 * np.pi, turns, endpoint=False)
    up, around = np.meshgrid(elevation, azimuth, indexing="ij")
    direction = np.stack([np.cos(up) * np.cos(around), np.cos(up) * np.sin(around), np.sin(up)], axis=-1)
    sensor = np.array([0.3, 0.0, 2.0])
    points = np.concatenate([direction * 20 + sensor, np.full((*up.shape, 1), 0.5)], axis=-1)
    return Scan(points.reshape(-1, 4).astype(np.float32), sensor)


def test_one_beam_in_four_is_left_and_whole() -> None:
    scan = spinning(64)
    left = thinned(scan, 64, 16)
    away = left.points[:, :3] - left.sensor
    elevation = np.degrees(np.arctan2(away[:, 2], np.hypot(away[:, 0], away[:, 1]))).round(2)
    beams, points = np.unique(elevation, return_counts=True)
    assert len(beams) == 16
    assert (points == 360).all()
    assert np.ptp(np.diff(beams)) < 0.8 * np.diff(beams).mean(), "evenly spread"


def test_all_beams_are_the_scan_itself_and_nothing_is_no_error() -> None:
    scan = spinning(32)
    np.testing.assert_array_equal(thinned(scan, 32, 32).points, scan.points)
    nothing = Scan(np.full((3, 4), np.nan, np.float32), scan.sensor)
    assert len(thinned(nothing, 64, 16).points) == 3


def test_more_beams_than_there_are_is_refused() -> None:
    with pytest.raises(ValidationError, match="not more"):
        Trained(beams=(16, 64))
