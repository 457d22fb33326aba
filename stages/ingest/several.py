"""Logs under several roots, as if they lay under one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader, PointTruth, Sweep, VoxelTruth
from occlabel.schemas.errors import BadLog


@dataclass(frozen=True, slots=True)
class SeveralReaders:
    """Each log and each file goes to the reader under whose root it lies. Ids of logs must be unique among them all."""

    readers: tuple[LogReader, ...]

    @property
    def root(self) -> Path:
        """Names all of them, for sentences and for what is remembered of them."""
        return Path(" and ".join(str(reader.root) for reader in self.readers))

    def log_ids(self) -> list[str]:
        return sorted(self._owners())

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        owners = self._owners()
        for log_id in sorted(owners) if ids is None else ids:
            if log_id not in owners:
                raise BadLog(
                    f"{self.root} have no log {log_id!r}; they have {', '.join(sorted(owners)[:20]) or 'none'}"
                )
            yield from owners[log_id].logs([log_id])

    def stamp(self) -> str | None:
        stamps = [reader.stamp() for reader in self.readers]
        return None if None in stamps else " ".join(str(stamp) for stamp in stamps)

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        return self._owner(sweep.path).points(sweep)

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        return self._owner(camera.path).image(camera)

    def check_image(self, camera: Camera) -> None:
        self._owner(camera.path).check_image(camera)

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        return None if frame.truth.voxels is None else self._owner(frame.truth.voxels).voxel_truth(frame)

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        return None if frame.truth.points is None else self._owner(frame.truth.points).point_truth(frame, points)

    def _owners(self) -> dict[str, LogReader]:
        return _owners(self.readers)

    def _owner(self, path: Path) -> LogReader:
        owners = [reader for reader in self.readers if path.is_relative_to(reader.root)]
        if owners:
            return max(owners, key=lambda reader: len(reader.root.parts))  # a root may lie in another
        raise BadLog(f"{path} lies under none of {self.root}")


def root_of(reader: LogReader, log: str) -> Path:
    """Under which root ``log`` lies."""
    return reader._owners()[log].root if isinstance(reader, SeveralReaders) else reader.root


@lru_cache(maxsize=4)
def _owners(readers: tuple[LogReader, ...]) -> dict[str, LogReader]:
    """Log -> its reader. Listed once per process: asked for one by one, ten thousand logs would be listed as often."""
    owners: dict[str, LogReader] = {}
    for reader in readers:
        for log_id in reader.log_ids():
            if log_id in owners:
                raise BadLog(
                    f"log {log_id!r} lies under {owners[log_id].root} and under {reader.root}, and a version knows "
                    "logs by their ids: rename one, or label the roots into two versions"
                )
            owners[log_id] = reader
    return owners
