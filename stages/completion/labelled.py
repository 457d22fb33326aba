"""Frames of logs to learn from: each with its sweep, what a teacher says of it, and the sweeps of frames around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import inverse
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.stages.completion.teacher import Ask, Lesson, Teacher, VoxelTeacher
from occlabel.stages.sensing.painted_scan import painted_scan
from occlabel.stages.sensing.painting import SegmentImage
from occlabel.stages.sensing.scan import Scan, moved, scan_in_grid

_FEW_LOGS = 5
"""Of fewer logs none is held out whole: it would be a fifth of what there is to learn, or more."""
_HELD_OUT_SHARE = 5
"""One frame in so many of each log is held out instead, the last in time."""


Images = Callable[[Frame], Sequence[SegmentImage]]
"""The segments of the images of a frame, of cameras whose calibration is known."""


@dataclass(frozen=True, slots=True)
class Pupil:
    """A frame to learn from."""

    frame: Frame
    ask: Ask
    """What is to be learned of it."""
    around: tuple[Frame, ...]
    """The other frames of its log that have a sweep and a pose, the nearest in time first; none for a frame without a
    pose."""
    reader: LogReader
    """Opens all of them."""
    believed: bool = False
    """Whether nobody checked what is to be learned of it."""
    images: Images | None = None
    """What images say of any of these frames, where they are asked."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Frames that have a sweep and a lesson, of logs of any number of roots."""

    pupils: tuple[Pupil, ...]
    space: LabelSpace
    weighed: bool = False
    """Whether some of their lessons say how much a voxel counts."""

    @staticmethod
    def of_logs(
        reader: LogReader, logs: Sequence[DriveLog], space: LabelSpace, teacher: Teacher | None = None
    ) -> Labelled:
        """The frames of ``logs`` that ``teacher`` knows something of; by default, those with voxel truth."""
        teacher = teacher or VoxelTeacher(reader, space)
        lessons = ((frame, ask, _around(frame, log)) for log in logs for frame, ask in teacher.lessons(log))
        return Labelled(tuple(Pupil(*one, reader, teacher.believed) for one in lessons), space, teacher.weighs)

    def __add__(self, other: Labelled) -> Labelled:
        """The frames of both, which are in one space."""
        return Labelled(self.pupils + other.pupils, self.space, self.weighed or other.weighed)

    def __len__(self) -> int:
        return len(self.pupils)

    @property
    def grid(self) -> Grid:
        return self.space.grid

    def taught(self, changed: Callable[[Pupil], Ask]) -> Labelled:
        """The same frames with other lessons, which say how much a voxel counts."""
        return replace(self, pupils=tuple(replace(p, ask=changed(p)) for p in self.pupils), weighed=True)

    def shown(self, images: Images) -> Labelled:
        """The same frames, whose sweeps are painted with what ``images`` say."""
        return replace(self, pupils=tuple(replace(p, images=images) for p in self.pupils))

    @property
    def painted_classes(self) -> int:
        """Of the paint of their sweeps, as ``lidar_volume`` has it."""
        return len(self.space.taxonomy.classes) if any(p.images is not None for p in self.pupils) else 0

    def scan(self, index: int) -> Scan:
        return self._scan(self.pupils[index].frame, index)

    def there(self, index: int) -> int:
        """How many other sweeps there are around frame ``index``."""
        return len(self.pupils[index].around)

    def others(self, index: int, which: Sequence[int]) -> list[Scan]:
        """The sweeps of some frames around frame ``index``, numbered as in ``around``, where that frame sees them."""
        pupil = self.pupils[index]
        own = pupil.frame.world_from_grid(self.grid)
        result = []
        for frame in (pupil.around[n] for n in which):
            place = frame.world_from_grid(self.grid)
            assert own is not None and place is not None  # see ``around``
            result.append(moved(self._scan(frame, index), inverse(own) @ place))
        return result

    def lesson(self, index: int) -> Lesson:
        return self.pupils[index].ask()

    def truth(self, index: int) -> NDArray[np.uint8]:
        """Class ids [X, Y, Z] of the space; UNKNOWN where nothing is to be learned."""
        return self.lesson(index).semantics

    def _scan(self, frame: Frame, index: int) -> Scan:
        assert frame.sweep is not None
        points, images = self.pupils[index].reader.points(frame.sweep), self.pupils[index].images
        if images is None:
            return scan_in_grid(frame.moment, points, self.grid)
        return painted_scan(frame.moment, points, images(frame), self.grid)


