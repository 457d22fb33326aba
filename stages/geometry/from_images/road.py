"""How long a way was, in heights of the camera: the road as a plane, laid photometrically from one image onto another.

A plane n . X = d before the first camera moves between two images as x2 ~ K (R + t n' / d) K^-1 x1 (Faugeras and
Lustman 1988). R and the direction of t are known, so that n / d has three unknowns, in which the homography is linear:
they are found by least squares of brightness (Lucas and Kanade 1981), from many lengths to begin with. Of smooth
asphalt this sees what corners do not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.geometry.from_images.brightness import Fit, Plane, sharp

_ASIDE, _NEAR, _FAR = 1.2, 3.0, 11.0
"""The road that is looked at, in heights of the camera: so far to each side, and from there to there ahead."""
_PIXELS, _COARSE = 8_000, 6
"""So many pixels are looked at, and one in so many while lengths are tried."""
_AROUND = 0.3
"""Of the size of the road in an image is looked at around it in the other."""
_LENGTHS = np.geomspace(0.02, 4.0, 90)
"""Ways to begin with, in heights of the camera."""
_BLURS = (3.0, 1.0)
"""Pixels; the coarse one first."""
_ALIKE = 0.5
"""Correlation of both images of the road, for them to be one."""
_UNSURE = 0.2
"""Deviation of a length, as a share of it, that tells nothing any more."""

Direction = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Road:
    """``length`` of the way in heights of the camera above the road, its ``deviation`` as a share of it, and ``down``
    [3], of length 1, which points from the first camera to the road."""

    length: float
    deviation: float
    down: Direction


def road_of(
    first: NDArray[np.uint8], second: NDArray[np.uint8], intrinsics: Matrix, turn: Matrix, way: Direction
) -> Road | None:
    """From two images [h, w], grey, and the motion x2 = turn x1 + length way between them. None where no road is seen,
    or it is too smooth, or does not move as a plane."""
    axes = _axes(-turn.T @ way)
    pixels = _window(first.shape, intrinsics, axes)
    if len(pixels) < Fit.LEAST:
        return None
    corner, (one, other) = _cut(pixels, first, second)
    k = intrinsics.copy()
    k[:2, 2] -= corner
    pixels = pixels - corner
    rays = np.column_stack([pixels, np.ones(len(pixels))]) @ np.linalg.inv(k).T
    plane: Plane | None = None
    for blur in _BLURS:
        seen, shown = sharp(one, blur), sharp(other, blur)
        if plane is None:
            rough = Fit((k, turn, way), axes, (rays[::_COARSE], pixels[::_COARSE]), (seen, shown))
            tried = [np.array([length, 0.0, 0.0]) for length in _LENGTHS]
            plane = max(tried, key=rough.alike)
        fit = Fit((k, turn, way), axes, (rays, pixels), (seen, shown))
        plane, deviation = fit.best(plane)
    assert plane is not None
    if not deviation < _UNSURE or plane[0] <= 0 or fit.alike(plane) < _ALIKE:
        return None
    down, ahead, right = axes
    leaning = down + plane[1] * ahead + plane[2] * right
    return Road(float(plane[0] * np.linalg.norm(leaning)), deviation, leaning / np.linalg.norm(leaning))


def _axes(moved: Direction) -> tuple[Direction, Direction, Direction]:
    """Down, ahead and to the right in the first camera, of a car that drives along the road and a camera that does not
    lean to a side."""
    ahead = moved if moved[2] > 0 else -moved
    down = np.array([0.0, 1.0, 0.0]) - ahead[1] * ahead
    down /= np.linalg.norm(down)
    return down, ahead, np.cross(down, ahead)


def _window(
    shape: tuple[int, ...], intrinsics: Matrix, axes: tuple[Direction, Direction, Direction]
) -> NDArray[np.float64]:
    """Pixels [n, 2] that show the road before the car."""
    down, ahead, right = axes
    v, u = np.mgrid[0 : shape[0], 0 : shape[1] : 2].reshape(2, -1)
    rays = np.column_stack([u, v, np.ones(len(u))]) @ np.linalg.inv(intrinsics).T
    below = rays @ down
    with np.errstate(divide="ignore", invalid="ignore"):
        far, side = rays @ ahead / below, rays @ right / below
    kept = np.flatnonzero((below > 1e-3) & (far > _NEAR) & (far < _FAR) & (np.abs(side) < _ASIDE))
    kept = kept[:: max(1, len(kept) // _PIXELS)]
    return np.column_stack([u[kept], v[kept]]).astype(np.float64)


def _cut(
    pixels: NDArray[np.float64], *images: NDArray[np.uint8]
) -> tuple[NDArray[np.float64], list[NDArray[np.uint8]]]:
    """The part of the images around ``pixels``, and the pixel at which it begins."""
    low, high = pixels.min(axis=0), pixels.max(axis=0)
    more = _AROUND * (high - low) + 8
    u, v = np.maximum(low - more, 0).astype(int)
    right, below = (high + more).astype(int)
    return np.array([u, v], np.float64), [np.ascontiguousarray(image[v:below, u:right]) for image in images]
