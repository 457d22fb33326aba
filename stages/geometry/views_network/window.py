"""What a network says of some frames of a film at once, and how that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix


@dataclass(frozen=True)
class Views:
    """``first_from_camera`` [view, 4, 4] in a length of its own, and K ``intrinsics`` [view, 3, 3] in pixels of the
    images as they were given, NaN of a view of which they cannot be told. ``depth`` [view, h, w] along z in that
    length, ``confidence`` [view, h, w], more than 1, both evenly spread over the images."""

    first_from_camera: NDArray[np.float64]
    intrinsics: NDArray[np.float64]
    depth: NDArray[np.float32]
    confidence: NDArray[np.float32]


Estimate = Callable[[Sequence[NDArray[np.uint8]]], Views]
"""Takes images [h, w, 3] of one size."""


@dataclass(frozen=True)
class Points:
    """Of a view, in the frame of the first view: ``places`` [n, 3], their ``depth`` [n] along z, and ``sure`` [n], 0 or
    more, by how much the network would weigh an error of them."""

    places: NDArray[np.float64]
    depth: NDArray[np.float64]
    sure: NDArray[np.float64]


def points_of(views: Views, view: int, size: tuple[int, int], step: int) -> Points:
    """Every ``step`` th row and column of a view of images of ``size`` (width, height): the same of the same image,
    whichever window it is in."""
    depth, sure = views.depth[view, ::step, ::step], views.confidence[view, ::step, ::step] - 1
    high, wide = views.depth.shape[1:]
    v, u = np.mgrid[0:high:step, 0:wide:step] + 0.5
    pixels = np.stack([u * size[0] / wide - 0.5, v * size[1] / high - 0.5, np.ones_like(u)], axis=-1).reshape(-1, 3)
    flat = depth.ravel().astype(np.float64)
    pose: Matrix = views.first_from_camera[view]
    rays = pixels @ np.linalg.inv(views.intrinsics[view]).T
    return Points(flat[:, None] * rays @ pose[:3, :3].T + pose[:3, 3], flat, np.maximum(sure, 0).ravel().astype(float))


def windows(numbers: Sequence[int], views: int, overlap: int) -> list[list[int]]:
    """Of frames ``numbers`` so many at once, of which ``overlap`` and no fewer are also in the window before; the last
    reaches back for as many as the others have."""
    if len(numbers) <= views:
        return [list(numbers)]
    starts = list(range(0, len(numbers) - views, views - overlap))
    return [list(numbers[start : start + views]) for start in (*starts, len(numbers) - views)]
