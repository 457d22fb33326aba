"""What becomes of a calibration when an image is made larger or smaller. Pixels are counted from the middle of the
first."""

from __future__ import annotations

import numpy as np

from occlabel.schemas.geometry import Matrix

Size = tuple[int, int]
"""Height and width in pixels."""


def scales(size: Size, own: Size) -> tuple[float, float]:
    """(down, across): pixels of an image of ``own`` size for one of an image of ``size``."""
    return own[0] / size[0], own[1] / size[1]


def squeezed(intrinsics: Matrix, scale: tuple[float, float]) -> Matrix:
    """K of an image after its pixels were made so much smaller."""
    down, across = scale
    move = np.array([[across, 0, (across - 1) / 2], [0, down, (down - 1) / 2], [0, 0, 1]])
    result: Matrix = move @ intrinsics
    return result
