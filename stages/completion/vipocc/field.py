"""The networks of ViPOcc: the density of every place before a camera (equation 1), and the depth of its image
(equation 3)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.stages.completion.vipocc.decoder import PixelFeatures
from occlabel.stages.completion.vipocc.sizes import FAR, NEAR, Sizes
from occlabel.stages.learning.reprojection import normalised

_OCTAVES, _BASE = 6, 1.5
"""Frequencies of the positional code, each twice the one before it, from ``_BASE`` radians on, as the released code has
them."""
_HIDDEN = 64
_LEAST, _MOST = 0.1, 80.0
"""[m] to which the prior's depth is clamped, and so is what is made of it."""
_INVERSE, _METRES = 0.1, 10.0
"""1/m and m that a residual of 1 stands for."""


class Looked(NamedTuple):
    """Images as the networks see them."""

    image: Tensor
    """[b, 3, h, w], 0..1."""
    prior: Tensor
    """[b, 1, h, w] inverse depth [1/m] of the prior; 0 unknown."""
    intrinsics: Tensor
    """[b, 3, 3] in pixels of the image."""


class Field(NamedTuple):
    """What was seen of one image each."""

    features: Tensor
    """[b, channels, h, w]."""
    intrinsics: Tensor
    """[b, 3, 3]."""


class ViPOcc(nn.Module):
    """The field, and the branch that aligns depth."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        kind, stem, code = sizes.encoder, sizes.stem, 3 + 6 * _OCTAVES
        self.features = PixelFeatures(kind, 4, stem, sizes.channels)
        self.first, self.second = nn.Linear(sizes.channels + code, _HIDDEN), nn.Linear(_HIDDEN, 1)
        # The branch is a ResNet-18 in the released code, whatever the field's encoder.
        self.branch = None if sizes.branch == "none" else PixelFeatures("resnet18", 4, stem, 1)
        if self.branch is not None:
            nn.init.zeros_(self.branch.last.weight)
            assert self.branch.last.bias is not None
            nn.init.zeros_(self.branch.last.bias)

    def look(self, looked: Looked) -> Field:
        """The field of each image."""
        return Field(self.features(_shown(looked)).float(), looked.intrinsics)

    def density(self, field: Field, places: Tensor) -> Tensor:
        """[b, n] in 1/m at ``places`` [b, n, 3] in metres, in the frames of the cameras.

        A place that does not lie in the image is asked at the nearest pixel that does. The code is of where it is in
        the image and of its inverse depth, each -1..1, as the released code has them."""
        depth = places[..., 2].clamp(min=_LEAST)
        at = torch.einsum("bij,bnj->bni", field.intrinsics, places)[..., :2] / depth[..., None]
        grid = normalised(at, field.features.shape[-2:])
        seen = functional.grid_sample(
            field.features, grid[:, None], align_corners=True, padding_mode="border"
        )  # [b, c, 1, n]
        near = 2 * (1 / depth - 1 / FAR) / (1 / NEAR - 1 / FAR) - 1
        code = positional(torch.cat([grid.clamp(-2, 2), near.clamp(-2, 2)[..., None]], dim=-1))
        told = torch.cat([seen[:, :, 0].transpose(1, 2), code], dim=-1)
        return functional.softplus(self.second(functional.relu(self.first(told))))[..., 0]

    def refined(self, looked: Looked) -> Tensor:
        """Inverse depth [b, 1, h, w] of the branch, between 1/80 and 10 [1/m]; 0 where it needs the prior and there is
        none.

        Equation 3 as the released code has it, with a tenth of what the network says; its depth can become negative or
        infinite, which is clamped here. ``residual`` adds to depth itself, as in the ablation, and ``depth`` leaves the
        prior away."""
        prior, known = looked.prior.clamp(1 / _MOST, 1 / _LEAST), looked.prior > 0
        if self.branch is None:
            return torch.where(known, prior, 0.0)
        if self.sizes.branch == "depth":
            blank = looked._replace(prior=torch.zeros_like(looked.prior))
            said = self.branch(_shown(blank)).float()
            return 1 / _MOST + (1 / NEAR - 1 / _MOST) * torch.sigmoid(said - 1)
        said = self.branch(_shown(looked)).float()
        if self.sizes.branch == "inverse":
            found = prior + _INVERSE * said
        else:
            found = 1 / (1 / prior + _METRES * said).clamp(_LEAST, _MOST)
        return torch.where(known, found.clamp(1 / _MOST, 1 / _LEAST), 0.0)


def positional(numbers: Tensor) -> Tensor:
    """[..., n] to [..., n * 13]: the numbers, and sine and cosine of each at the frequencies."""
    turns = _BASE * 2.0 ** torch.arange(_OCTAVES, dtype=numbers.dtype, device=numbers.device)
    angles = (numbers[..., None] * turns).flatten(-2)
    return torch.cat([numbers, angles.sin(), angles.cos()], dim=-1)


def _shown(looked: Looked) -> Tensor:
    """Depth is a fourth channel: without weights of ImageNet an encoder sees little depth in an image."""
    return torch.cat([looked.image - 0.5, 4 * looked.prior.clamp(0, 1 / NEAR)], dim=1)
