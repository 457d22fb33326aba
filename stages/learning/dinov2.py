"""DINOv2 (Oquab et al. 2023) for inference: a vision transformer with tensors named as in its own weight files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention

_OFFSET = 0.1
"""Added to a grid's size before positions are interpolated, as DINOv2 was trained."""
_EPSILON = 1e-6


class Sizes(NamedTuple):
    """Of a vision transformer."""

    width: int
    depth: int
    heads: int


class Backbone(nn.Module):
    """Tokens of an image, one of the whole and one a patch, from several depths."""

    patch = 14

    positions = 37
    """Rows and columns of patches that it was trained with."""

    def __init__(self, sizes: Sizes, epsilon: float = _EPSILON, normed_from: int | None = None) -> None:
        """``epsilon``: of the norm behind the last block; from the block ``normed_from`` on queries and keys are
        normalised."""
        super().__init__()
        width = sizes.width
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.positions**2, width))
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, self.patch, self.patch)})
        since = sizes.depth if normed_from is None else normed_from
        self.blocks = nn.ModuleList(Block(width, sizes.heads, index >= since) for index in range(sizes.depth))
        self.norm = nn.LayerNorm(width, epsilon)

    def forward(self, image: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Tokens [b, 1 + patches, width] after each of ``layers``, normalised; ``image`` [b, 3, h, w] has sides that
        are multiples of a patch's."""
        tokens = self.embedded(image)
        said: dict[int, Tensor] = {}
        for index, block in enumerate(self.blocks):
            tokens = block(tokens)
            if index in layers:
                said[index] = self.norm(tokens)
        return [said[index] for index in layers]

    def embedded(self, image: Tensor) -> Tensor:
        """What the first block is given [b, 1 + patches, width]."""
        patches = self.patch_embed["proj"](image)
        rows, columns = patches.shape[2:]
        tokens = torch.cat([self.cls_token.expand(len(image), -1, -1), patches.flatten(2).transpose(1, 2)], dim=1)
        return tokens + self._positions(rows, columns)

    def _positions(self, rows: int, columns: int) -> Tensor:
        if rows == columns == self.positions:
            return self.pos_embed
        own = self.pos_embed[:, 1:].unflatten(1, (self.positions, self.positions)).permute(0, 3, 1, 2)
        scale = ((rows + _OFFSET) / self.positions, (columns + _OFFSET) / self.positions)
        grid = interpolate(own, scale_factor=scale, mode="bicubic", antialias=False)
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class Rotary(Protocol):
    """What turns queries and keys by where their tokens are."""

    def __call__(self, tokens: Tensor) -> Tensor:
        """[b, heads, n, width / heads], as many."""


class Block(nn.Module):
    """Tokens look at each other, and then each at itself. ``normed``: queries and keys are normalised first."""

    def __init__(self, width: int, heads: int, normed: bool = False) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width, _EPSILON), nn.LayerNorm(width, _EPSILON)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
        if normed:
            self.attn.update({name: nn.LayerNorm(width // heads) for name in ("q_norm", "k_norm")})
        self.mlp = nn.ModuleDict({"fc1": nn.Linear(width, 4 * width), "fc2": nn.Linear(4 * width, width)})
        self.ls1, self.ls2 = _Scale(width), _Scale(width)
        self._heads, self._normed = heads, normed

    def forward(self, tokens: Tensor, turned: Rotary | None = None) -> Tensor:
        """[b, n, width], as many."""
        tokens = tokens + self.ls1(self._attend(self.norm1(tokens), turned))
        hidden = gelu(self.mlp["fc1"](self.norm2(tokens)))
        return tokens + self.ls2(self.mlp["fc2"](hidden))

    def _attend(self, tokens: Tensor, turned: Rotary | None) -> Tensor:
        split = self.attn["qkv"](tokens).unflatten(2, (3, self._heads, -1))  # [b, n, 3, heads, width / heads]
        query, key, value = split.permute(2, 0, 3, 1, 4)
        if self._normed:
            query, key = self.attn["q_norm"](query), self.attn["k_norm"](key)
        if turned is not None:
            query, key = turned(query), turned(key)
        mixed = scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        result: Tensor = self.attn["proj"](mixed)
        return result


class _Scale(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens * self.gamma
