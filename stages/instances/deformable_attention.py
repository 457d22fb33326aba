"""3D deformable cross-attention (Deformable DETR, equation 2, in three dimensions), in plain torch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.learning.deformable import DeformablePoints

REACH = 4.0
"""[m]: how far from the reference the outermost points lie at the start."""


class DeformableAttention(DeformablePoints):
    """Queries of ``width`` read from voxel embeddings of ``channels``; ``heads`` heads with ``points`` points each."""

    def __init__(self, width: int, channels: int, heads: int, points: int) -> None:
        super().__init__(width, heads, points, axes=3)
        # Values are projected after they are sampled: that is linear too, and points are far fewer than voxels.
        self.values = nn.Parameter(torch.empty(heads, channels, width // heads))
        self.output = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.values)
        self.start(REACH)

    def forward(self, queries: Tensor, references: Tensor, volume: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """[n, Q, width] of ``queries`` [n, Q, width] at ``references`` [n, Q, 3] metres.

        volume: embeddings [n, channels, x, y, z] of the box from ``low`` to ``high`` ([n, 3] metres each); what lies
        outside is zero.
        """
        places = references[:, :, None] + self.away(queries).flatten(2, 3)
        # grid_sample wants the last axis first, -1 and 1 on the outer faces.
        relative = (places - low[:, None, None]) / (high - low)[:, None, None] * 2 - 1
        sampled = functional.grid_sample(volume.float(), relative.flip(-1)[:, None].float(), align_corners=False)
        sampled = sampled[:, :, 0].unflatten(3, (self.heads, self.points))  # [n, channels, Q, heads, points]
        read = torch.einsum("ncqhp,nqhp->nqhc", sampled, self.shares(queries).float())
        return self.output(torch.einsum("nqhc,hcd->nqhd", read, self.values).flatten(2))
