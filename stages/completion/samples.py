"""Training samples: augmented crops of scans with the truth of some of their columns; and whole frames, held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.drive_log import DriveLog, Frame, LogReader
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.augment import another_sensor, random_crop, random_placement
from occlabel.stages.completion.lidar_features import lidar_volume
from occlabel.stages.completion.lmscnet import fold_of
from occlabel.stages.learning.rarity import Rarity, drawn_by_worth, rare_voxel
from occlabel.stages.learning.truth import learnable_truth
from occlabel.stages.sensing.scan import Scan, scan_in_grid


@dataclass(frozen=True, slots=True)
class Labelled:
    """Frames that have a sweep and voxel truth, with the reader that opens them."""

    reader: LogReader
    frames: tuple[Frame, ...]
    space: LabelSpace

    @property
    def grid(self) -> Grid:
        return self.space.grid

    def scan(self, index: int) -> Scan:
        frame = self.frames[index]
        assert frame.sweep is not None
        return scan_in_grid(frame.moment, self.reader.points(frame.sweep), self.grid)

    def truth(self, index: int) -> NDArray[np.uint8]:
        """Class ids [X, Y, Z] of the space; UNKNOWN where nothing is to be learned, because it was never seen."""
        return learnable_truth(self.reader, self.frames[index], self.space)


def split_by_log(reader: LogReader, space: LabelSpace, every: int) -> tuple[Labelled, Labelled, list[DriveLog]]:
    """Frames to learn from, frames held out, and the logs. Every ``every``-th log, in the order of ids, is held out.

    Raises BadLog when fewer than two logs have frames with a sweep and voxel truth.
    """
    logs = [log for log in reader.logs() if _usable(log)]
    if len(logs) < 2:
        raise BadLog(
            f"{reader.root} has {len(logs)} logs with LiDAR and voxel truth; training needs at least two, "
            "one of them held out (occlabel simulate writes such logs)"
        )
    held_out = logs[every - 1 :: every] or logs[-1:]
    learned = [log for log in logs if log not in held_out]
    parts = (tuple(frame for log in part for frame in _usable(log)) for part in (learned, held_out))
    first, second = (Labelled(reader, frames, space) for frames in parts)
    return first, second, logs


def _usable(log: DriveLog) -> list[Frame]:
    return [frame for frame in log.frames if frame.sweep is not None and frame.truth.voxels is not None]


_FOCUSED = 0.5
"""Share of the crops that lie around a voxel of a class drawn by rarity."""


class Crops(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: frame, placement, sensor, crop and columns are drawn from (seed, n) alone.

    Half of the crops lie around a voxel of a class that is drawn by rarity, and columns that hold rare classes are
    learned first: of a thousand voxels of a town a thousandth is a cyclist.

    A sample holds ``volume`` float32 [channels, x, y] of the crop, ``cells`` int64 [columns] of the body's cells
    (index x / fold * (y / fold) + y) and ``target`` uint8 [columns, fold * fold * heights] in the network's order,
    where of ``thinning`` free voxels all but one are UNKNOWN.
    """

    def __init__(
        self, labelled: Labelled, crop: float, columns: int, free_id: int, thinning: int, rarity: Rarity, seed: int
    ) -> None:
        self.labelled = labelled
        self.crop = crop
        self.columns = columns
        self.free_id = free_id
        self.thinning = thinning
        self.rarity = rarity
        self.seed = seed

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        round_, place = divmod(number, len(self.labelled.frames))
        index = int(np.random.default_rng([self.seed, 0, round_]).permutation(len(self.labelled.frames))[place])
        draw = np.random.default_rng([self.seed, 1, number])
        grid = self.labelled.grid
        scan, truth = self.labelled.scan(index), self.labelled.truth(index)
        placement = random_placement(grid, draw)
        points = another_sensor(scan.points[:, :3], scan.sensor, draw)
        sensor = transform_points(placement, scan.sensor[None])[0]
        fold = fold_of(grid)
        around = self._rare_place(truth, placement, draw) if draw.random() < _FOCUSED else None
        window = random_crop(grid, self.crop, fold, draw, around)
        volume = lidar_volume(transform_points(placement, points), sensor, window)
        worth = self.rarity[truth].max(axis=2)
        cells = _learnable_cells(worth, placement, grid, window, fold, self.columns, draw)
        target = _truth_of_cells(truth, placement, grid, window, fold, cells)
        target[(target == self.free_id) & (draw.integers(self.thinning, size=target.shape) > 0)] = UNKNOWN
        tensors = {"volume": volume, "cells": cells, "target": target}
        return {name: torch.from_numpy(array) for name, array in tensors.items()}

    def _rare_place(self, truth: NDArray[np.uint8], placement: Matrix, draw: Generator) -> NDArray[np.float64] | None:
        """Where [3] a voxel ends up whose class was drawn by rarity from those of the frame; None if all is free."""
        voxel = rare_voxel(truth, self.rarity, self.free_id, draw)
        if voxel is None:
            return None
        grid = self.labelled.grid
        centre = np.array(grid.origin) + (voxel + 0.5) * grid.voxel_size
        return np.asarray(transform_points(placement, centre[None])[0], np.float64)


