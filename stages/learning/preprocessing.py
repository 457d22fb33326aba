"""Images as models of the DPT family take them, with PIL alone: transformers' own processors are two, and which of them
one gets depends on what else is installed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Of the colours of ImageNet, 0..1."""


def size_for(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """Height and width to which an image is resized, aspect kept: of the two scales that bring a side to ``side`` the
    one that changes the image less, rounded to a ``multiple``."""
    upright, across = side / height, side / width
    scale = across if abs(1 - across) < abs(1 - upright) else upright
    return max(multiple, round(scale * height / multiple) * multiple), max(
        multiple, round(scale * width / multiple) * multiple
    )


def size_within(height: int, width: int, side: int, multiple: int) -> tuple[int, int]:
    """Height and width to which an image is resized, aspect kept: its longer side to ``side``, both rounded to a
    ``multiple``."""
    scale = side / max(height, width)
    upright, across = (max(multiple, round(scale * given / multiple) * multiple) for given in (height, width))
    return upright, across


def normalised(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.float32]:
    """RGB [h, w, 3] as float32 [3, height, width], resized (bicubic) and by mean and deviation of ImageNet."""
    height, width = size
    resized = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC), np.float32)
    scaled = (resized / np.float32(255) - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32)
    return np.ascontiguousarray(scaled.transpose(2, 0, 1))
