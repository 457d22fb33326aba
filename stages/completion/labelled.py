"""Frames of logs to learn from: each with its sweep, its truth, and the sweeps of the frames around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import inverse
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.truth import learnable_truth
from occlabel.stages.sensing.scan import Scan, moved, scan_in_grid


@dataclass(frozen=True, slots=True)
class Labelled:
    """Frames that have a sweep and voxel truth, with the reader that opens them."""

    reader: LogReader
    frames: tuple[Frame, ...]
    space: LabelSpace
    around: tuple[tuple[Frame, ...], ...]
    """Of each frame, the other frames of its log that have a sweep and a pose, the nearest in time first; none for a
    frame without a pose."""

    @staticmethod
    def of_logs(reader: LogReader, logs: Sequence[DriveLog], space: LabelSpace) -> Labelled:
        """The frames of ``logs`` that can be learned from."""
        pairs = [(frame, _around(frame, log)) for log in logs for frame in usable(log)]
        return Labelled(reader, tuple(f for f, _ in pairs), space, tuple(a for _, a in pairs))

    @property
    def grid(self) -> Grid:
        return self.space.grid

    def scan(self, index: int) -> Scan:
        return self._scan(self.frames[index])

    def others(self, index: int, which: Sequence[int]) -> list[Scan]:
        """The sweeps of some frames around frame ``index``, numbered as in ``around``, where that frame sees them."""
        own = self.frames[index].world_from_grid(self.grid)
        result = []
        for frame in (self.around[index][n] for n in which):
            place = frame.world_from_grid(self.grid)
            assert own is not None and place is not None  # see ``around``
            result.append(moved(self._scan(frame), inverse(own) @ place))
        return result

    def truth(self, index: int) -> NDArray[np.uint8]:
        """Class ids [X, Y, Z] of the space; UNKNOWN where nothing is to be learned, because it was never seen."""
        return learnable_truth(self.reader, self.frames[index], self.space)

    def _scan(self, frame: Frame) -> Scan:
        assert frame.sweep is not None
        return scan_in_grid(frame.moment, self.reader.points(frame.sweep), self.grid)


def split_by_log(reader: LogReader, space: LabelSpace, every: int) -> tuple[Labelled, Labelled, list[DriveLog]]:
    """Frames to learn from, frames held out, and the logs. Every ``every``-th log, in the order of ids, is held out.

    Raises BadLog when fewer than two logs have frames with a sweep and voxel truth.
    """
    logs = [log for log in reader.logs() if usable(log)]
    if len(logs) < 2:
        raise BadLog(
            f"{reader.root} has {len(logs)} logs with LiDAR and voxel truth; training needs at least two, "
            "one of them held out (occlabel simulate writes such logs)"
        )
    held_out = logs[every - 1 :: every] or logs[-1:]
    learned = [log for log in logs if log not in held_out]
    return Labelled.of_logs(reader, learned, space), Labelled.of_logs(reader, held_out, space), logs


def usable(log: DriveLog) -> list[Frame]:
    """The frames that have a sweep and voxel truth."""
    return [frame for frame in log.frames if frame.sweep is not None and frame.truth.voxels is not None]


def _around(frame: Frame, log: DriveLog) -> tuple[Frame, ...]:
    if frame.world_from_ego is None:
        return ()
    others = [f for f in log.frames if f is not frame and f.sweep is not None and f.world_from_ego is not None]
    return tuple(sorted(others, key=lambda other: abs(other.time - frame.time)))
