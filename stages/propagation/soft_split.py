"""Feature maps to overlapping patches, one token each, and back (T2T-ViT; OccFiner, equation 3).

A patch is 7 x 7 cells and the next one lies 3 further, so that tokens share their borders.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

PATCH, STRIDE, PADDING = 7, 3, 3


def tokens_along(cells: int) -> int:
    """How many patches cover so many cells."""
    return (cells + 2 * PADDING - PATCH) // STRIDE + 1


class SoftSplit(nn.Module):
    """[n, channels, x, y] to tokens [n, tokens x, tokens y, width]."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.embed = nn.Linear(channels * PATCH**2, width)

    def forward(self, features: Tensor) -> Tensor:
        patches = functional.unfold(features, PATCH, padding=PADDING, stride=STRIDE)
        tokens: Tensor = self.embed(patches.transpose(1, 2))
        return tokens.unflatten(1, (tokens_along(features.shape[2]), tokens_along(features.shape[3])))


class SoftComposition(nn.Module):
    """Tokens back to [n, channels, x, y]: the mean of what the patches say where they overlap."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.channels = channels
        self.spread = nn.Linear(width, channels * PATCH**2)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        patches = self.spread(tokens.flatten(1, 2)).transpose(1, 2)
        ones = torch.ones(1, PATCH**2, patches.shape[2], device=tokens.device, dtype=tokens.dtype)
        covered = functional.fold(ones, size, PATCH, padding=PADDING, stride=STRIDE)
        return functional.fold(patches, size, PATCH, padding=PADDING, stride=STRIDE) / covered
