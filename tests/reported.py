"""Versions to be reported: a road with a car on it, whose length the labels disagree about."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.published.version import PublishedVersion
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

CAR, ROAD = 1, 9
GRID = Grid(origin=(0.0, -8.0, -1.0), voxel_size=1.0, shape=(16, 16, 4), frame="lidar")
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])


def volume(cars: int, grid: Grid = GRID) -> np.ndarray:
    result = np.zeros(grid.shape, np.uint8)
    result[:, :, 0] = ROAD
    result[4 : 4 + cars, 6:9, 1:3] = CAR
    return result


def published(root: Path, name: str, cars: dict[tuple[str, str], int], space: LabelSpace = SPACE) -> PublishedVersion:
    """``cars``: log and frame -> length of the car [voxels]; of short ones the labels are not sure."""
    frames = []
    for (log, frame), length in cars.items():
        labels = volume(length, space.grid)
        sure = np.where(labels == CAR, 40 * length, 250).astype(np.uint8)
        frames.append(MadeUpFrame(log, frame, {"semantics": labels, "confidence": sure}))
    return publish(MadeUpVersion(frames, space, name), root)
