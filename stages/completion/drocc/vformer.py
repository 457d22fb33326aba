"""D2-VFormer: features of voxels are filled from the images, then refined where depth says that something is.

Section 3.4.2. Depth features are those of a small network that looks at the depth of the priors: which features of
MoGe-2 the paper takes it does not say, and here any kind of depth serves.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from occlabel.stages.completion.drocc.attention import CrossAttention, Look
from occlabel.stages.completion.drocc.image_encoder import layer
from occlabel.stages.completion.drocc.parts import Sizes

_FAR = 50.0
"""[m]: a depth whose logarithm is given as 1."""


class DepthEncoder(nn.Module):
    """Depth [n, h / 4, w / 4] of the priors, NaN unknown, to features [n, channels, h / 16, w / 16]."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        relu = nn.ReLU(inplace=True)
        self.body = nn.Sequential(
            layer(2, channels // 2, 3, stride=2), relu, layer(channels // 2, channels, 3, stride=2), relu
        )

    def forward(self, depth: Tensor) -> Tensor:
        known = depth.isfinite()
        metres = torch.where(known, depth, 1.0).clamp(min=0.1)
        return self.body(torch.stack([metres.log() / torch.tensor(_FAR).log(), known.float()], dim=1))


class D2VFormer(nn.Module):
    """Stages 2 and 3 of section 3.4.2."""

    def __init__(self, sizes: Sizes, channels: int) -> None:
        """``channels``: of the features of the images, and of their depth."""
        super().__init__()
        made = (sizes.width, channels, sizes.heads, sizes.points)
        self.dense, self.geometric, self.semantic = (CrossAttention(*made) for _ in range(3))
        self.empty = nn.Parameter(torch.zeros(sizes.width))

    def forward(self, cells: Tensor, images: Look, depths: Look, mask: Tensor) -> Tensor:
        """[cells, width] of ``cells`` [cells, width]; ``mask`` bool [cells] is where depth says that something is."""
        dense = self.dense(cells, images)  # equation 4
        refined = self.geometric(dense, depths.within(mask))
        refined = torch.where(mask[:, None], refined, self.empty)  # equation 5
        return self.semantic(refined, images.within(mask))  # equation 6
