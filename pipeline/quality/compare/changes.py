"""What changed from one version to another, voxel by voxel: counted a log at a time, read a frame at a time."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.diff.diff import equal_frames
from occlabel.pipeline.published.labelled_log import Join, LabelledFrame
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.schemas.arrays import INSTANCE, SEMANTICS
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.changes import pairs, shares
from occlabel.stages.evaluation.confusion import crop
from occlabel.stages.evaluation.object_changes import object_pairs
from occlabel.stages.evaluation.segments import Labels

WHOLE = "whole grid"
"""The range that is every voxel, whatever ranges the grid has."""


@dataclass
class LogChanges:
    """Counts of one log over the frames that both versions have."""

    frames: list[str]
    damaged: list[str]
    """A sentence for each frame of which one version's labels cannot be read."""
    ranges: dict[str, NDArray[np.int64]]
    """Range -> counts [class in a, class in b]; the last class is unknown."""
    by_frame: NDArray[np.int64]
    """[frames, 2]: voxels that changed and were or are occupied, and voxels that are occupied in either."""
    heat: NDArray[np.int64]
    """[x, y]: changed voxels of each column, over all frames."""
    with_objects: int
    """Frames in which both have instances."""
    objects: NDArray[np.int64]
    """[class in a, class in b] of the objects in those; the last class is none: not there."""
    ids: NDArray[np.int64]
    """[n, 2]: the distinct pairs of ids in a and in b of the objects in both; none unless both were tracked."""

    @staticmethod
    def none_of(space: LabelSpace) -> LogChanges:
        """Of no frame yet."""
        size = len(space.taxonomy.classes) + 1
        table, pairs_of_two = np.zeros((size, size), np.int64), np.zeros((0, 2), np.int64)
        ranges = {name: table.copy() for name in (WHOLE, *space.grid.ranges)}
        heat = np.zeros(space.grid.shape[:2], np.int64)
        return LogChanges([], [], ranges, pairs_of_two, heat, 0, table, pairs_of_two)

    def add(self, name: str, a: NDArray[np.uint8], b: NDArray[np.uint8], space: LabelSpace) -> None:
        """Counts the voxels of a frame, in the grid and the classes of ``space``."""
        classes = len(space.taxonomy.classes)
        whole = pairs(a, b, classes)
        self.ranges[WHOLE] += whole
        for box, part in space.grid.ranges.items():
            self.ranges[box] += pairs(crop(a, part), crop(b, part), classes)
        found = shares(whole, space.taxonomy.free_id)
        self.by_frame = np.vstack([self.by_frame, (found.changed_occupied, found.occupied)])
        self.frames.append(name)
        if b is not a:
            self.heat += (a != b).sum(axis=2)

    def add_objects(self, a: Labels, b: Labels) -> None:
        """Counts the objects of a frame."""
        found = object_pairs(a, b, len(self.objects) - 1)
        self.with_objects += 1
        self.objects += found.counts
        self.ids = np.unique(np.vstack([self.ids, found.ids]), axis=0)

    def to_bytes(self) -> bytes:
        about = {name: getattr(self, name) for name in ("frames", "damaged", "with_objects")}
        told = json.dumps(about | {"ranges": list(self.ranges)}).encode()
        arrays: dict[str, Any] = {name: getattr(self, name) for name in ("by_frame", "heat", "objects", "ids")}
        arrays["about"] = np.frombuffer(told, np.uint8)
        file = io.BytesIO()
        np.savez_compressed(file, **arrays, ranges=np.stack(list(self.ranges.values())))
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> LogChanges:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            ranges = dict(zip(about["ranges"], file["ranges"], strict=True))
            arrays = {name: file[name] for name in ("by_frame", "heat", "objects", "ids")}
            return LogChanges(**about | arrays | {"ranges": ranges})


@dataclass(frozen=True)
class Pair:
    """Labels of ``a``, and those of ``b`` joined to the label space of ``a``."""

    a: VersionLabels
    joined: Join

    @property
    def b(self) -> VersionLabels:
        assert isinstance(self.joined.labels, VersionLabels)  # see job.opened
        return self.joined.labels

    @cached_property
    def alike(self) -> bool:
        """Whether voxels and class ids of both mean the same."""
        mine, other = self.a.space, self.b.space
        return self.joined.same_grid and mine.taxonomy.names == other.taxonomy.names

    def common(self, log: str) -> list[str]:
        """Frames of the log that both have, in the order of ``a``."""
        return [name for name in self.a.names(log) if self.b.has(log, name)]

    def of_b(self, log: str, name: str) -> NDArray[np.uint8]:
        """The labels of ``b`` [x, y, z] in the grid and the classes of ``a``; UNKNOWN where they say nothing."""
        if self.alike:
            return self.b.semantics(log, name)
        frame = LabelledFrame(self.joined, log, name, None)
        return frame.in_target(frame.mapped, np.uint8(UNKNOWN))

    def instances(self, log: str, name: str, same: bool) -> tuple[NDArray[np.uint16], NDArray[np.uint16]] | None:
        """The objects of both [x, y, z] in the grid of ``a``; those of ``a`` twice where they are the ``same``. None
        unless both have some."""
        frame = LabelledFrame(self.joined, log, name, None)
        a = self.a.instance(log, name) if frame.has_instance else None
        if a is None or same:
            return None if a is None else (a, a)
        assert frame.instance is not None  # see above
        return a, frame.in_target(frame.instance, np.uint16(0))


def count_changes(pair: Pair, log: str) -> LogChanges:
    """A frame whose labels cannot be read costs that frame. What both published with the same digest is not read of
    ``b``: its values are those of ``a``. Raises StoreAway."""
    result = LogChanges.none_of(pair.a.space)
    same, same_objects = (
        equal_frames(pair.a.version, pair.b.version, log, array) if pair.alike else frozenset[str]()
        for array in (SEMANTICS, INSTANCE)
    )
    for name in pair.common(log):
        try:
            a = pair.a.semantics(log, name)
            b = a if name in same else pair.of_b(log, name)
            instances = pair.instances(log, name, name in same_objects)
        except StoreAway:
            raise
        except StoreError as error:
            result.damaged.append(f"log {log}, frame {name}: {error}")
            continue
        result.add(name, a, b, pair.a.space)
        if instances is not None:
            result.add_objects(Labels(a, instances[0]), Labels(b, instances[1]))
    if not (pair.a.tracked and pair.b.tracked):
        result.ids = result.ids[:0]
    return result


def has_semantics(labels: VersionLabels) -> bool:
    return SEMANTICS.name in labels.version.info.arrays
