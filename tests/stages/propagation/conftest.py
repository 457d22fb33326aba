"""A small grid that does not halve four times."""

import pytest

from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES


@pytest.fixture(scope="module")
def space() -> LabelSpace:
    grid = Grid(origin=(0.0, -6.4, -1.0), voxel_size=0.4, shape=(40, 32, 8), frame="lidar")
    return LabelSpace(grid, TAXONOMIES["semantickitti"])
