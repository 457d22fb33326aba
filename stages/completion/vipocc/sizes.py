"""Sizes of the networks, and how they are asked; for this nobody needs torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Encoder = Literal["resnet18", "resnet50"]
Branch = Literal["inverse", "residual", "depth", "none"]

NEAR, FAR = 3.0, 80.0
"""[m] along the optical axis, between which the field is asked."""
THRESHOLD = 0.5
"""Density [1/m] from which on a place is occupied (supplement, B.1.2)."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The defaults are what two CPU cores train; the paper's are resnet50, stem 64, 192 x 640 and 64 channels."""

    encoder: Encoder = "resnet18"
    stem: int = 32
    """Channels of the encoder's first stage."""
    rows: int = 96
    """Of the image as the networks see it, a multiple of 32."""
    columns: int = 320
    """Likewise."""
    channels: int = 32
    """Of the features of a pixel."""
    branch: Branch = "inverse"
    """inverse: it adds to the inverse depth of the prior (equation 3); residual: to its depth; depth: it goes without
    the prior; none: there is no branch, and depth is the prior's."""
