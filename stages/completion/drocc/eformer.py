"""R-EFormer and R2-EFormer: attention to the images by regions of space (section 3.5).

What the paper leaves open: the router is a linear layer, on the mean features of a region or on those of a cell; what
an expert changes is added to the features, weighed by the router, so that a region or a cell that was not chosen keeps
what it has; and R2-EFormer reads the images of the current frame (its equation 12 names F^(t) twice).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from occlabel.stages.completion.drocc.attention import CrossAttention, Look
from occlabel.stages.completion.drocc.cells import Cells
from occlabel.stages.completion.drocc.parts import Sizes

_HEIGHTS = (1.2, 3.2)
"""[m] over the bottom of the grid: where the middle and the upper regions begin. Occ3D's grid begins 1 m below the
ego frame, so these are 0.2 and 2.2 m in it."""
_DISTANCES = (10.0, 30.0)
"""[m] from the car, seen from above."""
REGIONS = (len(_HEIGHTS) + 1) * (len(_DISTANCES) + 1)
COVERAGE = (1.0, 0.75, 0.5)
"""Shares of all cells that each round of R2-EFormer refines."""


def regions(cells: Cells) -> Tensor:
    """The region of each cell by its middle, int64 [cells]: three by distance in each of three by height."""
    x, y, z = cells.centres.unbind(dim=1)
    height = torch.bucketize(z - cells.grid.origin[2], torch.tensor(_HEIGHTS), right=True)
    distance = torch.bucketize(torch.hypot(x, y), torch.tensor(_DISTANCES), right=True)
    return height * (len(_DISTANCES) + 1) + distance


class REFormer(nn.Module):
    """One expert for each region; a router says which regions are worth asking theirs (equations 7 to 10)."""

    def __init__(self, sizes: Sizes, channels: int, cells: Cells) -> None:
        super().__init__()
        self.top = sizes.top
        self.router = nn.Linear(sizes.width, 1)
        self.experts = nn.ModuleList(
            CrossAttention(sizes.width, channels, sizes.heads, sizes.points) for _ in range(REGIONS)
        )
        self.register_buffer("region", regions(cells), persistent=False)

    def chosen(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Regions int64 [K] with the highest scores, of those that the grid reaches, and the weight of each, [K]."""
        region = self.get_buffer("region")
        counts = torch.bincount(region, minlength=REGIONS)
        means = cells.new_zeros(REGIONS, cells.shape[1]).index_add(0, region, cells) / counts.clamp(min=1)[:, None]
        scores = self.router(means)[:, 0].float().masked_fill(counts == 0, -torch.inf)
        best, which = scores.topk(min(self.top, int((counts > 0).sum())))
        return which, best.softmax(dim=0)

    def forward(self, cells: Tensor, look: Look) -> Tensor:
        """[cells, width] of ``cells`` [cells, width]."""
        result = cells
        for number, weight in zip(*self.chosen(cells), strict=True):
            expert = self.experts[int(number)]
            found = expert(cells, look.within(self.get_buffer("region") == number))
            result = result + weight * (found - cells)
        return result


class R2EFormer(nn.Module):
    """One expert that is asked again and again, each time of fewer cells (equations 11 and 12)."""

    def __init__(self, sizes: Sizes, channels: int) -> None:
        super().__init__()
        self.expert = CrossAttention(sizes.width, channels, sizes.heads, sizes.points)
        self.routers = nn.ModuleList(nn.Linear(sizes.width, 1) for _ in COVERAGE[1:])

    def rounds(self, cells: Tensor, look: Look) -> list[tuple[Tensor, Tensor]]:
        """After each round the features [cells, width], and which cells it refined, bool [cells]."""
        mask = torch.ones(len(cells), dtype=torch.bool, device=cells.device)
        found = [(self.expert(cells, look), mask)]
        for router, share in zip(self.routers, COVERAGE[1:], strict=True):
            features, mask = found[-1]
            scores = router(features)[:, 0].float()
            which = scores.masked_fill(~mask, -torch.inf).topk(int(share * len(cells))).indices
            mask = torch.zeros_like(mask).index_fill(0, which, True)
            refined = self.expert(features, look.within(mask))
            found.append((features + scores.sigmoid()[:, None] * (refined - features), mask))
        return found

    def forward(self, cells: Tensor, look: Look) -> Tensor:
        """[cells, width] of ``cells`` [cells, width]."""
        return self.rounds(cells, look)[-1][0]
