"""Logs of a tiny street in memory, each with voxel truth, labelled points, or neither: a road between two walls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointTruth, Sweep, Truth, VoxelTruth
from occlabel.schemas.errors import DamagedFile
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

GRID = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.4, shape=(32, 32, 16), frame="lidar")
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
ROAD, BUILDING, FENCE = 9, 13, 14


@dataclass(frozen=True)
class TinyStreets:
    """A LogReader of ``count`` logs of ``frames`` frames, from ``first`` on; ``wall`` is the class of the walls."""

    count: int
    frames: int = 3
    first: int = 0
    truth: Truth = Truth(voxels=Path("here"))
    wall: int = BUILDING
    root: Path = Path("nowhere")

    def log_ids(self) -> list[str]:
        return [f"{index:02d}" for index in range(self.first, self.first + self.count)]

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log in self.log_ids() if ids is None else ids:
            frames = tuple(self._frame(log, n) for n in range(self.frames))
            yield DriveLog(log, f"stamp of {log}", f"text of {log}", frames)

    def _frame(self, log: str, number: int) -> Frame:
        pose = np.eye(4)
        pose[0, 3] = number
        sweep = Sweep(Path(f"{log}-{number}"), np.eye(4), number / 10)
        return Frame(f"{number:06d}", number / 10, pose, (), sweep, self.truth)

    def stamp(self) -> str | None:
        return None

    def _semantics(self, log: str) -> NDArray[np.uint8]:
        draw = np.random.default_rng(int(log))
        gap, height = int(draw.integers(3, 9)), int(draw.integers(7, 14))
        semantics = np.zeros(GRID.shape, np.uint8)
        semantics[:, :, 0] = ROAD
        semantics[:, [gap, 31 - gap], 1:height] = self.wall
        return semantics

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        assert frame.sweep is not None
        if frame.truth.voxels is None:
            return None
        return VoxelTruth(self._semantics(_log(frame.sweep)), np.ones(GRID.shape, bool), SPACE)

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        """One in each occupied voxel."""
        centres = GRID.centres()[self._semantics(_log(sweep)) > 0]
        noise = np.random.default_rng(0).uniform(-0.19, 0.19, centres.shape)
        return np.pad(centres + noise, ((0, 0), (0, 1))).astype(np.float32)

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        assert frame.sweep is not None
        if frame.truth.points is None:
            return None
        semantics = self._semantics(_log(frame.sweep))
        return PointTruth(semantics[semantics > 0], SPACE.taxonomy)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        raise DamagedFile("there are no images")

    def check_image(self, camera: Camera) -> None:
        raise DamagedFile("there are no images")


def _log(sweep: Sweep) -> str:
    return str(sweep.path).split("-")[0]
