"""What cameras see ends at the first thing in the way, and at the borders of the image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.grid import Grid
from occlabel.stages.sensing.sight import in_sight

GRID = Grid(origin=(-10.0, -10.0, -4.0), voxel_size=0.5, shape=(40, 40, 16), frame="ego")
K = np.array([[100.0, 0, 100], [0, 100, 50], [0, 0, 1]])  # 90 degrees wide
AHEAD = np.eye(4)
AHEAD[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
CAMERA = Camera("front", Path(), K, AHEAD, 0.0, (200, 100))
X, Y, Z = np.moveaxis(GRID.centres(), -1, 0)
NOTHING = np.zeros(GRID.shape, np.bool_)


def test_a_camera_ahead_sees_a_wedge_ahead() -> None:
    found = in_sight([CAMERA], NOTHING, GRID, np.eye(4))
    wide, high = np.abs(Y) - X, np.abs(Z) - X / 2
    assert found[(wide < -1) & (high < -1)].all(), "well within the image"
    assert not found[(wide > 1) | (high > 1) | (X < 0)].any(), "well outside"


def test_what_stands_in_the_way_is_seen_and_hides_what_lies_behind() -> None:
    wall = (np.abs(X - 4.25) < 0.1) & (Y > 0)
    found = in_sight([CAMERA], wall, GRID, np.eye(4))
    ahead = in_sight([CAMERA], NOTHING, GRID, np.eye(4))
    assert found[wall & (Y < 3.5) & (np.abs(Z) < 1.5)].all()
    assert not found[(X > 5) & (Y > 0.5) & (Y < X - 1)].any()
    np.testing.assert_array_equal(found[Y < 0], ahead[Y < 0])


def test_a_grid_that_lies_elsewhere_is_seen_from_where_the_camera_is() -> None:
    aside = np.eye(4)
    aside[1, 3] = 3.0  # the grid lies 3 m to the left of the ego frame
    found = in_sight([CAMERA], NOTHING, GRID, aside)
    wide = np.abs(Y + 3.0) - X
    assert found[(wide < -1) & (np.abs(Z) < X / 2 - 1)].all() and not found[wide > 1].any()


def test_a_camera_of_which_nobody_knows_enough_sees_nothing() -> None:
    blind = [replace(CAMERA, **{name: None}) for name in ("intrinsics", "ego_from_camera", "size")]
    assert not in_sight(blind, NOTHING, GRID, np.eye(4)).any()
