"""The reader of a package: whatever goes wrong in it is a sentence that names its entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera, DriveLog, Frame, LogReader, PointTruth, Sweep, VoxelTruth, refuse_no_scan
from occlabel.schemas.errors import BadLog, Ended, OcclabelError
from occlabel.schemas.geometry import Matrix

_ASKED = ("root", "log_ids", "logs", "stamp")
"""What every command asks of a reader; who lacks the rest cannot be asked for images or truth."""


def opened(kind: Callable[[Path], LogReader], where: str, root: Path) -> LogReader:
    """The reader that ``kind`` makes of ``root``; ``where`` is what sentences call it. Raises BadLog when it makes
    none."""
    with _told(where, f"to open {root}"):
        reader = kind(root)
        lacking = [name for name in _ASKED if not hasattr(reader, name)]
    if lacking:
        raise BadLog(f"{where} is no whole reader: it has no {', '.join(lacking)}")
    return BroughtReader(reader, where)


@contextmanager
def _told(where: str, what: str, passed: type[Exception] = OcclabelError) -> Iterator[None]:
    """Raises BadLog for what a package raises that is no sentence when it is asked ``what``. Errors that are ``passed``
    are for others to judge."""
    try:
        yield
    except (OcclabelError, MemoryError, Ended, passed):
        raise
    except (Exception, SystemExit) as error:
        raise BadLog(f"{where} failed with {type(error).__name__}: {error} when it was asked {what}") from error


@dataclass(frozen=True, slots=True)
class BroughtReader:
    """Everything as ``reader`` has it. Raises BadLog, beside what it says itself, for whatever it fails with and for a
    log that is none. A file that the machine does not give (OSError) is tried again, so that error stays."""

    reader: LogReader
    where: str
    """What sentences call it."""

    @property
    def root(self) -> Path:
        return self.reader.root

    def log_ids(self) -> list[str]:
        with _told(self.where, "which logs there are"):
            return list(self.reader.log_ids())

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        asked = "for its logs" if ids is None else f"for log {', '.join(ids[:3])}"
        given = 0
        with _told(self.where, asked):
            for log in self.reader.logs(ids):
                self._refuse_odd(log)
                given += 1
                yield log
        if ids is not None and given < len(ids):
            raise BadLog(f"{self.where} gives {given} of {len(ids)} logs when it is asked {asked}")

    def stamp(self) -> str | None:
        with _told(self.where, "for its stamp"):
            return self.reader.stamp()

    def points(self, sweep: Sweep) -> NDArray[np.float32]:
        with _told(self.where, f"for the points of {sweep.path}", OSError):
            points = self.reader.points(sweep)
        refuse_no_scan(points, sweep)
        return points

    def image(self, camera: Camera) -> NDArray[np.uint8]:
        with _told(self.where, f"for the image {camera.where}", OSError):
            return self.reader.image(camera)

    def check_image(self, camera: Camera) -> None:
        with _told(self.where, f"for the image {camera.where}", OSError):
            self.reader.check_image(camera)

    def voxel_truth(self, frame: Frame) -> VoxelTruth | None:
        with _told(self.where, f"for the truth of frame {frame.name}", OSError):
            return self.reader.voxel_truth(frame)

    def point_truth(self, frame: Frame, points: int | None = None) -> PointTruth | None:
        with _told(self.where, f"for the truth of frame {frame.name}", OSError):
            return self.reader.point_truth(frame, points)

    def _refuse_odd(self, log: DriveLog) -> None:
        if not isinstance(log, DriveLog):
            raise BadLog(f"{self.where} gives {type(log).__name__} where a DriveLog is expected")
        if not log.frames:
            raise BadLog(f"log {log.id} has no frames: {self.where} gives none")
        for frame in log.frames:
            for name, matrix, size in _matrices(frame):
                if matrix is not None and (not isinstance(matrix, np.ndarray) or matrix.shape != (size, size)):
                    found = list(np.shape(matrix))
                    raise BadLog(
                        f"log {log.id}: {name} of frame {frame.name} is {type(matrix).__name__} {found}, expected an "
                        f"array [{size}, {size}]: {self.where} breaks its contract"
                    )


def _matrices(frame: Frame) -> Iterator[tuple[str, Matrix | None, int]]:
    """What each is called, and how large it must be."""
    yield "world_from_ego", frame.world_from_ego, 4
    if frame.sweep is not None:
        yield "ego_from_lidar", frame.sweep.ego_from_lidar, 4
    for camera in frame.cameras:
        yield f"ego_from_camera of {camera.name}", camera.ego_from_camera, 4
        yield f"intrinsics of {camera.name}", camera.intrinsics, 3
