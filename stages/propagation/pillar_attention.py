"""Attention along height and time within a pillar (OccFiner, equation 5)."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class PillarAttention(nn.Module):
    """Tokens [n, time, x, y, width] to the same. A token is read as ``heights`` parts that lie over each other; each
    part of each frame looks at all parts of all frames at its place.

    ``heights`` is that of the grid where it divides the width; else the next smaller number that does.
    """

    def __init__(self, width: int, heights: int) -> None:
        super().__init__()
        self.heights = next(parts for parts in range(min(heights, width), 0, -1) if width % parts == 0)
        self.project = nn.Linear(width, 3 * width)

    def forward(self, tokens: Tensor) -> Tensor:
        n, time, x, y, width = tokens.shape
        parts = self.project(tokens).unflatten(-1, (3, self.heights, -1))
        parts = parts.permute(4, 0, 2, 3, 1, 5, 6).flatten(1, 3).flatten(2, 3)
        query, key, value = parts  # [n * x * y, time * heights, width / heights] each
        found = functional.scaled_dot_product_attention(query, key, value)
        return found.reshape(n, x, y, time, width).permute(0, 3, 1, 2, 4)
