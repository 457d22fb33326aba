"""Training samples: augmented crops of scans with the truth of some of their columns; and whole frames, held out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.augment import (
    another_sensor,
    random_crop,
    random_paint,
    random_placement,
    random_response,
    random_slip,
)
from occlabel.stages.completion.labelled import Labelled
from occlabel.stages.completion.lidar_features import lidar_volume
from occlabel.stages.completion.lmscnet import fold_of
from occlabel.stages.completion.teacher import FULL, Lesson
from occlabel.stages.learning.rarity import Sought, alike, any_voxel, drawn_by_worth
from occlabel.stages.sensing.scan import Scan, moved

_FOCUSED = 0.5
"""Share of the crops of known frames that lie around a voxel of a class that is looked for."""

_ALONE = 0.4
"""Share of the crops that see their own sweep alone, as an onboard model does."""

_SLIPPED = 0.02, np.deg2rad(0.1)
"""Spread of errors of the poses between sweeps: metres along each axis, radians of tilt."""


@dataclass(frozen=True, slots=True)
class Draft:
    """How crops are drawn."""

    crop: float
    """Edge [m]."""
    columns: int
    """Cells of the body of which a crop has truth."""
    sweeps: int
    """Most sweeps of other frames that a crop sees."""
    thinning: int
    """Of so many free voxels one is learned from."""
    sought: Sought
    seed: int


class Crops(Dataset[dict[str, Tensor]]):
    """Sample n of a run, for every n: frame, placement, sensor, crop and columns are drawn from (seed, n) alone.

    Half of the crops of known frames lie around a voxel of a class that is looked for, in a frame that holds it, and
    columns that hold rare classes are learned first: of a thousand voxels of a town a thousandth is a cyclist. Not so
    in frames whose labels nobody checked: of those what is rare is wrong most.

    A sample holds ``volume`` float32 [channels, x, y] of the crop, ``cells`` int64 [columns] of the body's cells
    (index x / fold * (y / fold) + y), ``target`` uint8 [columns, fold * fold * heights] in the network's order, where
    of ``thinning`` free voxels all but one are UNKNOWN, and ``believed`` bool []; where lessons say how much voxels
    count, also ``trust`` float32 [columns, fold * fold * heights], 0..1. Rare is what is trusted: a column is as worth
    as its trust says, and crops lie around voxels that are trusted more than half.
    """

    def __init__(self, labelled: Labelled, draft: Draft) -> None:
        self.labelled = labelled
        self.draft = draft
        self._alike = alike(labelled.space.taxonomy.free_id)

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        draft = self.draft
        round_, place = divmod(number, len(self.labelled))
        index = int(np.random.default_rng([draft.seed, 0, round_]).permutation(len(self.labelled))[place])
        draw = np.random.default_rng([draft.seed, 1, number])
        focused = draw.random() < _FOCUSED and not self.labelled.pupils[index].believed
        sought = draft.sought.drawn(draw) if focused else None
        index = index if sought is None else sought[0]
        grid, free_id = self.labelled.grid, self.labelled.space.taxonomy.free_id
        lesson, believed = self.labelled.lesson(index), self.labelled.pupils[index].believed
        placement = random_placement(grid, draw)
        fold = fold_of(grid)
        around = None if sought is None else self._place(lesson, sought[1], placement, draw)
        window = random_crop(grid, draft.crop, fold, draw, around)
        own, *others = (moved(scan, placement) for scan in self._scans(index, draw, [draft.seed, 2, number]))
        volume = lidar_volume(own, others, window, self.labelled.painted_classes)
        worth = (self._alike if believed else draft.sought.rarity)[lesson.semantics]
        if lesson.trust is not None:
            worth = worth * (lesson.trust / np.float32(FULL))
        cells = _learnable_cells(worth.max(axis=2), placement, grid, window, fold, draft.columns, draw)
        source = _sources_of_cells(placement, grid, window, fold, cells)
        target = np.where(source < 0, np.uint8(UNKNOWN), lesson.semantics.ravel()[source])
        target[(target == free_id) & (draw.integers(draft.thinning, size=target.shape) > 0)] = UNKNOWN
        tensors = {"volume": volume, "cells": cells, "target": target, "believed": np.array(believed)}
        if self.labelled.weighed:
            trust = np.float32(FULL) if lesson.trust is None else lesson.trust.ravel()[source]
            tensors["trust"] = np.broadcast_to(trust / np.float32(FULL), target.shape).copy()
        return {name: torch.from_numpy(array) for name, array in tensors.items()}

    def _scans(self, index: int, draw: Generator, sensor: list[int]) -> list[Scan]:
        """The sweep of frame ``index`` and some of those around it, as the same worse sensor measured them, which is
        drawn by the seed ``sensor``, with poses that are not quite right."""
        scans = [self.labelled.scan(index)]
        there = min(2 * self.draft.sweeps, self.labelled.there(index))
        if there and draw.random() >= _ALONE:
            count = draw.integers(1, min(self.draft.sweeps, there) + 1)
            others = self.labelled.others(index, np.sort(draw.choice(there, count, replace=False)).tolist())
            scans += [moved(scan, random_slip(*_SLIPPED, draw)) for scan in others]
        response = random_response(np.random.default_rng(sensor))
        worse = [response(another_sensor(scan, np.random.default_rng(sensor))) for scan in scans]
        cameras = np.random.default_rng([*sensor, 1])
        return [random_paint(scan, cameras) for scan in worse]

    def _place(self, lesson: Lesson, class_id: int, placement: Matrix, draw: Generator) -> NDArray[np.float64] | None:
        """Where [3] a voxel of a class ends up; None if the lesson is sure of none."""
        truth = lesson.semantics
        if lesson.trust is not None:
            truth = np.where(lesson.trust > FULL // 2, truth, np.uint8(UNKNOWN))
        voxel = any_voxel(truth, class_id, draw)
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


def _sources_of_cells(
    placement: Matrix, grid: Grid, window: Grid, fold: int, cells: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Index of the voxel of ``grid``, -1 outside of it, that is nearest to each voxel of the cells after the placement:
    [cells, fold * fold * heights]."""
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
    return np.where(inside, index, -1)


class WholeFrames(Dataset[dict[str, Tensor]]):
    """At most ``limit`` frames, evenly spread, unchanged: ``volume`` [channels, X, Y], ``truth`` uint8 [X, Y, Z].

    Every second one is seen with the ``sweeps`` nearest sweeps of other frames, the others alone.
    """

    def __init__(self, labelled: Labelled, limit: int, sweeps: int) -> None:
        self.labelled = labelled
        self.sweeps = sweeps
        count = min(limit, len(labelled))
        self.chosen = np.linspace(0, len(labelled) - 1, count).astype(int).tolist()

    def __len__(self) -> int:
        return len(self.chosen)

    def truth(self, number: int) -> NDArray[np.uint8]:
        return self.labelled.truth(self.chosen[number])

    def __getitem__(self, number: int) -> dict[str, Tensor]:
        index = self.chosen[number]
        there = min(self.sweeps, self.labelled.there(index)) if number % 2 else 0
        own, others = self.labelled.scan(index), self.labelled.others(index, range(there))
        volume = lidar_volume(own, others, self.labelled.grid, self.labelled.painted_classes)
        return {"volume": torch.from_numpy(volume), "truth": torch.from_numpy(self.labelled.truth(index))}
