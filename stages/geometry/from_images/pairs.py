"""What two images of a film share, and whether the camera moved between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

FEWEST, SHARE = 30, 0.35
"""Matches of two images that one motion must explain: so many, and so much of them."""
OFF = 2.0
"""Pixels by which a match may be off."""
_UPPER = 0.8


@dataclass(frozen=True, slots=True)
class Pair:
    """Of the matches of two images one motion explains so many ``points``; they ``moved`` by so many pixels in
    the middle of all, and by ``parallax`` pixels, at the upper fifth, that no homography explains, as a rotation is."""

    points: int
    moved: float
    parallax: float


def pair_of(first: NDArray[np.float64], second: NDArray[np.float64], points: int, shrunk: float) -> Pair:
    """Of matches [n, 2], so many ``points`` of which one motion explains, in pixels of images; counted are those of
    images ``shrunk`` so much for points to be looked for in them."""
    moved = float(np.median(np.linalg.norm(second - first, axis=1)))
    return Pair(points, moved * shrunk, _parallax(first, second, shrunk))


def enough(points: int, matches: int) -> bool:
    """Whether one motion that explains so many of the matches of two images is theirs."""
    return points >= max(FEWEST, SHARE * matches)


def _parallax(first: NDArray[np.float64], second: NDArray[np.float64], shrunk: float) -> float:
    cv2.setRNGSeed(0)
    plane, _ = cv2.findHomography(first, second, cv2.RANSAC, OFF / shrunk)
    if plane is None:
        return 0.0
    moved = np.column_stack([first, np.ones(len(first))]) @ plane.T
    there = np.abs(moved[:, 2]) > 1e-9
    off = moved[there, :2] / moved[there, 2:] - second[there]
    return float(np.quantile(np.linalg.norm(off, axis=1), _UPPER)) * shrunk if len(off) else 0.0
