"""Lenses of COLMAP's ``cameras.txt``: K, and by how many pixels what is not K bends the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, of_same_form, rescaled

_MOST_PIXELS = 1e5
"""Of a size, a focal length or a principal point."""
_MIDDLE = 0.5
"""COLMAP's pixel begins where ours has its middle."""
_MODELS = {
    "SIMPLE_PINHOLE": (1, 0), "PINHOLE": (2, 0), "SIMPLE_RADIAL": (1, 1), "RADIAL": (1, 2), "OPENCV": (2, 4),
    "FULL_OPENCV": (2, 8),
}  # fmt: skip
"""Model -> numbers of focal lengths and of coefficients, which are the first of OpenCV's k1, k2, p1, p2, k3 to k6."""


class Lens(NamedTuple):
    """Of one camera of a model."""

    intrinsics: Matrix
    """K [3, 3] in pixels of images of ``size``, the middle of the first pixel at 0."""
    size: tuple[int, int]
    """Width and height."""
    bends: float
    """Pixels by which distortion moves the corner that it moves farthest."""


def lens_of(fields: Sequence[str], where: str) -> tuple[int, Lens]:
    """Number of the camera and its lens, of the fields of a line: CAMERA_ID MODEL WIDTH HEIGHT PARAMS. ``where`` is the
    line in sentences. Raises BadLog."""
    try:
        number, model, width, height = int(fields[0]), fields[1], int(fields[2]), int(fields[3])
        numbers = np.array(fields[4:], np.float64)
    except (ValueError, IndexError) as error:
        raise BadLog(f"{where} is not CAMERA_ID MODEL WIDTH HEIGHT PARAMS") from error
    if model not in _MODELS:
        raise BadLog(
            f"{where}: lenses of the model {model} are not read; undistort the images (colmap image_undistorter), and "
            "give the model that comes out"
        )
    focal, bent = _MODELS[model]
    if len(numbers) != focal + 2 + bent or not np.isfinite(numbers).all():
        raise BadLog(f"{where}: {model} has {focal + 2 + bent} numbers, and here are {len(numbers)}")
    most = max(width, height, *np.abs(numbers[: focal + 2]).tolist())
    if min(width, height) < 1 or numbers[:focal].min() <= 0 or most > _MOST_PIXELS:
        raise BadLog(f"{where}: no lens has such a size or focal length")
    k = np.eye(3)
    k[0, 0], k[1, 1] = numbers[0], numbers[focal - 1]
    k[:2, 2] = numbers[focal : focal + 2] - _MIDDLE
    coefficients = np.zeros(8)
    coefficients[:bent] = numbers[focal + 2 :]
    return number, Lens(k, (width, height), _bends(k, (width, height), coefficients))


def fitted(lens: Lens, size: tuple[int, int] | None) -> Matrix:
    """K [3, 3] for images of ``size`` (width, height), of its own where that is not known; NaN where images of one
    cannot come from the other by scaling."""
    if size is None or size == lens.size:
        return lens.intrinsics
    return rescaled(lens.intrinsics, lens.size, size) if of_same_form(lens.size, size) else np.full((3, 3), np.nan)


def _bends(k: Matrix, size: tuple[int, int], coefficients: NDArray[np.float64]) -> float:
    """By OpenCV's model, of which the others are a part."""
    k1, k2, p1, p2, k3, k4, k5, k6 = coefficients.tolist()
    corners = np.array([(u, v) for u in (0, size[0] - 1) for v in (0, size[1] - 1)], np.float64)
    x, y = ((corners - k[:2, 2]) / [k[0, 0], k[1, 1]]).T
    r = x**2 + y**2
    radial = (1 + k1 * r + k2 * r**2 + k3 * r**3) / (1 + k4 * r + k5 * r**2 + k6 * r**3) - 1
    along = x * radial + 2 * p1 * x * y + p2 * (r + 2 * x**2)
    down = y * radial + p1 * (r + 2 * y**2) + 2 * p2 * x * y
    return float(np.hypot(along * k[0, 0], down * k[1, 1]).max())
