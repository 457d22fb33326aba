"""A version, a log and its truth, joined once: frames in time, each with its labels, its scan and its truth.

Everything of a frame is read when it is asked for, and once. Who scores, exports or compares is a small client of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.labels import LabelSource
from occlabel.pipeline.published.same_drive import refuse_other_drive
from occlabel.schemas.drive_log import DriveLog, Frame, LogReader, PointTruth, VoxelTruth
from occlabel.schemas.errors import BadLog, BadPredictions, BadRecipe
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.schemas.taxonomy_map import STRAY, TaxonomyMap, map_between
from occlabel.stages.ingest.truth import TruthSource
from occlabel.stages.ingest.voxel_truth import truth_space

T = TypeVar("T", bound=np.generic)
_ASIDE = 1e-6
"""Of a voxel."""


@dataclass(frozen=True)
class Join:
    """What the frames of all logs have in common: the labels, the truth, the logs, and how classes are called."""

    labels: LabelSource
    target: LabelSpace
    """The label space of the truth, or of a benchmark: that is how labels are looked at."""
    classes: TaxonomyMap
    truth: TruthSource | None = None
    reader: LogReader | None = None
    may_lie_lower: bool = False
    """Whether the target may lie up to a voxel lower than its grid says, as some releases of SemanticKITTI do: files do
    not say how high they lie. Labels over a grid that lies there are taken for voxels of such a release."""

    @property
    def same_grid(self) -> bool:
        """Whether labels lie in the voxels of the target."""
        own, other = self.labels.space.grid, self.target.grid
        alike = (own.shape, own.voxel_size, own.frame) == (other.shape, other.voxel_size, other.frame)
        apart = np.subtract(own.origin, other.origin) / own.voxel_size
        lowest = (-0.01, -0.01, -1.01 if self.may_lie_lower else -0.01)
        return alike and bool(((lowest < apart) & (apart < 0.01)).all())

    @property
    def scored_grid(self) -> Grid:
        """Where ``LabelledFrame.seen`` lies: the target's voxels, by the labels' origin where they are the same."""
        return self.labels.space.grid if self.same_grid else self.target.grid


def join(
    labels: LabelSource,
    target: LabelSpace,
    truth: TruthSource | None = None,
    reader: LogReader | None = None,
    told: dict[str, str | None] | None = None,
) -> Join:
    """``told`` is what a map file says of classes that have no namesake. Raises BadRecipe as ``map_between`` does."""
    classes = map_between(labels.space.taxonomy, target.taxonomy, told)
    return Join(labels, target, classes, truth, reader, may_lie_lower=target is truth_space("semantickitti"))


@dataclass(frozen=True)
class Seen:
    """Labels over the voxels of the target."""

    semantics: NDArray[np.uint8]
    """[x, y, z] in classes of the target. What is not known is free, as it is exported; UNKNOWN is where the labels
    have no say: outside of their grid, and where their class is none of the target's."""
    counted: NDArray[np.bool_] | None
    """[x, y, z]: where they have one; None: everywhere."""

    def within(self, scored: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """[x, y, z]: which of the ``scored`` voxels they have a say in."""
        return scored if self.counted is None else scored & self.counted


class LabelledFrame:
    """One labelled frame. ``frame`` is that of the log, None where there are no logs."""

    def __init__(self, joined: Join, log: str, name: str, frame: Frame | None) -> None:
        self.joined, self.log, self.name, self.frame = joined, log, name, frame

    def anew(self) -> LabelledFrame:
        """The same frame, of which nothing was read yet: so that no volume is kept for longer than it is used."""
        return LabelledFrame(self.joined, self.log, self.name, self.frame)

    @property
    def where(self) -> str:
        """What sentences call it."""
        return self.joined.labels.where(self.log, self.name)

    @property
    def grid(self) -> Grid:
        """Of the labels."""
        return self.joined.labels.space.grid

    @cached_property
    def semantics(self) -> NDArray[np.uint8]:
        """[x, y, z] in the labels' own space, UNKNOWN included."""
        return self.joined.labels.semantics(self.log, self.name)

    @cached_property
    def confidence(self) -> NDArray[np.uint8] | None:
        """[x, y, z] in the labels' own grid."""
        return self.joined.labels.confidence(self.log, self.name)

    @cached_property
    def instance(self) -> NDArray[np.uint16] | None:
        """[x, y, z] in the labels' own grid."""
        return self.joined.labels.instance(self.log, self.name)

    @cached_property
    def flow(self) -> NDArray[np.float16] | None:
        """[x, y, z, 3] in the labels' own grid."""
        return self.joined.labels.flow(self.log, self.name)

    @cached_property
    def observed(self) -> NDArray[np.uint8] | None:
        """[x, y, z] in the labels' own grid."""
        return self.joined.labels.observed(self.log, self.name)

    @property
    def has_instance(self) -> bool:
        return self.joined.labels.has_instance(self.log, self.name)

    @cached_property
    def mapped(self) -> NDArray[np.uint8]:
        """[x, y, z] in the labels' own grid and the target's classes: UNKNOWN where nothing is known, and where a class
        is none of the target's."""
        mapped = self.joined.classes.table[self.semantics]
        if not self.joined.labels.may_be_unknown:
            mapped[self.semantics == UNKNOWN] = STRAY
        return mapped

    @cached_property
    def classes(self) -> NDArray[np.uint8]:
        """The same, and free where nothing is known, as it is exported."""
        if not self.joined.labels.may_be_unknown:
            return self.mapped
        return np.where(self.semantics == UNKNOWN, np.uint8(self.joined.target.taxonomy.free_id), self.mapped)

    @cached_property
    def seen(self) -> Seen:
        """The labels over the target's voxels. Raises BadPredictions when nobody says how its grid lies to theirs."""
        looked = self.in_target(self.classes, np.uint8(UNKNOWN))
        everywhere = self.joined.same_grid and not self.joined.classes.left_out
        return Seen(looked, None if everywhere else looked != UNKNOWN)

    def in_target(self, own: NDArray[T], outside: T) -> NDArray[T]:
        """A volume over the labels' grid, over the target's: each voxel has the value at its centre."""
        if self.joined.same_grid:
            return own
        cells, inside = self._cells
        result = np.full(len(inside), outside, own.dtype)
        result[inside] = own[tuple(cells[inside].T)]
        return result.reshape(self.joined.target.grid.shape)

    def vectors_in_target(self, own: NDArray[np.float16]) -> NDArray[np.floating[Any]]:
        """Vectors [x, y, z, 3] along the axes of the labels' grid, over the target's grid and along its axes; NaN
        outside."""
        moved = np.stack([self.in_target(own[..., axis], np.float16(np.nan)) for axis in range(3)], axis=-1)
        return moved if self.joined.same_grid else moved @ self._own_from_target[:3, :3]

    @cached_property
    def _cells(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The labels' voxel [n, 3] that holds the centre of each of the target's, and whether one does [n]. Centres of
        voxels twice as large are borders of these: rounding must not say on which side they lie."""
        centres = self.joined.target.grid.centres().reshape(-1, 3)
        return self.grid.cells(transform_points(self._own_from_target, centres) + _ASIDE * self.grid.voxel_size)

    @cached_property
    def voxel_truth(self) -> VoxelTruth:
        """Raises DamagedFile."""
        assert self.joined.truth is not None  # only frames of the truth are asked
        return self.joined.truth.voxels(self.log, self.name)

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The scan [n, 3] in the frame of the labels' grid [m]. Raises BadLog for a frame without one, DamagedFile for
        one that cannot be read."""
        if self.frame is None or self.frame.sweep is None or self.joined.reader is None:
            raise BadLog(f"log {self.log}, frame {self.name} has no scan")
        grid_from_lidar = inverse(self.frame.ego_from_grid(self.grid)) @ self.frame.sweep.ego_from_lidar
        return transform_points(grid_from_lidar, self.joined.reader.points(self.frame.sweep))

    @cached_property
    def point_truth(self) -> PointTruth | None:
        """Of ``points``, in the target's classes. Raises DamagedFile; BadRecipe when it is in others."""
        if self.frame is None or self.joined.reader is None:
            return None
        truth, target = self.joined.reader.point_truth(self.frame, len(self.points)), self.joined.target.taxonomy
        if truth is not None and truth.taxonomy.names != target.names:
            raise BadRecipe(
                f"the labels of the points of log {self.log} are in the classes of {truth.taxonomy.name}, and those of "
                f"{target.name} were asked for; choose the --format that the logs are in"
            )
        return truth

    @property
    def world_from_grid(self) -> Matrix | None:
        """[4, 4] from the labels' grid: by the pose that they were made with, the log's where nobody says."""
        known = self.joined.labels.world_from_grid(self.log, self.name)
        if known is None and self.frame is not None:
            return self.frame.world_from_grid(self.grid)
        return known

    @property
    def _own_from_target(self) -> Matrix:
        own, target = self.grid, self.joined.target.grid
        if own.frame == target.frame:
            return np.eye(4)
        if self.frame is None:
            raise BadPredictions(
                f"{self.where}: its grid is fixed to the {own.frame} frame, that of the truth to the {target.frame} "
                "frame, and without the logs nobody says how these lie; give the root of the logs as truth"
            )
        return inverse(self.frame.ego_from_grid(own)) @ self.frame.ego_from_grid(target)


@dataclass(frozen=True)
class LabelledLog:
    """The frames of one log that have both labels and what was asked for."""

    id: str
    log: DriveLog | None
    """The drive log; None where the truth stands alone."""
    names: tuple[str, ...]
    """Of the frames, in time."""
    missing: int
    """Frames that lack labels."""
    unasked: tuple[str, ...]
    """Names of frames that have labels and were not asked for, as far as that is known."""
    joined: Join

    def places(self) -> dict[str, Matrix]:
        """Frame of the log -> [4, 4] from its world, as the frame's own pose places it, to the world of the poses that
        the labels were made with; without the frames of which nobody says. One who looks from frame to frame sees still
        what the labels hold still by it."""
        result = {}
        for frame in self.log.frames if self.log is not None else ():
            logged = frame.world_from_grid(self.joined.labels.space.grid)
            if logged is None or not self.joined.labels.has(self.id, frame.name):
                continue
            known = self.joined.labels.world_from_grid(self.id, frame.name)
            if known is not None:
                result[frame.name] = known @ inverse(logged)
        return result

    def frames(self) -> Iterator[LabelledFrame]:
        """One at a time: what was read of a frame is let go with it."""
        frames = {} if self.log is None else {frame.name: frame for frame in self.log.frames}
        for name in self.names:
            yield LabelledFrame(self.joined, self.id, name, frames.get(name))


def labelled_log(joined: Join, log: str, names: list[str], drive: DriveLog | None) -> LabelledLog:
    """Of the frames ``names``, in time, those that have labels. Raises BadLog for the log of another drive."""
    if drive is not None and joined.reader is not None:
        refuse_other_drive(drive, joined.reader.root, joined.labels.scan_bytes(log))
    there = tuple(name for name in names if joined.labels.has(log, name))
    asked = set(names)
    unasked = tuple(name for name in joined.labels.names(log) if name not in asked)
    return LabelledLog(log, drive, there, len(names) - len(there), unasked, joined)


def drive_log(reader: LogReader | None, log: str) -> DriveLog | None:
    """The log, None where the reader has none of that id."""
    if reader is None or log not in reader.log_ids():
        return None
    return next(iter(reader.logs([log])))
