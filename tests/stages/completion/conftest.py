"""A tiny grid, and logs of it that lie in memory: a street with walls of random distance and height."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointTruth, Sweep, Truth, VoxelTruth
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

SMALL = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.2, shape=(64, 64, 32), frame="lidar")
ROAD, BUILDING = 9, 13


@dataclass(frozen=True)
class StreetLogs:
    """A LogReader of ``count`` logs of three frames each."""

    count: int
    root: Path = Path("nowhere")
    scored: bool = True

    def log_ids(self) -> list[str]:
        return [f"{index:02d}" for index in range(self.count)]

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        for log in ids or self.log_ids():
            names = [f"{log}-{frame}" for frame in range(3)]
            sweeps = [Sweep(Path(name), np.eye(4), 0.0) for name in names]
            truth = Truth(voxels=Path("here"))
            frames = (Frame(n, 0.0, np.eye(4), (), s, truth) for n, s in zip(names, sweeps, strict=True))
            yield DriveLog(log, f"stamp of {log}", f"text of {log}", tuple(frames))

    def _wall(self, name: str) -> tuple[int, int]:
        draw = np.random.default_rng([ord(c) for c in name])
        return int(draw.integers(6, 20)), int(draw.integers(14, 30))

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        gap, height = self._wall(frame.name)
        semantics = np.zeros(SMALL.shape, np.uint8)
        semantics[:, :, 1] = ROAD
        semantics[:, [gap, 63 - gap], 2:height] = BUILDING
        scored = np.full(SMALL.shape, self.scored)
        scored[:, :gap] = scored[:, 64 - gap :] = False
        return VoxelTruth(semantics, scored, LabelSpace(SMALL, TAXONOMIES["semantickitti"]))

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        truth = self.voxel_truth(Frame(str(sweep.path), 0.0, None))
        assert truth is not None
        centres = SMALL.centres()[(truth.semantics > 0) & truth.scored]
        noise = np.random.default_rng(0).uniform(-0.09, 0.09, centres.shape)
        return np.pad(centres + noise, ((0, 0), (0, 1))).astype(np.float32)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        raise NotImplementedError

    def check_image(self, camera: Camera) -> None:
        raise NotImplementedError

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return None


@pytest.fixture
def street_logs() -> StreetLogs:
    return StreetLogs(3)


@pytest.fixture
def space() -> LabelSpace:
    return LabelSpace(SMALL, TAXONOMIES["semantickitti"])
