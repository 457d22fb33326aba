"""Sight from a sensor: what stands in the way hides what is behind it."""

import numpy as np
import pytest

from occlabel.schemas.grid import Grid
from occlabel.stages.voting.visibility import Sight

GRID = Grid(origin=(0.0, -6.4, -1.6), voxel_size=0.2, shape=(64, 64, 16), frame="lidar")
SENSOR = np.array([0.0, 0.0, 0.0])


def hidden(labels: np.ndarray) -> np.ndarray:
    return Sight.of(GRID, SENSOR).hidden(labels, free_id=0)


def shadow(wall: tuple[slice, slice, slice]) -> np.ndarray:
    """Voxels whose line to the sensor passes through the box ``wall``, by many samples of the line."""
    solid = np.zeros(GRID.shape, bool)
    solid[wall] = True
    ways = (GRID.centres() - SENSOR)[..., None, :] * np.linspace(0, 0.99, 200)[:, None] + SENSOR
    cells = np.floor((ways - np.array(GRID.origin)) / GRID.voxel_size).astype(int)
    inside = ((cells >= 0) & (cells < np.array(GRID.shape))).all(axis=-1)
    cells = np.clip(cells, 0, np.array(GRID.shape) - 1)
    return (solid[tuple(np.moveaxis(cells, -1, 0))] & inside).any(axis=-1) & ~solid


def test_nothing_hides_in_an_empty_place() -> None:
    assert not hidden(np.zeros(GRID.shape, np.uint8)).any()
    assert not hidden(np.full(GRID.shape, 255, np.uint8)).any(), "unknown hides nothing"


@pytest.mark.parametrize("across", [slice(24, 40), slice(44, 60)])
def test_a_wall_casts_the_shadow_of_its_outline(across: slice) -> None:
    wall = (slice(20, 22), across, slice(0, 14))
    labels = np.zeros(GRID.shape, np.uint8)
    labels[wall] = 1
    found, expected = hidden(labels), shadow(wall)
    outside = labels == 0
    assert (found & expected)[outside].sum() / (found | expected)[outside].sum() > 0.85
    assert not found[20, across, :14].any(), "its front is seen"


def test_a_street_is_seen_all_along_though_rays_graze_it() -> None:
    labels = np.zeros(GRID.shape, np.uint8)
    labels[:, :, 0] = 9
    assert not hidden(labels).any()
    labels[30:34, 30:34, 1:6] = 1
    found = hidden(labels)
    assert found[36:44, 31:33, 0].all(), "behind a car it is not"
    assert not found[:, 50:, 0].any()
