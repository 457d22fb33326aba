"""What the network learns from: depth that knows how sure it is, and the feature maps of a segmenter."""

from __future__ import annotations

from torch import Tensor

from occlabel.stages.completion.occany.network import Said
from occlabel.stages.completion.occany.sizes import FAR

SURENESS = 0.2
"""lambda of the confidence-aware loss (alpha of DUSt3R)."""
UNIT = 10.0
"""[m] in which errors are counted: an error of a metre is right to be said with a confidence of 2."""


def pointmap_loss(said: Said, truth: Tensor, slant: Tensor) -> Tensor:
    """c e - lambda log c, the mean over pixels, of depth up to FAR, to which the sky is counted too.

    e is the Manhattan distance of the point to the true one, whose depth is ``truth`` [n, h, w]; both lie on one ray,
    so it is what their depths differ by times ``slant`` [n, h, w], the sum of the ray's absolute coordinates.
    """
    away = (said.depth.clamp(max=FAR) - truth.clamp(max=FAR)).abs() * slant / UNIT
    return (said.confidence * away - SURENESS * said.confidence.log()).mean()


def forcing_loss(said: Said, taught: Tensor) -> Tensor:
    """Mean absolute difference from the feature maps ``taught`` [n, features, h, w] of the frozen segmenter, which saw
    the real image there."""
    assert said.features is not None
    return (said.features.float() - taught).abs().mean()
