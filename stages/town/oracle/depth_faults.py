"""Depth as a model of single images sees it: right in its order, wrong in scale, smeared at edges.

What is wrong has three time constants. A log has its own scale and a drift along the way; each image has its own scale,
shift and slow bends; and some is wrong in the same way everywhere, which a network could learn to undo: the
compression of far depth, and what it takes each kind of thing for.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from occlabel.stages.town.sensors.recording import TownImage
from occlabel.stages.town.things.kinds import KINDS

_NEUTRAL = 10.0
"""Depth [m] that compression leaves as it is."""
_COMPRESSION = 0.92
"""Exponent of depth over ``_NEUTRAL``: 60 m are taken for 52."""
_OF_KINDS = 0.04
"""Sigma of the log of the scale that is wrong for a kind."""
_OF_OBJECTS = 0.05
"""Sigma for each object of an image."""
_BENDS = 0.04
"""Sigma of slow bends over an image."""
_GRAIN = 0.008
"""Sigma from pixel to pixel."""
_THIN = 0.004
"""What is thinner than half this share of the width may be missed."""
_SMEAR = 0.0025
"""Sigma of the blur of inverse depth, as a share of the width."""
_FARTHEST = 250.0
"""No depth is beyond [m]."""


@dataclass(frozen=True, slots=True)
class DepthDrift:
    """What is wrong with the scale of one log."""

    scale: float
    """Log of the scale."""
    shift: float
    """Of inverse depth [1/m]."""
    sway: tuple[float, float]
    """Amplitude of the drift of the log of the scale, and of the shift [1/m]."""
    period: float
    """Frames."""
    phase: float

    def at(self, frame: int) -> tuple[float, float]:
        """Log of the scale and shift of inverse depth [1/m]."""
        swing = np.sin(2 * np.pi * (frame / self.period + self.phase))
        return self.scale + self.sway[0] * float(swing), self.shift + self.sway[1] * float(swing)


def draw_drift(rng: np.random.Generator) -> DepthDrift:
    """The drift of a log."""
    sway = (float(rng.uniform(0.02, 0.08)), float(rng.uniform(0.0, 0.003)))
    return DepthDrift(
        float(rng.normal(0, 0.10)), float(rng.normal(0, 0.003)), sway, float(rng.uniform(15, 60)), float(rng.random())
    )


def degraded_depth(image: TownImage, drift: DepthDrift, frame: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """[h, w] metres, inf for what is taken for sky."""
    height, width = image.depth.shape
    thin = max(3, int(_THIN * width) // 2 * 2 + 1)
    with np.errstate(divide="ignore"):
        inverse = median_filter(1.0 / image.depth, thin, mode="nearest")  # the sky is 0
    smear = max(_SMEAR * width, 0.6)
    inverse = cv2.GaussianBlur(inverse, (0, 0), smear, borderType=cv2.BORDER_REPLICATE)
    sky = cv2.GaussianBlur((image.kinds == 0).astype(np.float32), (0, 0), smear) > 0.5
    depth = 1.0 / np.maximum(inverse, 1 / _FARTHEST)
    scale, shift = drift.at(frame)
    error = scale + rng.normal(0, 0.03) + bends((height, width), (3, 5), rng) * _BENDS
    error += _wrong_for_all()[image.kinds]
    objects = np.unique(image.objects[image.objects > 0], return_inverse=True)[1].ravel()
    error[image.objects > 0] += rng.normal(0, _OF_OBJECTS, objects.max(initial=-1) + 1)[objects]
    error += rng.normal(0, _GRAIN, error.shape)
    compressed = _NEUTRAL * (depth / _NEUTRAL) ** _COMPRESSION * np.exp(error)
    shifted = 1.0 / np.maximum(1.0 / compressed + shift + rng.normal(0, 0.002), 1 / _FARTHEST)
    return np.where(sky, np.inf, shifted).astype(np.float32)


def _wrong_for_all() -> NDArray[np.float64]:
    """Log of the scale that is wrong for each kind id, in every log."""
    wrong = np.random.default_rng(0).normal(0, _OF_KINDS, len(KINDS) + 1)
    wrong[0] = 0.0
    return wrong


def bends(shape: tuple[int, int], knots: tuple[int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    """Smooth noise [h, w] of about unit variance, with so many independent values down and across."""
    lattice = rng.normal(0, 1, knots)
    return np.asarray(cv2.resize(lattice, shape[::-1], interpolation=cv2.INTER_CUBIC), np.float64)
