"""What a camera that was never there would see, from the points that fall into its image.

Each thing that is known of a pixel has an embedding of its own; together they go down to an eighth of the view and up
again with skips. Depth is what the nearest point says and what is to be added to its logarithm; where none falls, what
is to be added to ten metres. With segmentation forcing the feature maps of a segmenter are reproduced as well, from
which its own frozen last layer reads labels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.occany.sizes import FAR, NEAR, Sizes

_EMBEDDED = 16
"""Channels of each thing that is known of a pixel."""
_USUAL = math.log(10.0)
_SUREST = 6.0
"""Of the logarithm of confidence beyond 1."""


class Views(NamedTuple):
    """What is known of n views of h x w pixels."""

    geometry: Tensor
    """[n, 3, h, w]: whether a point is there, logarithm of its depth, how far off it may be."""
    colours: Tensor
    """[n, 3, h, w], -1..1; 0 without a point."""
    classes: Tensor
    """[n, h, w] int64; the number of classes where none is known."""
    scores: Tensor
    """[n, 1, h, w], 0..1: of the class."""
    rays: Tensor
    """[n, 3, h, w] in the ego frame."""


class Said(NamedTuple):
    """What the network says of n views."""

    depth: Tensor
    """[n, h, w] metres along the optical axis."""
    confidence: Tensor
    """[n, h, w], more than 1."""
    features: Tensor | None
    """[n, features, h, w] of the segmenter; None without segmentation forcing."""


def views_of(parts: Mapping[str, Tensor], classes: int) -> Views:
    """Of a batch of ``Rendered.parts``, of a taxonomy of so many classes."""
    seen, known = (parts["depth"] > 0).float(), parts["classes"].long()
    logarithm = parts["depth"].clamp(min=NEAR).log()
    colours = parts["colours"].permute(0, 3, 1, 2).float() / 127.5 - 1
    return Views(
        torch.stack([seen, logarithm * seen, parts["off"].clamp(max=1) * seen], dim=1),
        colours * seen[:, None],
        torch.where(known == UNKNOWN, classes, known),
        parts["scores"].float()[:, None] / 255,
        parts["rays"].permute(0, 3, 1, 2),
    )


class _Block(nn.Module):
    """Two convolutions, whose sum with what goes in comes out; the first may halve the sides."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            nn.Conv2d(outputs, outputs, 3, 1, dilation, dilation, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip
        same = stride == 1 and inputs == outputs
        self.past = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, features: Tensor) -> Tensor:
        return functional.relu(self.body(features) + self.past(features))


class OccAny(nn.Module):
    """See the module. ``labels`` are how many the segmenter has; its last layer is ``head`` [labels, features] with
    ``bias``, and is never trained."""

    head: Tensor
    bias: Tensor

    def __init__(self, classes: int, labels: int, sizes: Sizes) -> None:
        super().__init__()
        self.classes, self.sizes = classes, sizes
        width = sizes.width
        self.geometry, self.colours, self.rays = (nn.Conv2d(3, _EMBEDDED, 3, padding=1) for _ in range(3))
        self.names = nn.Embedding(classes + 1, _EMBEDDED)
        self.together = nn.Sequential(nn.Conv2d(4 * _EMBEDDED, width, 1), nn.GroupNorm(1, width))
        self.down = nn.ModuleList([
            _Block(width, width), _Block(width, 2 * width, 2), _Block(2 * width, 3 * width, 2),
            nn.Sequential(_Block(3 * width, 4 * width, 2), *(_Block(4 * width, 4 * width, 1, d) for d in (2, 4, 1))),
        ])  # fmt: skip
        self.up = nn.ModuleList([
            _Block(7 * width, 3 * width), _Block(5 * width, 2 * width), _Block(3 * width, width),
        ])  # fmt: skip
        self.depth = nn.Conv2d(width, 2, 1)
        self.features = nn.Conv2d(width, sizes.features, 1) if sizes.forced else None
        self.register_buffer("head", torch.zeros(labels, sizes.features))
        self.register_buffer("bias", torch.zeros(labels))
        with torch.no_grad():
            self.depth.weight.mul_(0.1)

    def forward(self, views: Views) -> Said:
        named = self.names(views.classes).permute(0, 3, 1, 2) * views.scores
        parts = [self.geometry(views.geometry), self.colours(views.colours), self.rays(views.rays), named]
        features, skipped = self.together(torch.cat(parts, dim=1)), []
        for layer in self.down:
            features = layer(features)
            skipped.append(features)
        skipped.pop()
        for layer in self.up:
            beside = skipped.pop()
            larger = functional.interpolate(features, size=beside.shape[-2:], mode="bilinear", align_corners=False)
            features = layer(torch.cat([larger, beside], dim=1))
        with torch.autocast(features.device.type, enabled=False):  # of 16 bits too few are left for a depth
            more, sure = self.depth(features.float()).unbind(dim=1)
            there, logarithm = views.geometry[:, 0].float(), views.geometry[:, 1].float()
            start = torch.where(there > 0, logarithm, _USUAL)
            depth = (start + more).clamp(math.log(NEAR), math.log(2 * FAR)).exp()
        seen = None if self.features is None else self.features(features)
        return Said(depth, 1 + sure.clamp(-_SUREST, _SUREST).exp(), seen)

    def labels(self, features: Tensor) -> Tensor:
        """How likely each label of the segmenter is, [n, labels, h, w], by its own last layer."""
        scores = torch.einsum("nfhw,lf->nlhw", features.float(), self.head) + self.bias[:, None, None]
        return scores.softmax(dim=1)
