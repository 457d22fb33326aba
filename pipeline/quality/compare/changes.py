"""What changed from one version to another, voxel by voxel: counted a log at a time, read a frame at a time."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.published.diff.diff import equal_semantics
from occlabel.pipeline.published.labelled_log import Join, LabelledFrame
from occlabel.pipeline.published.labels import VersionLabels
from occlabel.schemas.arrays import SEMANTICS
from occlabel.schemas.errors import StoreAway, StoreError
from occlabel.stages.evaluation.changes import pairs, shares
from occlabel.stages.evaluation.confusion import crop

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

    def to_bytes(self) -> bytes:
        about = json.dumps({"frames": self.frames, "damaged": self.damaged, "ranges": list(self.ranges)}).encode()
        arrays: dict[str, Any] = {"about": np.frombuffer(about, np.uint8), "by_frame": self.by_frame, "heat": self.heat}
        file = io.BytesIO()
        np.savez_compressed(file, **arrays, ranges=np.stack(list(self.ranges.values())))
        return file.getvalue()

    @staticmethod
    def from_bytes(content: bytes) -> LogChanges:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            about = json.loads(file["about"].tobytes())
            ranges = dict(zip(about["ranges"], file["ranges"], strict=True))
            return LogChanges(about["frames"], about["damaged"], ranges, file["by_frame"], file["heat"])


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
        return frame.in_target(frame.mapped, np.uint8(255))


def count_changes(pair: Pair, log: str) -> LogChanges:
    """A frame whose labels cannot be read costs that frame. Where both published the same digest, ``b`` is not read:
    its values are those of ``a``. Raises StoreAway."""
    grid, classes = pair.a.space.grid, len(pair.a.space.taxonomy.classes)
    free = pair.a.space.taxonomy.free_id
    boxes = {WHOLE: ((0, grid.shape[0]), (0, grid.shape[1])), **grid.ranges}
    size = classes + 1
    result = LogChanges([], [], {name: np.zeros((size, size), np.int64) for name in boxes}, np.zeros((0, 2), np.int64),
                        np.zeros(grid.shape[:2], np.int64))  # fmt: skip
    same = equal_semantics(pair.a.version, pair.b.version, log) if pair.alike else frozenset()
    rows = []
    for name in pair.common(log):
        try:
            a = pair.a.semantics(log, name)
            b = a if name in same else pair.of_b(log, name)
        except StoreAway:
            raise
        except StoreError as error:
            result.damaged.append(f"log {log}, frame {name}: {error}")
            continue
        counted = {box: pairs(crop(a, part), crop(b, part), classes) for box, part in boxes.items()}
        for box, count in counted.items():
            result.ranges[box] += count
        found = shares(counted[WHOLE], free)
        rows.append((found.changed_occupied, found.occupied))
        result.frames.append(name)
        if b is not a:
            result.heat += (a != b).sum(axis=2)
    result.by_frame = np.array(rows, np.int64).reshape(-1, 2)
    return result


def has_semantics(labels: VersionLabels) -> bool:
    return SEMANTICS.name in labels.version.info.arrays
