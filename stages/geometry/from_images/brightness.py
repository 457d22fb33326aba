"""The brightness of a plane in two images, and the plane under which both are most alike (Lucas and Kanade 1981)."""

from __future__ import annotations

from typing import ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix

_TILT, _ROLL = np.deg2rad(1.0), np.deg2rad(2.0)
"""By how much the road leans from the way that the car takes, and the camera from the road."""
_ROUNDS = 12
_NEIGHBOURS = 9.0
"""Pixels that a blur makes alike: so many fewer are told apart."""
_CUT = 4.7
"""Deviations beyond which brightness that is off is another thing's (Tukey's weights)."""

Plane = NDArray[np.float64]
"""[3]: one length of the way over the distance of the plane; how far it leans ahead, and to the right."""
Directions = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


class Fit:
    """``motion`` is K, the rotation and the direction of the way from the first camera to the second; ``axes`` are
    down, ahead and right in the first; ``looked_at`` the rays [n, 3] and pixels [n, 2] of the first image; ``images``
    both, as ``sharp`` makes them."""

    LEAST: ClassVar[int] = 400
    """Pixels of the plane that both images must show."""

    def __init__(
        self,
        motion: tuple[Matrix, Matrix, NDArray[np.float64]],
        axes: Directions,
        looked_at: tuple[NDArray[np.float64], NDArray[np.float64]],
        images: tuple[NDArray[np.float32], NDArray[np.float32]],
    ) -> None:
        self._k, turn, self._way = motion
        self._axes = axes
        self._rays, pixels = looked_at
        self._seen, self._other = _sampled(images[0], pixels), images[1]
        self._turned = self._rays @ turn.T
        self._slopes = [cv2.Sobel(self._other, cv2.CV_32F, *along, ksize=3, scale=1 / 8) for along in ((1, 0), (0, 1))]

    def alike(self, plane: Plane) -> float:
        """Correlation, -1..1; -1 where too little is seen in both."""
        pixels, _, _ = self._laid(plane)
        there = self._inside(pixels)
        if there.sum() < min(self.LEAST, 1 + len(there) // 3):
            return -1.0
        one, other = self._seen[there], _sampled(self._other, pixels[there])
        one, other = one - one.mean(), other - other.mean()
        length = float(np.sqrt((one @ one) * (other @ other)))
        return float(one @ other) / length if length > 0 else -1.0

    def best(self, plane: Plane) -> tuple[Plane, float]:
        """The plane near the given one under which both are most alike, and the deviation of its first number as a
        share of it; infinite where there is none."""
        deviation = np.inf
        prior = np.array([0.0, _TILT**-2, _ROLL**-2])
        for _ in range(_ROUNDS):
            pixels, placed, leaning = self._laid(plane)
            there = self._inside(pixels)
            if there.sum() < self.LEAST or plane[0] <= 0:
                return plane, np.inf
            slope = self._slope(plane, placed, leaning, there)
            off, change = self._off(pixels[there], slope, self._seen[there])
            noise = max(1.4826 * float(np.median(np.abs(off))), 1e-3)
            weight = np.maximum(1 - (off / (_CUT * noise)) ** 2, 0.0) ** 2 / noise**2 / _NEIGHBOURS
            normal = (change * weight[:, None]).T @ change + np.diag(prior) + np.diag([1e-9, 0, 0])
            step = np.linalg.solve(normal, -(change.T @ (weight * off) + prior * plane))
            step[0] = np.clip(step[0], -0.2 * plane[0], 0.2 * plane[0])
            plane = plane + step
            deviation = float(np.sqrt(np.linalg.inv(normal)[0, 0]) / plane[0])
            if np.abs(step / [plane[0], 1.0, 1.0]).max() < 1e-4:
                break
        return plane, deviation

    def _off(
        self, pixels: NDArray[np.float64], slope: NDArray[np.float64], one: NDArray[np.float32]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """By how much the second image is brighter [n], its contrast made that of the first, and how that changes with
        the plane [n, 3]."""
        other = _sampled(self._other, pixels)
        gain = np.clip(float(one @ one / max(abs(float(one @ other)), 1e-6)), 0.3, 3.0)
        along = np.column_stack([_sampled(each, pixels) for each in self._slopes])
        return (gain * other - one).astype(np.float64), gain * np.einsum("ni,nij->nj", along, slope)

    def _laid(self, plane: Plane) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Where the second image has the plane [n, 2], where that lies before its camera times inverse depth [n, 3],
        and how far rays go towards the plane for their length [n]."""
        down, ahead, right = self._axes
        leaning = self._rays @ (down + plane[1] * ahead + plane[2] * right)
        placed = self._turned + (plane[0] * leaning)[:, None] * self._way
        z = np.where(placed[:, 2] > 1e-3, placed[:, 2], np.nan)
        return placed[:, :2] / z[:, None] * np.diag(self._k)[:2] + self._k[:2, 2], placed, leaning

    def _slope(
        self, plane: Plane, placed: NDArray[np.float64], leaning: NDArray[np.float64], there: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """How pixels of the second image change with ``plane`` [n, 2, 3], of what ``_laid`` gave."""
        _, ahead, right = self._axes
        placed, rays, way = placed[there], self._rays[there], self._way
        z = placed[:, 2:]
        by_length = np.diag(self._k)[:2] * (way[:2] * z - placed[:, :2] * way[2]) / z**2
        by_plane = np.column_stack([leaning[there], plane[0] * rays @ ahead, plane[0] * rays @ right])
        return by_length[:, :, None] * by_plane[:, None, :]

    def _inside(self, pixels: NDArray[np.float64]) -> NDArray[np.bool_]:
        high, wide = self._other.shape
        with np.errstate(invalid="ignore"):
            return np.asarray(((pixels >= 1) & (pixels <= [wide - 2, high - 2])).all(axis=1))


def sharp(grey: NDArray[np.uint8], blur: float) -> NDArray[np.float32]:
    """Without what is coarse, as shadows and the sun's light are."""
    fine = cv2.GaussianBlur(grey.astype(np.float32), (0, 0), blur)
    return np.asarray(fine - cv2.GaussianBlur(fine, (0, 0), 8 * blur), np.float32)


def _sampled(image: NDArray[np.float32], pixels: NDArray[np.float64]) -> NDArray[np.float32]:
    where = pixels.astype(np.float32)[None]
    return np.asarray(cv2.remap(image, where, None, cv2.INTER_LINEAR)[0], np.float32)
