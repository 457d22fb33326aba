"""``gather`` on a GPU: the same look-ups and the same integers as ``gather.py``, so the same bytes.

Coordinates are computed in double precision, one operation after the other as there: a fused multiply-add would round
a few cells to the voxel next door. Additions of integers give the same sum in whatever order a GPU makes them.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.voting.gather import voxel_from_cell
from occlabel.stages.voting.methods import Ballots, Outcome, Voters, refuse_overflow

_SLAB = 1 << 22
"""Cells decided at once, at most: of 20 classes their votes fill 340 MB."""


class GatherTorch:
    """Votes of the ballots' frames on any of their targets, on ``device``."""

    def __init__(self, ballots: Ballots, device: str = "cuda") -> None:
        self._ballots = ballots
        self._device = torch.device(device)
        self._labels = torch.from_numpy(np.ascontiguousarray(ballots.labels)).to(self._device).flatten(1)
        # Weights do not fit int16, and torch computes little in uint16.
        weights = np.ascontiguousarray(ballots.weights).astype(np.int32)
        self._weights = torch.from_numpy(weights).to(self._device).flatten(1)

    @torch.inference_mode()
    def vote(self, voters: Voters, shape: tuple[int, int, int]) -> Outcome:
        refuse_overflow(self._ballots, voters)
        maps = voxel_from_cell(voters.cell_from_voxel)
        multipliers = np.zeros((len(voters.frames), 256), np.int32)  # ids that are no class have no say
        multipliers[:, : self._ballots.classes] = voters.multipliers
        says = torch.from_numpy(multipliers).to(self._device)
        solid = torch.tensor(voters.solid_in(shape), device=self._device).flatten(1)
        slab = max(_SLAB // (shape[1] * shape[2]), 1)
        parts = [
            self._decide(voters, maps, says, solid[x : x + slab].flatten(), x, shape) for x in range(0, shape[0], slab)
        ]
        winner, margin, support = (
            torch.cat([part[n] for part in parts]).reshape(shape).cpu().numpy() for n in range(3)
        )
        return Outcome(winner, margin, support.astype(np.uint16))

    def _decide(
        self,
        voters: Voters,
        maps: NDArray[np.float64],
        says: Tensor,
        solid: Tensor,
        x0: int,
        shape: tuple[int, int, int],
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Winner, margin and support of the cells from x0 on that ``solid`` [n] tells of, flat."""
        classes, cells = self._ballots.classes, len(solid)
        x1 = x0 + cells // (shape[1] * shape[2])
        votes = torch.zeros(cells * classes, dtype=torch.int32, device=self._device)
        support = torch.zeros(cells, dtype=torch.int32, device=self._device)
        place = torch.arange(cells, device=self._device) * classes
        for n, frame in enumerate(voters.frames.tolist()):
            source, inside = self._sources(maps[n], x0, x1, shape)
            label = self._labels[frame].index_select(0, source).long()
            say = says[n].index_select(0, label)
            voting = inside & (say > 0)
            weight = self._weights[int(self._ballots.volumes[frame])].index_select(0, source)
            votes.index_add_(0, place + label.clamp(max=classes - 1), torch.where(voting, weight * say, 0))
            support += voting
        votes = votes.reshape(cells, classes)
        votes[:, self._ballots.free_id].masked_fill_(solid, 0)
        unheard = solid & (votes.amax(dim=1) == 0)
        winner, margin = _winners(votes)
        return winner.masked_fill_(unheard, UNKNOWN), margin, support

    def _sources(
        self, matrix: NDArray[np.float64], x0: int, x1: int, shape: tuple[int, int, int]
    ) -> tuple[Tensor, Tensor]:
        """Flat source voxels that hold the centres of the cells, and which cells lie in the source at all."""
        x = torch.arange(x0, x1, dtype=torch.float64, device=self._device)[:, None, None] + 0.5
        y = torch.arange(shape[1], dtype=torch.float64, device=self._device)[None, :, None] + 0.5
        z = torch.arange(shape[2], dtype=torch.float64, device=self._device)[None, None, :]
        source = torch.zeros((x1 - x0, *shape[1:]), dtype=torch.int64, device=self._device)
        inside = torch.ones_like(source, dtype=torch.bool)
        for axis, size in enumerate(self._ballots.labels.shape[1:]):
            a, b, c, d = (float(value) for value in matrix[axis])
            start = a * x + b * y
            start = start + c * 0.5
            start = start + d
            if axis == 2:  # as there: of the heights the difference is computed
                index = torch.floor(start + (c - 1.0) * z).long() + z.long()
            else:
                index = torch.floor(start + c * z).long()
            inside &= (index >= 0) & (index < size)
            source = source * size + index.clamp(0, size - 1)
        return source.flatten(), inside.flatten()


def _winners(votes: Tensor) -> tuple[Tensor, Tensor]:
    """Winner and margin, uint8 each, of ``votes`` [cells, classes]; ties go to the lowest id."""
    classes = votes.shape[1]
    first = votes.amax(dim=1)
    rank = torch.arange(classes, 0, -1, dtype=torch.uint8, device=votes.device)
    best = classes - ((votes == first[:, None]) * rank).amax(dim=1).long()  # which of equal ones argmax names is open
    total = votes.sum(dim=1)
    votes.scatter_(1, best[:, None], 0)
    lead = (first - votes.amax(dim=1)).long() * 255
    margin = torch.where(total > 0, torch.div(lead, total.clamp(min=1), rounding_mode="floor"), 0)
    return best.to(torch.uint8), margin.to(torch.uint8)
