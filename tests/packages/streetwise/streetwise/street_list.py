"""``streets.txt``: a street a line, its name and number of scans; ``<name>-<number>.npy`` [n, 4] are the scans."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog, DamagedFile


@dataclass(frozen=True)
class StreetList:
    """See the module."""

    LAYOUT_GLOB: ClassVar[str] = "streets.txt"
    LAYOUT_WORDS: ClassVar[str] = "streets.txt (streetwise)"

    root: Path

    def _scans(self) -> dict[str, int]:
        lines = (line.split() for line in (self.root / "streets.txt").read_text().splitlines() if line.strip())
        return {name: int(scans) for name, scans in lines}

    def log_ids(self) -> list[str]:
        return sorted(self._scans())

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        scans = self._scans()
        for log in self.log_ids() if ids is None else ids:
            if log not in scans:
                raise BadLog(f"{self.root} has no street {log!r}; it has {', '.join(scans)}")
            paths = [self.root / f"{log}-{number}.npy" for number in range(scans[log])]
            frames = tuple(
                Frame(str(i), i / 10, np.eye(4), (), Sweep(path, np.eye(4), i / 10)) for i, path in enumerate(paths)
            )
            stats = [path.stat() for path in paths]
            stamp = " ".join(f"{stat.st_size} {stat.st_mtime_ns}" for stat in stats)
            yield DriveLog(log, stamp, f"{log} {scans[log]}", frames)

    def stamp(self) -> None:
        return None

    def points(self, sweep: Sweep) -> np.ndarray:
        try:
            return np.load(sweep.path, allow_pickle=False).astype(np.float32)
        except (OSError, ValueError) as error:
            raise DamagedFile(f"{sweep.path} is no scan: {error}") from error

    def image(self, camera: Camera) -> np.ndarray:
        raise DamagedFile("streets have no images")

    def check_image(self, camera: Camera) -> None:
        raise DamagedFile("streets have no images")

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return None
