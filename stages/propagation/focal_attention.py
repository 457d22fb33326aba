"""Multi-head focal attention over bird's-eye view and time (Yang et al. 2021; OccFiner, equation 4).

A token looks closely at what lies near it in all frames, and roughly at all the rest: keys and values are the tokens of
its own window and of a ring around it, and one pooled token per window of the whole map, in every frame.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_WINDOW = 3
"""Tokens along the edge of a window."""
_RING = 1
"""Tokens around a window that it also sees closely."""


class FocalAttention(nn.Module):
    """Tokens [n, time, x, y, width] to the same; n windows of frames do not see each other."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(width, 3 * width)
        self.pool = nn.Linear(_WINDOW**2, 1)
        nn.init.constant_(self.pool.weight, 1 / _WINDOW**2)
        nn.init.zeros_(self.pool.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        n, time, x, y, width = tokens.shape
        padded = functional.pad(tokens, (0, 0, 0, -y % _WINDOW, 0, -x % _WINDOW))
        rows, columns = padded.shape[2] // _WINDOW, padded.shape[3] // _WINDOW
        real = functional.pad(tokens.new_ones(1, 1, x, y), (0, -y % _WINDOW, 0, -x % _WINDOW))
        query, key, value = self.project(padded).chunk(3, dim=-1)
        near_real = _surroundings(real).squeeze(-1)  # [1, 1, windows, seen]
        near_key, near_value = (_surroundings(part.flatten(0, 1).movedim(-1, 1)) for part in (key, value))
        far = self._pooled(padded, rows, columns)
        _, far_key, far_value = self.project(far).chunk(3, dim=-1)  # [n, time, windows, width]
        windows = rows * columns

        def together(near: Tensor, pooled: Tensor) -> Tensor:
            """[n * windows, heads, keys, width / heads] of all times."""
            near = near.unflatten(0, (n, time)).movedim(1, 3)  # [n, windows, seen, time, width]
            near = near.flatten(2, 3)
            pooled = pooled.flatten(1, 2)[:, None].expand(-1, windows, -1, -1)
            both = torch.cat([near, pooled], dim=2).flatten(0, 1)
            return both.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        own = _windows(query.flatten(0, 1).movedim(-1, 1)).unflatten(0, (n, time)).movedim(1, 3).flatten(2, 3)
        own = own.flatten(0, 1).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        seen = near_real[0].bool()[:, :, None].expand(-1, -1, time).flatten(1)  # [windows, seen * time]
        seen = torch.cat([seen, seen.new_ones(windows, time * windows)], dim=1)
        mask = seen[None].expand(n, -1, -1).flatten(0, 1)[:, None, None]
        found = functional.scaled_dot_product_attention(
            own, together(near_key, far_key), together(near_value, far_value), attn_mask=mask
        )
        found = found.transpose(1, 2).flatten(2).unflatten(1, (_WINDOW, _WINDOW, time))
        found = found.unflatten(0, (n, rows, columns)).permute(0, 5, 1, 3, 2, 4, 6)
        return found.reshape(n, time, rows * _WINDOW, columns * _WINDOW, width)[:, :, :x, :y]

    def _pooled(self, padded: Tensor, rows: int, columns: int) -> Tensor:
        """One token per window, [n, time, rows * columns, width]."""
        parts = padded.unflatten(3, (columns, _WINDOW)).unflatten(2, (rows, _WINDOW))
        parts = parts.permute(0, 1, 2, 4, 6, 3, 5).flatten(5)  # [n, time, rows, columns, width, window]
        pooled: Tensor = self.pool(parts)
        return pooled.squeeze(-1).flatten(2, 3)


def _windows(maps: Tensor) -> Tensor:
    """[n, windows, window * window, width] of maps [n, width, x, y]."""
    return _patches(maps, _WINDOW, 0)


def _surroundings(maps: Tensor) -> Tensor:
    """[n, windows, seen, width]: each window with its ring; zeros outside of the map."""
    return _patches(maps, _WINDOW + 2 * _RING, _RING)


def _patches(maps: Tensor, size: int, padding: int) -> Tensor:
    patches = functional.unfold(maps, size, padding=padding, stride=_WINDOW)
    return patches.unflatten(1, (maps.shape[1], size**2)).permute(0, 3, 2, 1)
