"""The trajectory table: where every object of a log was, and how it moved, one row per object and frame."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Trajectories:
    """n rows, by track and then by frame. World frame."""

    track: NDArray[np.uint32]
    """[n]: 1, 2, 3, ... in the order in which tracks begin."""
    frame: NDArray[np.int64]
    """[n]: index in the log."""
    time: NDArray[np.float64]
    """[n]: seconds, on the log's clock."""
    place: NDArray[np.float64]
    """[n, 3]: middle of the object's box [m] (``whole_boxes``); NaN in a frame without a pose."""
    velocity: NDArray[np.float64]
    """[n, 3]: smoothed [m/s]; 0 of what does not move, NaN of what was seen in fewer than three frames, which nobody
    knows."""
    cut: NDArray[np.bool_]
    """[n]: whether the object reaches the border of the grid sideways, so that its place is that of a part of it."""
    moving: NDArray[np.bool_]
    """[n]: whether the object ever moves (``motion.has_moved``), the same in all its rows."""
    class_id: NDArray[np.uint8]
    """[n]: the class of most voxels over the object's life, the same in all its rows."""

    def __len__(self) -> int:
        return len(self.track)


def concatenated(parts: list[Trajectories]) -> Trajectories:
    """The rows of ``parts`` as one table, in its order."""
    if not parts:
        none = np.zeros((0, 3))
        return Trajectories(
            np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0), none, none,
            np.zeros(0, bool), np.zeros(0, bool), np.zeros(0, np.uint8),
        )  # fmt: skip
    columns = [np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Trajectories)]
    order = np.lexsort((columns[1], columns[0]))
    return Trajectories(*(column[order] for column in columns))
