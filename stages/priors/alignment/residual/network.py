"""The network of equation 3: what must be added to the inverse depth of each element, by what image and depth show."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.priors.alignment.residual.weight_file import NEAREST

STRIDE = 4
"""Pixels of the image per element of depth, along both axes."""
COARSEST = 8
"""Sides of what the network is given are multiples of so many elements."""
FARTHEST = 250.0
"""[m]: no corrected depth is more."""
_MOST = 0.4
"""The residual is less than this share of inverse depth, so that no depth can become negative or infinite."""
_CHANNELS = (16, 32, 64)
_MIDDLE, _OCTAVES = 1 / 15, 1.5
"""Inverse depth [1/m] that the network sees as 0, and natural logarithms that it sees as 1."""
_DEVIATION = 4.0
"""Deviations are given times so much."""


class Residual(nn.Module):
    """A small U-Net over elements of depth. Untrained, it changes nothing.

    The paper adds r / 10 [1/m] with an r that nothing holds, and its depth can become negative. Here the residual is a
    share of the inverse depth that it is added to, which is positive: what is far may be wrong by as much as what is
    near, and the sum stays positive.
    """

    def __init__(self) -> None:
        super().__init__()
        fine, middle, coarse = _CHANNELS
        self.picture = nn.Sequential(nn.PixelUnshuffle(STRIDE), nn.Conv2d(3 * STRIDE**2, fine, 1), nn.GELU())
        self.first = _block(fine + 6, fine)
        self.second = _block(fine, middle, stride=2)
        self.third = _block(middle, coarse, stride=2)
        self.fourth = _block(coarse, coarse, stride=2)
        steps = ((2 * coarse, coarse), (coarse + middle, middle), (middle + fine, fine))
        self.up = nn.ModuleList([_block(*step) for step in steps])
        self.last = nn.Conv2d(fine, 1, 1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, inverse: Tensor, deviation: Tensor, rays: Tensor) -> Tensor:
        """The residual as a share of ``inverse``, [b, 1, v, u].

        ``image`` [b, 3, 4 v, 4 u] is 0..1, ``inverse`` [b, 1, v, u] aligned inverse depth [1/m], 0 where it is not
        known, ``deviation`` [b, 1, v, u] the alignment's, as a share of depth, and ``rays`` [b, 2, v, u] x and y of the
        directions of elements at z = 1.
        """
        known = inverse > 0
        depths = torch.where(known, torch.log(inverse.clamp(1 / FARTHEST, 1 / NEAREST) / _MIDDLE) / _OCTAVES, 0.0)
        unsure = torch.where(known, deviation.clamp(0, 1) * _DEVIATION, 0.0)
        told = torch.cat([depths, 10 * inverse.clamp(0, 1), unsure, known.to(depths.dtype), rays], dim=1)
        levels = [self.first(torch.cat([self.picture(image - 0.5), told], dim=1))]
        for down in (self.second, self.third, self.fourth):
            levels.append(down(levels[-1]))
        found = levels.pop()
        for up in self.up:
            beside = levels.pop()
            wide = functional.interpolate(found, size=beside.shape[-2:], mode="nearest")
            found = up(torch.cat([wide, beside], dim=1))
        return _MOST * torch.tanh(self.last(found).float())


def corrected(inverse: Tensor, share: Tensor) -> Tensor:
    """Equation 3 as inverse depth: 1 / D = 1 / D_p + f, held between ``NEAREST`` and ``FARTHEST``; 0 stays unknown."""
    return torch.where(inverse > 0, (inverse * (1 + share)).clamp(1 / FARTHEST, 1 / NEAREST), 0.0)


def _block(before: int, after: int, stride: int = 1) -> nn.Sequential:
    groups = after // 8
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.GroupNorm(groups, after), nn.GELU(),
        nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.GroupNorm(groups, after), nn.GELU(),
    )  # fmt: skip
