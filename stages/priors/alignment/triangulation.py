"""How far away points of an image are, by where another image of the same camera sees them and how it moved."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix

_CORNERS, _APART = 3000, 6
"""Points of an image that are followed, and pixels between two."""
_WINDOW = (15, 15)
"""Pixels around a point by which it is found again."""
_BACK = 0.7
"""Pixels that a point may be off when it is followed there and back."""
_ASIDE = 1.0
"""Pixels from where the motion of the camera lets it be: what moves by itself is rarely there."""
_PARALLAX = 3.0
"""Pixels by which it must have moved beyond what the turning of the camera makes; else its depth is a guess."""
_REACH = (1.0, 80.0)
"""[m]."""


@dataclass(frozen=True, slots=True)
class Triangulated:
    """Points of an image, those of the least parallax first."""

    pixels: NDArray[np.float64]
    """[n, 2]."""
    depth: NDArray[np.float64]
    """[n] metres along the optical axis."""


def triangulated(
    here: NDArray[np.uint8], there: NDArray[np.uint8], intrinsics: Matrix, there_from_here: Matrix
) -> Triangulated:
    """Corners of the image ``here`` [h, w, 3] that are found again in ``there``, whose camera stands elsewhere."""
    corners, found = _followed(*(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in (here, there)))
    back = np.linalg.inv(intrinsics)
    ray, seen = (np.concatenate([part, np.ones((len(part), 1))], axis=1) @ back.T for part in (corners, found))
    turned, moved = ray @ there_from_here[:3, :3].T, there_from_here[:3, 3]
    # A point at depth d is at d * turned + moved in the other camera, and lies on the ray that sees it.
    one, other = np.cross(seen, turned), np.cross(seen, np.broadcast_to(moved, seen.shape))
    with np.errstate(divide="ignore", invalid="ignore"):
        depth = -(one * other).sum(axis=1) / (one * one).sum(axis=1)
        still, expected = (_pixels(part, intrinsics) for part in (turned, depth[:, None] * turned + moved))
        parallax, aside = (np.linalg.norm(part - found, axis=1) for part in (still, expected))
        kept = (parallax >= _PARALLAX) & (aside <= _ASIDE) & (depth > _REACH[0]) & (depth < _REACH[1])
    order = np.argsort(parallax[kept], kind="stable")
    return Triangulated(corners[kept][order], depth[kept][order])


def _pixels(points: NDArray[np.float64], intrinsics: Matrix) -> NDArray[np.float64]:
    projected = points @ intrinsics.T
    return np.asarray(projected[:, :2] / projected[:, 2:])


def _followed(here: NDArray[np.uint8], there: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels [n, 2] of corners, and where they are in the other image."""
    corners = cv2.goodFeaturesToTrack(here, _CORNERS, 0.003, _APART)
    if corners is None:
        return np.empty((0, 2)), np.empty((0, 2))
    found, ahead, _ = cv2.calcOpticalFlowPyrLK(here, there, corners, None, winSize=_WINDOW, maxLevel=4)
    again, behind, _ = cv2.calcOpticalFlowPyrLK(there, here, found, None, winSize=_WINDOW, maxLevel=4)
    off = np.linalg.norm((again - corners).reshape(-1, 2), axis=1)
    kept = (ahead.ravel() == 1) & (behind.ravel() == 1) & (off < _BACK)
    return corners.reshape(-1, 2)[kept].astype(np.float64), found.reshape(-1, 2)[kept].astype(np.float64)
