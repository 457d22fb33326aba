"""3D deformable cross-attention (Deformable DETR, equation 2, in three dimensions), in plain torch.

A query looks at a few points around its reference only. Where they lie and how much each counts, it says itself.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

REACH = 4.0
"""[m]: how far from the reference the outermost points lie at the start."""


class DeformableAttention(nn.Module):
    """Queries of ``width`` read from voxel embeddings of ``channels``; ``heads`` heads with ``points`` points each."""

    def __init__(self, width: int, channels: int, heads: int, points: int) -> None:
        super().__init__()
        self.heads, self.points = heads, points
        self.offsets = nn.Linear(width, heads * points * 3)
        self.weights = nn.Linear(width, heads * points)
        # Values are projected after they are sampled: that is linear too, and points are far fewer than voxels.
        self.values = nn.Parameter(torch.empty(heads, channels, width // heads))
        self.output = nn.Linear(width, width)
        self._start()

    def _start(self) -> None:
        """Points on rays to all sides, one direction a head; equal weights."""
        nn.init.xavier_uniform_(self.values)
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        angles = torch.arange(self.heads) * 2 * math.pi / self.heads
        directions = torch.stack([angles.cos(), angles.sin(), torch.zeros(self.heads)], dim=1)
        far = torch.linspace(0, REACH, self.points)
        rays = directions[:, None] * far[:, None]
        rays[..., 2] = torch.linspace(-1, 1, self.points)
        with torch.no_grad():
            self.offsets.bias.copy_(rays.flatten())

    def forward(self, queries: Tensor, references: Tensor, volume: Tensor, low: Tensor, high: Tensor) -> Tensor:
        """[n, Q, width] of ``queries`` [n, Q, width] at ``references`` [n, Q, 3] metres.

        volume: embeddings [n, channels, x, y, z] of the box from ``low`` to ``high`` ([n, 3] metres each); what lies
        outside is zero.
        """
        n, count, _ = queries.shape
        offsets = self.offsets(queries).view(n, count, self.heads * self.points, 3)
        places = references[:, :, None] + offsets
        # grid_sample wants the last axis first, -1 and 1 on the outer faces.
        relative = (places - low[:, None, None]) / (high - low)[:, None, None] * 2 - 1
        sampled = functional.grid_sample(volume.float(), relative.flip(-1)[:, None].float(), align_corners=False)
        sampled = sampled[:, :, 0].unflatten(3, (self.heads, self.points))  # [n, channels, Q, heads, points]
        weights = self.weights(queries).view(n, count, self.heads, self.points).softmax(dim=-1)
        read = torch.einsum("ncqhp,nqhp->nqhc", sampled, weights.float())
        return self.output(torch.einsum("nqhc,hcd->nqhd", read, self.values).flatten(2))
