"""Logs of which only half of the points of each sweep are read: what aligns depth must not be what scores it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedVersion
from occlabel.pipeline.teaching.delegating_reader import DelegatingReader
from occlabel.pipeline.teaching.labelled import labelled
from occlabel.schemas.drive_log import Frame, LogReader, PointTruth, Sweep
from occlabel.stages.priors.depth.lidar import LidarDepth
from occlabel.workers.store import Store


@dataclass(frozen=True)
class HalfSweeps(DelegatingReader):
    """``odd`` picks one of two halves without a point in common."""

    odd: bool

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        points = self.reader.points(sweep)
        drawn = np.random.default_rng(len(points)).random(len(points)) < 0.5
        return points[drawn == self.odd]

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        """None: it is of all points."""
        return None


def by_halves(
    priors: Recipe, reader: LogReader, stores: tuple[Store, Store], executor: str
) -> tuple[PublishedVersion, PublishedVersion | None]:
    """What ``priors`` say of the logs of ``reader`` with one half of the points, and how far the other half says that
    what images show is; None where no log has a LiDAR. Versions of a store each."""
    said = labelled(priors, HalfSweeps(reader, odd=False), stores[0], executor)
    if not any(log.rig.lidar for log in reader.logs()):
        return said, None
    beside = priors.model_copy(update={"priors": {"measured": LidarDepth()}, "geometry": None})
    return said, labelled(beside, HalfSweeps(reader, odd=True), stores[1], executor)
