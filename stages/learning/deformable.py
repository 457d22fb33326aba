"""Where the queries of deformable attention look, and how much each place counts (Deformable DETR, equation 2).

A query looks at a few points around its reference only. Where they lie and how much each counts, it says itself; from
what they read, and how, is for the attention that has them.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class DeformablePoints(nn.Module):
    """Queries of ``width`` with ``heads`` heads of ``points`` points each in two or three ``axes``."""

    def __init__(self, width: int, heads: int, points: int, axes: int) -> None:
        super().__init__()
        self.heads, self.points, self.axes = heads, points, axes
        self.offsets = nn.Linear(width, heads * points * axes)
        self.weights = nn.Linear(width, heads * points)

    def start(self, reach: float) -> None:
        """Points on rays to all sides, one direction a head, the outermost ``reach`` from the reference; of a third
        axis from -1 to 1. Equal weights."""
        nn.init.zeros_(self.offsets.weight)
        nn.init.zeros_(self.weights.weight)
        nn.init.zeros_(self.weights.bias)
        angles = torch.arange(self.heads) * 2 * math.pi / self.heads
        rays = torch.zeros(self.heads, self.points, self.axes)
        far = torch.linspace(0, reach, self.points)
        rays[..., 0], rays[..., 1] = angles.cos()[:, None] * far, angles.sin()[:, None] * far
        rays[..., 2:] = torch.linspace(-1, 1, self.points)[:, None]
        with torch.no_grad():
            self.offsets.bias.copy_(rays.flatten())

    def away(self, queries: Tensor) -> Tensor:
        """How far from its reference each of ``queries`` [..., width] looks: [..., heads, points, axes]."""
        return self.offsets(queries).unflatten(-1, (self.heads, self.points, self.axes))

    def shares(self, queries: Tensor) -> Tensor:
        """How much each of its points counts to each of ``queries`` [..., width]: [..., heads, points], 1 a head."""
        return self.weights(queries).unflatten(-1, (self.heads, self.points)).softmax(dim=-1)
