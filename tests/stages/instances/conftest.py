"""A small grid, and car parks on it: rows of cars that touch."""

from __future__ import annotations

import pytest
from car_parks import parked

from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.instances.samples import Scenes


@pytest.fixture(scope="session")
def space() -> LabelSpace:
    grid = Grid(origin=(0.0, -6.4, -1.0), voxel_size=0.4, shape=(40, 36, 7), frame="lidar")
    return LabelSpace(grid, TAXONOMIES["semantickitti"])


@pytest.fixture(scope="session")
def logs(space: LabelSpace) -> list[Scenes]:
    return [Scenes([parked(10 * log + n, space) for n in range(10)], space.grid, 20) for log in range(3)]