@dataclass(frozen=True, slots=True)
class Split:
    """What is learned from, and what is held out."""

    learned: Labelled
    held_out: Labelled
    logs: tuple[DriveLog, ...]
    remark: str = ""
    """How the frames that are held out were chosen, where it is not as always."""

    def shown(self, images: Images) -> Split:
        """See ``Labelled.shown``."""
        return replace(self, learned=self.learned.shown(images), held_out=self.held_out.shown(images))


def split_by_log(
    reader: LogReader, space: LabelSpace, every: int, teacher: Teacher | None = None
) -> tuple[Labelled, Labelled, list[DriveLog]]:
    """Frames to learn from, frames held out, and the logs. Every ``every``-th log, in the order of ids, is held out.

    Raises BadLog when fewer than two logs have frames that ``teacher`` knows something of.
    """
    teacher = teacher or VoxelTeacher(reader, space)
    logs = [log for log in reader.logs() if teacher.lessons(log)]
    if len(logs) < 2:
        raise BadLog(
            f"{reader.root} has {len(logs)} logs with LiDAR and {teacher.what}; training needs at least two, "
            "one of them held out (occlabel simulate writes such logs)"
        )
    held_out = logs[every - 1 :: every] or logs[-1:]
    learned = [log for log in logs if log not in held_out]
    parts = (Labelled.of_logs(reader, part, space, teacher) for part in (learned, held_out))
    return next(parts), next(parts), logs


def split_few(reader: LogReader, space: LabelSpace, every: int, teacher: Teacher) -> Split:
    """The same where there may be few logs: of fewer than five the last fifth of the frames of each is held out.

    Raises BadLog when there are fewer than two frames that ``teacher`` knows something of.
    """
    logs = [log for log in reader.logs() if teacher.lessons(log)]
    if len(logs) >= _FEW_LOGS:
        learned, held_out, logs = split_by_log(reader, space, every, teacher)
        return Split(learned, held_out, tuple(logs))
    parts = [Labelled.of_logs(reader, [log], space, teacher) for log in logs]
    frames = sum(map(len, parts))
    if frames < 2:
        raise BadLog(
            f"{reader.root} has {frames or 'no'} frame{'' if frames == 1 else 's'} with LiDAR and {teacher.what}; "
            "training needs at least two, one of them held out; --truth none learns without labels"
        )
    nothing = Labelled((), space, teacher.weighs)
    learned, held_out = nothing, nothing
    for part in parts:
        kept = min(len(part) - len(part) // _HELD_OUT_SHARE, len(part) - (len(parts) == 1))
        learned += replace(part, pupils=part.pupils[:kept])
        held_out += replace(part, pupils=part.pupils[kept:])
    if not len(held_out):  # a frame or two of each of some logs
        learned, held_out = (replace(learned, pupils=part) for part in (learned.pupils[:-1], learned.pupils[-1:]))
    count = "the log" if len(logs) == 1 else f"each of the {len(logs)} logs"
    return Split(learned, held_out, tuple(logs), f"the last frames of {count}, {len(held_out)} of {frames}")


def _around(frame: Frame, log: DriveLog) -> tuple[Frame, ...]:
    if frame.world_from_ego is None:
        return ()
    others = [f for f in log.frames if f is not frame and f.sweep is not None and f.world_from_ego is not None]
    return tuple(sorted(others, key=lambda other: abs(other.time - frame.time)))
