"""Logs to learn from lie where the recipe's geometry stage puts them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from chain import MadeUpReader
from hilly_street import drive, without_height
from numpy.typing import NDArray

from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.teaching.delegating_reader import DelegatingReader
from occlabel.pipeline.teaching.posed_logs import posed_logs
from occlabel.schemas.drive_log import DriveLog, Sweep

TRUE, SENSORS = drive(8)


@dataclass(frozen=True)
class Flat(DelegatingReader):
    """A drive over hills whose log knows no height."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        yield without_height(TRUE)

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return SENSORS.points(sweep)


def heights(log: DriveLog) -> NDArray[np.float64]:
    return np.array([frame.world_from_ego[2, 3] for frame in log.frames if frame.world_from_ego is not None])


def test_poses_are_those_that_the_stage_finds(tmp_path: Path) -> None:
    reader = Flat(MadeUpReader(tmp_path, {TRUE.id: 8}))
    recipe = load_recipe("nuscenes_lidar", ["geometry.where=always"])
    (found,) = posed_logs(recipe, reader, tmp_path, "local").logs()
    np.testing.assert_allclose(heights(found) - heights(found)[0], heights(TRUE) - heights(TRUE)[0], atol=0.1)
    assert np.ptp(heights(without_height(TRUE))) == 0 and np.ptp(heights(TRUE)) > 0.5
    assert posed_logs(recipe.model_copy(update={"geometry": None}), reader, tmp_path, "local") is reader
