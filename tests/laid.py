"""Objects that a test lays into a grid itself."""

import numpy as np

from occlabel.schemas.grid import Grid
from occlabel.schemas.objects import Objects, summarise

GRID = Grid(origin=(0.0, -10.0, -1.0), voxel_size=0.2, shape=(100, 100, 20), frame="ego")


def laid(x: float, y: float, length: float, width: float, turn: float) -> Objects:
    """An object of every voxel whose centre lies in an upright box from 0 to 1.6 m."""
    centres = GRID.centres()
    c, s = np.cos(turn), np.sin(turn)
    dx, dy = centres[..., 0] - x, centres[..., 1] - y
    inside = (np.abs(dx * c + dy * s) <= length / 2) & (np.abs(dy * c - dx * s) <= width / 2)
    inside &= (centres[..., 2] > 0) & (centres[..., 2] < 1.6)
    return summarise(inside.astype(np.uint16), np.ones(GRID.shape, np.uint8), GRID)
