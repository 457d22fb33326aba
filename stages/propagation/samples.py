"""Training samples: crops of windows of onboard labels, with the truth of some columns of the refined frames."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.learning.rarity import Sought, any_voxel, drawn_by_worth
from occlabel.stages.propagation.encoder import SCALE
from occlabel.stages.propagation.head import BLOCK
from occlabel.stages.propagation.sequence import Bytes, Glimpse, glimpse
from occlabel.stages.propagation.windows import Reach, Window, windows

_FOCUSED = 0.5
"""Share of the crops that lie around a voxel of a class that is looked for."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """The frames of one log that has onboard labels and truth."""

    poses: Sequence[Matrix | None]
    """world_from_grid."""
    times: Sequence[float]
    """Seconds."""
    onboard: Callable[[int], tuple[Bytes, Bytes]]
    """Semantics and confidence [X, Y, Z] of a frame."""
    truth: Callable[[int], Bytes]
    """Class ids [X, Y, Z] of a frame, UNKNOWN where nothing is to be learned."""


@dataclass(frozen=True, slots=True)
class Views:
    """All windows of some logs."""

    logs: tuple[Labelled, ...]
    windows: tuple[tuple[int, Window], ...]
    """Log and window."""
    grid: Grid
    classes: int

    def glimpse(self, number: int) -> Glimpse:
        """The frames of a window, their arrays loaded."""
        log_number, window = self.windows[number]
        log = self.logs[log_number]
        volumes = [log.onboard(row) for row in window.frames]
        labels, confidence = (np.stack([pair[i] for pair in volumes]) for i in (0, 1))
        rows = range(len(window.frames))
        loaded = Window(tuple(rows[: len(window.local)]), tuple(rows[len(window.local) :]))
        poses, times = [log.poses[row] for row in window.frames], [log.times[row] for row in window.frames]
        return glimpse(loaded, labels, confidence, poses, times, self.grid, self.classes)

    def truth(self, number: int, frame: int) -> Bytes:
        """Truth [X, Y, Z] of one frame of a window; UNKNOWN where the padded grid is wider than the logs'."""
        log_number, window = self.windows[number]
        truth = self.logs[log_number].truth(window.frames[frame])
        wide = (-(-size // SCALE) * SCALE - size for size in truth.shape[:2])
        return np.pad(truth, [*((0, more) for more in wide), (0, 0)], constant_values=UNKNOWN)


def views(logs: Sequence[Labelled], grid: Grid, classes: int, reach: Reach) -> Views:
    """The whole windows of ``logs``: those with as many frames as ``reach`` asks for."""
    found = [
        (number, window)
        for number, log in enumerate(logs)
        for window in windows(0, slice(0, len(log.poses)), log.poses, grid, reach)
        if len(window.local) == reach.local and len(window.reference) == reach.references
    ]
    return Views(tuple(logs), tuple(found), grid, classes)


class Crops(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: window, flips, crop and columns are drawn from (seed, n) alone.

    A sample holds ``labels``, ``confidence`` uint8 [T, x, y, Z] of the crop, the same columns of each frame's grid;
    ``coordinates`` [T, COORDINATES, x / SCALE, y / SCALE], ``times`` [T]; and of each refined frame ``cells`` int64
    [refined, patches] (index among the crop's blocks), ``around`` int32 and ``sure`` float32 [refined, patches,
    BLOCK + 2, BLOCK + 2, Z, T] and ``target`` uint8 [refined, patches, BLOCK, BLOCK, Z], where of ``thinning`` free
    voxels all but one are UNKNOWN.
    """

    def __init__(
        self, seen: Views, crop: int, patches: int, free_id: int, thinning: int, sought: Sought, seed: int
    ) -> None:
        """What is ``sought`` are pivots of windows."""
        self.seen = seen
        self.crop = crop
        self.patches = patches
        self.free_id = free_id
        self.thinning = thinning
        self.sought = sought
        self.seed = seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        round_, place = divmod(number, len(self.seen.windows))
        index = int(np.random.default_rng([self.seed, 0, round_]).permutation(len(self.seen.windows))[place])
        draw = np.random.default_rng([self.seed, 1, number])
        sought = self.sought.drawn(draw) if draw.random() < _FOCUSED else None
        index = index if sought is None else sought[0]
        flips = [axis for axis in (0, 1) if draw.random() < 0.5]
        glimpse = _flipped(self.seen.glimpse(index), flips)
        truths = [np.flip(self.seen.truth(index, frame), flips) for frame in range(glimpse.refined)]
        corner, size = self._crop(truths[glimpse.pivot], None if sought is None else sought[1], draw)
        window = tuple(slice(start, start + extent) for start, extent in zip(corner, size, strict=True))
        coarse = tuple(slice(part.start // SCALE, part.stop // SCALE) for part in window)
        frames = [self._columns(glimpse, frame, truths[frame], corner, size, draw) for frame in range(glimpse.refined)]
        arrays = {
            "labels": np.ascontiguousarray(glimpse.labels[:, window[0], window[1]]),
            "confidence": np.ascontiguousarray(glimpse.confidence[:, window[0], window[1]]),
            "coordinates": np.ascontiguousarray(glimpse.coordinates()[:, :, coarse[0], coarse[1]]),
            "times": glimpse.moments(),
            **{name: np.stack([frame[name] for frame in frames]) for name in frames[0]},
        }
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _crop(self, truth: Bytes, class_id: int | None, draw: Generator) -> tuple[list[int], list[int]]:
        """First column and size [2] of a crop of whole cells of the encoder, around a voxel of a class if any."""
        size = [min(self.crop, extent) for extent in truth.shape[:2]]
        around = None if class_id is None else any_voxel(truth, class_id, draw)
        corner = []
        for axis in (0, 1):
            last = (truth.shape[axis] - size[axis]) // SCALE
            first = draw.integers(last + 1) if around is None else (around[axis] - draw.integers(size[axis])) // SCALE
            corner.append(int(np.clip(first, 0, last)) * SCALE)
        return corner, size

    def _columns(
        self, glimpse: Glimpse, frame: int, truth: Bytes, corner: list[int], size: list[int], draw: Generator
    ) -> dict[str, NDArray[np.generic]]:
        x, y = (extent // BLOCK for extent in size)
        part = truth[corner[0] : corner[0] + size[0], corner[1] : corner[1] + size[1]]
        blocks = part.reshape(x, BLOCK, y, BLOCK, -1).swapaxes(1, 2)  # [x, y, BLOCK, BLOCK, Z]
        worth = self.sought.rarity[blocks].max(axis=(2, 3, 4)).ravel()
        cells = drawn_by_worth(worth, self.patches, draw)
        corners = np.stack([cells // y, cells % y], axis=1) * BLOCK + np.array(corner)
        around, sure = glimpse.around(frame, corners, (BLOCK, BLOCK))
        target = blocks.reshape(x * y, BLOCK, BLOCK, -1)[cells]
        target[(target == self.free_id) & (draw.integers(self.thinning, size=target.shape) > 0)] = UNKNOWN
        return {"cells": cells, "around": around, "sure": sure, "target": target}


def _flipped(glimpse: Glimpse, axes: Sequence[int]) -> Glimpse:
    """The same scene with the grid's axes turned round: what lies left lies right, for labels and poses alike."""
    mirror = np.eye(4)
    for axis in axes:
        middle = glimpse.grid.origin[axis] + glimpse.grid.shape[axis] * glimpse.grid.voxel_size / 2
        mirror[axis, axis], mirror[axis, 3] = -1, 2 * middle
    turned = [axis + 1 for axis in axes]
    return Glimpse(
        glimpse.grid,
        glimpse.classes,
        np.ascontiguousarray(np.flip(glimpse.labels, turned)),
        np.ascontiguousarray(np.flip(glimpse.confidence, turned)),
        tuple(pose @ mirror for pose in glimpse.poses),
        glimpse.times,
        glimpse.refined,
    )
