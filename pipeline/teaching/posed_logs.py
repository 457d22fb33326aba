"""Logs as the geometry stage of a recipe places them: what a network learns of several sweeps must lie together as it
will when the network is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.delegating_reader import DelegatingReader
from occlabel.pipeline.teaching.labelled import alone, labelled
from occlabel.schemas.arrays import POSES
from occlabel.schemas.drive_log import DriveLog, LogReader
from occlabel.schemas.geometry import Matrix
from occlabel.workers.store import Store


@dataclass(frozen=True)
class PosedLogs(DelegatingReader):
    """Logs with other poses."""

    poses: Mapping[str, Mapping[str, Matrix | None]]
    """Of each log and frame; a frame that is not here has none."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log in self.reader.logs(ids):
            found = self.poses.get(log.id, {})
            yield replace(log, frames=tuple(replace(f, world_from_ego=found.get(f.name)) for f in log.frames))


def posed_logs(recipe: Recipe, reader: LogReader, folder: Path, executor: str) -> LogReader:
    """The logs of ``reader`` with the poses that the recipe's geometry stage finds; as they are where it has none. The
    poses lie in a store in ``folder``; what is there is not computed again."""
    if recipe.geometry is None:
        return reader
    chain = alone(recipe, {}, recipe.geometry)
    found: dict[str, dict[str, Matrix | None]] = {}
    store, lacking = Store(str(folder / "poses")), "without poses, so its sweeps are learned from one by one"
    for frame in labelled(chain, reader, store, executor, lacking).frames():
        pose = np.asarray(frame[POSES], np.float64)
        found.setdefault(frame.log, {})[frame.name] = None if np.isnan(pose).any() else pose
    return PosedLogs(reader, found)
