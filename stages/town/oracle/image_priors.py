"""Depth and segments of one image, as known to whoever built the town."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.town.sensors.recording import TownImage

SURE = 255
"""The score of what is known."""


@dataclass(frozen=True, slots=True)
class ImagePriors:
    """Every array is [h, w], over every pixel."""

    depth: NDArray[np.float32]
    """Metres along the optical axis; inf where there is no surface."""
    kinds: NDArray[np.uint8]
    """Town kind ids, 0 for the sky and where no segment says."""
    instances: NDArray[np.uint16]
    """Objects numbered 1, 2, ... within the image; 0 for stuff."""
    scores: NDArray[np.uint8]
    """0..255, how sure the kind is; 0 where ``kinds`` is."""


def exact_priors(image: TownImage) -> ImagePriors:
    """The truth, and sure of it."""
    scores = np.where(image.kinds > 0, SURE, 0).astype(np.uint8)
    return ImagePriors(image.depth, image.kinds, numbered(image.objects), scores)


def numbered(objects: NDArray[np.uint16] | NDArray[np.int64]) -> NDArray[np.uint16]:
    """The same objects, numbered 1, 2, ... in the order of their ids; 0 stays."""
    present, index = np.unique(objects, return_inverse=True)
    first = 0 if present[0] == 0 else 1
    return (index.reshape(objects.shape) + first).astype(np.uint16)
