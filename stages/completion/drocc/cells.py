"""The cells of the downsampled grid: some voxels along x and y, one along z, in one order for all parts."""

from __future__ import annotations

import math
from functools import cached_property

import torch
from torch import Tensor

from occlabel.schemas.grid import Grid

_SPREAD = (0.8191725134, 0.6710436067, 0.5497004779)
"""Steps of a sequence that fills a cube evenly, however long it is: powers of 1 / x with x^4 = x + 1."""


class Cells:
    """Those over ``grid``, ``fold`` voxels wide; a last one may reach beyond it. Cells lie in C order of [x, y, z]."""

    def __init__(self, grid: Grid, fold: int) -> None:
        self.grid, self.fold = grid, fold
        x, y, z = grid.shape
        self.shape = (math.ceil(x / fold), math.ceil(y / fold), z)
        self.size = (grid.voxel_size * fold, grid.voxel_size * fold, grid.voxel_size)
        """[m] along x, y, z."""

    @property
    def number(self) -> int:
        return math.prod(self.shape)

    @cached_property
    def centres(self) -> Tensor:
        """[cells, 3] metres in the frame of the grid."""
        steps = [torch.arange(n) + 0.5 for n in self.shape]
        places = torch.stack(torch.meshgrid(*steps, indexing="ij"), dim=-1).flatten(0, 2)
        return places * torch.tensor(self.size) + torch.tensor(self.grid.origin)

    def references(self, points: int) -> Tensor:
        """[cells, points, 3]: places spread evenly within each cell, as metres in the frame of the grid. The first is
        its middle."""
        within = (torch.arange(points)[:, None] * torch.tensor(_SPREAD) + 0.5) % 1 - 0.5
        return self.centres[:, None] + within * torch.tensor(self.size)

    def at(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """The cell [n] int64 of each of ``points`` [n, 3] metres that lies in one, and which of them do, bool [...]."""
        steps = (points - torch.tensor(self.grid.origin, device=points.device)) / torch.tensor(
            self.size, device=points.device
        )
        places = steps.floor().long()
        inside = ((places >= 0) & (places < torch.tensor(self.shape, device=points.device))).all(dim=-1)
        x, y, z = places[inside].unbind(dim=-1)
        return (x * self.shape[1] + y) * self.shape[2] + z, inside

    def of_voxels(self, voxels: Tensor) -> tuple[Tensor, Tensor]:
        """Of ``voxels`` int64 [n], counted through the grid: the cell [n] of each, and which of the ``fold`` x ``fold``
        columns of the cell [n]."""
        _, y, z = self.grid.shape
        column, height = voxels // z, voxels % z
        i, j = column // y, column % y
        cell = (i // self.fold * self.shape[1] + j // self.fold) * self.shape[2] + height
        return cell, i % self.fold * self.fold + j % self.fold

    def volume(self, rows: Tensor) -> Tensor:
        """[1, channels, x, y, z] of ``rows`` [cells, channels]."""
        return rows.T.reshape(1, -1, *self.shape)

    def rows(self, volume: Tensor) -> Tensor:
        """[cells, channels] of a ``volume`` [1, channels, x, y, z]."""
        return volume.flatten(2)[0].T
