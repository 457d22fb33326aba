"""Rotary positions of tokens in a grid (Su et al. 2021, in two dimensions)."""

from __future__ import annotations

import torch
from torch import Tensor

_LONGEST = 100.0
"""Base of the frequencies."""


class Turns:
    """Turns pairs of numbers by angles that grow with a token's row (first half of them) and column (second half), so
    that the product of two tokens depends on how far they are apart."""

    def __init__(self, places: Tensor, width: int) -> None:
        """``places`` [n, 2]: row and column of each token; ``width`` of a head, a multiple of 4."""
        quarter = width // 4
        exponents = torch.arange(quarter, device=places.device, dtype=torch.float32) / quarter
        angles = places[:, :, None].float() / _LONGEST**exponents  # [n, axis, quarter]
        self._cosines, self._sines = angles.cos(), angles.sin()

    def __call__(self, tokens: Tensor) -> Tensor:
        """[b, heads, n, width], as many."""
        one, other = tokens.unflatten(-1, (2, 2, -1)).unbind(-2)  # [b, heads, n, axis, quarter]
        cosines, sines = self._cosines.to(tokens.dtype), self._sines.to(tokens.dtype)
        return torch.stack([one * cosines - other * sines, other * cosines + one * sines], dim=-2).flatten(-3)


def grid(rows: int, columns: int, device: torch.device) -> Tensor:
    """Places [1 + rows columns, 2] of the tokens of a view: that of the whole lies before the corner."""
    patches = torch.cartesian_prod(torch.arange(rows, device=device), torch.arange(columns, device=device)) + 1
    return torch.cat([patches.new_zeros(1, 2), patches])


def anywhere(views: int, patches: int, device: torch.device) -> Tensor:
    """Places [views (1 + patches), 2] of tokens of many views, of which those of whole views are told from the others
    and no more."""
    one = torch.ones(1 + patches, 2, device=device, dtype=torch.int64)
    one[0] = 0
    return one.repeat(views, 1)
