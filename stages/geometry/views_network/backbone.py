"""DINOv2 of which, from some block on, every second one looks across all views (Lin et al., Depth Anything 3, 2025)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from occlabel.stages.geometry.views_network.rotary import Turns, anywhere, grid
from occlabel.stages.learning.dinov2 import Backbone, Sizes

_EPSILON = 1e-5


class ViewsBackbone(Backbone):
    """Tokens of several views of one scene; the first of them is the one that the others are seen from."""

    def __init__(self, sizes: Sizes, together_from: int) -> None:
        """From the block ``together_from`` on tokens know their places, and those of odd number see all views."""
        super().__init__(sizes, _EPSILON, normed_from=together_from)
        self.camera_token = nn.Parameter(torch.zeros(1, 2, sizes.width))
        self._together_from, self._head_width = together_from, sizes.width // sizes.heads

    def forward(self, image: Tensor, layers: Sequence[int]) -> list[Tensor]:
        """Tokens [views, 1 + patches, 2 width] after each of ``layers``: as the last block that saw single views left
        them, and as they are now; the second half not normalised yet (``shown``). ``image`` [views, 3, h, w] has sides
        that are multiples of a patch's."""
        views = len(image)
        rows, columns = (side // self.patch for side in image.shape[2:])
        here = Turns(grid(rows, columns, image.device), self._head_width)
        across = Turns(anywhere(views, rows * columns, image.device), self._head_width)
        tokens = self.embedded(image)
        alone, said = tokens, {}
        for index, block in enumerate(self.blocks):
            if index == self._together_from:
                tokens = torch.cat([self._cameras(views), tokens[:, 1:]], dim=1)
            if index < self._together_from:
                alone = tokens = block(tokens)
            elif index % 2 == 0:
                alone = tokens = block(tokens, here)
            else:
                tokens = block(tokens.flatten(0, 1)[None], across)[0].unflatten(0, (views, -1))
            if index in layers:
                said[index] = torch.cat([alone, tokens], dim=-1)
        return [said[index] for index in layers]

    def shown(self, tokens: Tensor) -> Tensor:
        """The tokens of patches [views, patches, 2 width] as a head reads them, of what ``forward`` gave."""
        alone, together = tokens[:, 1:].chunk(2, dim=-1)
        return torch.cat([alone, self.norm(together)], dim=-1)

    def _cameras(self, views: int) -> Tensor:
        """[views, 1, width]: one token for the first view and one for all others."""
        first, other = self.camera_token[0]
        return torch.stack([first, *[other] * (views - 1)])[:, None]
