"""Onboard labels of consecutive frames as the network takes them: padded, with coordinates, looked up in each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.propagation.coordinates import index_from_index, look_up, relative_coordinates
from occlabel.stages.propagation.encoder import SCALE
from occlabel.stages.propagation.windows import Window

Bytes = NDArray[np.uint8]
Around = tuple[NDArray[np.int32], NDArray[np.float32]]
"""Kinds and confidence of a ``Surroundings``."""


def padded(grid: Grid) -> Grid:
    """The grid with as many columns more along x and y as the encoder needs to halve it."""
    x, y, z = grid.shape
    return grid.box(grid.origin, (-(-x // SCALE) * SCALE, -(-y // SCALE) * SCALE, z))


@dataclass(frozen=True, slots=True)
class Glimpse:
    """The frames of one window, in the window's order: the refined first."""

    grid: Grid
    """Of the labels; a multiple of ``SCALE`` columns along x and y."""
    classes: int
    labels: Bytes
    """[T, X, Y, Z] class ids, UNKNOWN where there is none."""
    confidence: Bytes
    """[T, X, Y, Z]."""
    poses: tuple[Matrix, ...]
    """world_from_grid; a window of one frame without a pose holds the identity."""
    times: tuple[float, ...]
    """Seconds."""
    refined: int
    """How many of the frames, from the first, are refined."""

    @property
    def pivot(self) -> int:
        return self.refined // 2

    def coordinates(self) -> NDArray[np.float32]:
        """[T, COORDINATES, X / SCALE, Y / SCALE] relative to the pivot (equation 1)."""
        cells = (self.grid.shape[0] // SCALE, self.grid.shape[1] // SCALE)
        pivot_from_world = inverse(self.poses[self.pivot])
        return np.stack([relative_coordinates(pivot_from_world @ pose, self.grid, cells) for pose in self.poses])

    def moments(self) -> NDArray[np.float32]:
        """Seconds after the pivot [T]."""
        return np.array([time - self.times[self.pivot] for time in self.times], np.float32)

    def around(self, frame: int, corners: NDArray[np.int64], size: tuple[int, int]) -> Around:
        """What all frames hold in and around patches of ``size`` columns of ``frame``, whose own labels come first.

        ``corners`` [patches, 2] are the first columns, in ``frame``.
        """
        order, maps = self.maps(frame)
        shape = (len(corners), size[0] + 2, size[1] + 2, self.grid.shape[2], len(order))
        kinds, weights = np.empty(shape, np.int32), np.empty(shape, np.float32)
        look_up(self.labels, self.confidence, order, maps, corners - 1, self.classes, kinds, weights)
        return kinds, weights

    def maps(self, frame: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The frames in the order in which ``frame`` looks at them, itself first, and [T, 3, 4] from its voxel index to
        theirs."""
        order = [frame, *(other for other in range(len(self.poses)) if other != frame)]
        world_from_frame = self.poses[frame]
        moved = (inverse(self.poses[other]) @ world_from_frame for other in order)
        return np.array(order), np.stack([index_from_index(each, self.grid) for each in moved])


def glimpse(
    window: Window,
    labels: Bytes,
    confidence: Bytes,
    poses: Sequence[Matrix | None],
    times: Sequence[float],
    grid: Grid,
    classes: int,
) -> Glimpse:
    """The frames of ``window`` from arrays [frame, X, Y, Z] over ``grid`` and what belongs to their rows."""
    wide = padded(grid)
    rows = list(window.frames)
    more = [(0, 0), *((0, big - small) for big, small in zip(wide.shape, grid.shape, strict=True))]
    placed = tuple(np.eye(4) if (pose := poses[row]) is None else pose for row in rows)
    return Glimpse(
        wide,
        classes,
        np.pad(labels[rows], more, constant_values=UNKNOWN),
        np.pad(confidence[rows], more),
        placed,
        tuple(times[row] for row in rows),
        len(window.local),
    )


def kinds(labels: torch.Tensor, confidence: torch.Tensor, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels uint8 as int64 with UNKNOWN as the last kind, and confidence uint8 as 0..1, 0 where UNKNOWN."""
    known = labels < classes
    return torch.where(known, labels, classes).long(), torch.where(known, confidence, 0).float() / 255
