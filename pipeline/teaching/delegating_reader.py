"""A reader that changes something of the logs of another one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader, PointTruth, Sweep, VoxelTruth


@dataclass(frozen=True)
class DelegatingReader:
    """Everything as ``reader`` has it; a subclass says what it has otherwise."""

    reader: LogReader

    @property
    def root(self) -> Path:
        return self.reader.root

    def log_ids(self) -> list[str]:
        return self.reader.log_ids()

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        return self.reader.logs(ids)

    def stamp(self) -> str | None:
        return self.reader.stamp()

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return self.reader.points(sweep)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return self.reader.image(camera)

    def check_image(self, camera: Camera) -> None:
        self.reader.check_image(camera)

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return self.reader.voxel_truth(frame)

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return self.reader.point_truth(frame, points)