def _sources(
    centres: NDArray[np.float64], placement: Matrix, grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Voxels [n, 3] of the unchanged grid that end up at ``centres`` [n, 3], and which lie inside it."""
    return grid.cells(transform_points(np.linalg.inv(placement), centres))


def _cell_corners(cells: NDArray[np.int64], window: Grid, fold: int) -> NDArray[np.int64]:
    """First voxel [n, 2] of each cell."""
    x, y = np.divmod(cells, window.shape[1] // fold)
    return np.stack([x, y], axis=1) * fold


def _learnable_cells(
    worth: NDArray[np.float32], placement: Matrix, grid: Grid, window: Grid, fold: int, wanted: int, draw: Generator
) -> NDArray[np.int64]:
    """At most ``wanted`` cells of the window, drawn by ``worth`` [X, Y], 0 for columns of which nothing was seen."""
    cells = np.arange((window.shape[0] // fold) * (window.shape[1] // fold))
    middle = (_cell_corners(cells, window, fold) + fold / 2) * grid.voxel_size + np.array(window.origin[:2])
    height = np.full((len(cells), 1), (grid.origin[2] + grid.upper[2]) / 2)
    source, _ = _sources(np.concatenate([middle, height], axis=1), placement, grid)
    column = np.clip(source[:, :2], 0, np.array(grid.shape[:2]) - 1)
    inside = (column == source[:, :2]).all(axis=1)
    weight = np.where(inside, worth[column[:, 0], column[:, 1]], 0)
    return drawn_by_worth(weight, wanted, draw)


def _truth_of_cells(
    truth: NDArray[np.uint8], placement: Matrix, grid: Grid, window: Grid, fold: int, cells: NDArray[np.int64]
) -> NDArray[np.uint8]:
    """Truth [cells, fold * fold * heights] after the placement, by the nearest voxel; UNKNOWN from outside the grid."""
    corners = np.pad(_cell_corners(cells, window, fold), ((0, 0), (0, 1))) * grid.voxel_size + np.array(window.origin)
    within = np.stack(np.meshgrid(np.arange(fold), np.arange(fold), np.arange(grid.shape[2]), indexing="ij"), axis=-1)
    centres = (within.reshape(-1, 3) + 0.5) * grid.voxel_size
    # The placement is affine: moving the corners and the voxels of one cell is moving every voxel.
    back = np.linalg.inv(placement)
    starts = (transform_points(back, corners) - np.array(grid.origin)) / grid.voxel_size
    steps = centres @ back[:3, :3].T / grid.voxel_size
    inside = np.True_
    index = np.zeros((len(cells), len(steps)), np.int64)
    for axis, size in enumerate(grid.shape):
        source = np.floor(starts[:, axis, None] + steps[None, :, axis]).astype(np.int32)
        inside = inside & (source >= 0) & (source < size)
        index = index * size + np.clip(source, 0, size - 1)
    return np.where(inside, truth.ravel()[index], np.uint8(UNKNOWN))


class WholeFrames(Dataset[dict[str, Tensor]]):
    """At most ``limit`` frames, evenly spread, unchanged: ``volume`` [channels, X, Y], ``truth`` uint8 [X, Y, Z]."""

    def __init__(self, labelled: Labelled, limit: int) -> None:
        self.labelled = labelled
        count = min(limit, len(labelled.frames))
        self.chosen = np.linspace(0, len(labelled.frames) - 1, count).astype(int).tolist()

    def __len__(self) -> int:
        return len(self.chosen)

    def truth(self, number: int) -> NDArray[np.uint8]:
        return self.labelled.truth(self.chosen[number])

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        index = self.chosen[number]
        scan = self.labelled.scan(index)
        volume = lidar_volume(scan.points, scan.sensor, self.labelled.grid)
        return {"volume": torch.from_numpy(volume), "truth": torch.from_numpy(self.labelled.truth(index))}
