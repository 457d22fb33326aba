"""Points of an image that can be found again in another: SIFT (Lowe 2004), compared by the square roots of their
descriptors (Arandjelović and Zisserman 2012)."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

LONGEST = 1250
"""Pixels of the longer side that points are looked for in: KITTI's own, and half the work of 1600 for as good a way."""
_POINTS = 2000
_RATIO = 0.8
"""Of the distance to the best and to the second best partner (Lowe 2004, figure 11)."""


@dataclass(frozen=True, slots=True)
class Features:
    """``pixels`` float64 [n, 2] (u, v) of the image as it is; ``descriptors`` float32 [n, 128] of length 1."""

    pixels: NDArray[np.float64]
    descriptors: NDArray[np.float32]


def features_of(grey: NDArray[np.uint8] | None) -> Features:
    """Of an image [h, w]; none of one without texture, or where there is no image."""
    none = Features(np.zeros((0, 2)), np.zeros((0, 128), np.float32))
    if grey is None:
        return none
    shrunk = min(1.0, LONGEST / max(grey.shape))
    size = tuple(max(1, round(side * shrunk)) for side in grey.shape[::-1])
    small = grey if shrunk == 1 else cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    found, described = cv2.SIFT.create(nfeatures=_POINTS, contrastThreshold=0.02).detectAndCompute(small, None)
    if described is None or not len(found):
        return none
    grown = np.array(grey.shape[::-1]) / small.shape[::-1]
    # The middle of the first pixel is at 0 in both sizes.
    pixels = (np.array([point.pt for point in found], np.float64) + 0.5) * grown - 0.5
    roots = np.sqrt(described / np.maximum(described.sum(axis=1, keepdims=True), 1e-6))
    return Features(pixels, roots.astype(np.float32))


def matches(first: Features, second: Features) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices [m] of points of both that are each other's best partner, and clearly so."""
    if len(first.pixels) < 2 or len(second.pixels) < 2:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    alike = first.descriptors @ second.descriptors.T
    rows, best, back = np.arange(len(alike)), alike.argmax(axis=1), alike.argmax(axis=0)
    top = alike[rows, best]
    alike[rows, best] = -1.0
    near, next_near = (np.sqrt(np.maximum(2 - 2 * value, 0)) for value in (top, alike.max(axis=1)))
    kept = (back[best] == rows) & (near < _RATIO * next_near)
    return rows[kept], best[kept]
