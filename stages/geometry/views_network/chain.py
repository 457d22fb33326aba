"""Windows of a film laid one behind the other: each by the similarity that takes what it shows of the frames that it
shares with those before to what these showed of them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.from_images.metres import weighted_median
from occlabel.stages.geometry.views_network.window import Points, Views, points_of

_STEP = 4
"""Rows and columns of depth from one that is looked at to the next."""
_LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class Seam:
    """Between a window and those before: the frame at which it begins, by how much both differ in depth (deviation, as
    a share), in where cameras look [radians], and in where they are (as a share of how far things are)."""

    frame: int
    depth: float
    turned: float
    moved: float


@dataclass
class Chain:
    """``size`` (width, height) of the images. What follows is in the length and the frame of the first window's first
    view; ``scales`` are how many of its lengths one of each window is."""

    size: tuple[int, int]
    world_from_camera: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    intrinsics: dict[int, list[NDArray[np.float64]]] = field(default_factory=dict)
    sure: dict[int, float] = field(default_factory=dict)
    """Confidence of a frame, in the middle of its pixels, where it was seen first."""
    scales: list[float] = field(default_factory=list)
    seams: list[Seam] = field(default_factory=list)
    nears: list[float] = field(default_factory=list)
    """Inverse depth at the upper quartile, of each window."""
    _points: dict[int, Points] = field(default_factory=dict)

    def add(self, numbers: list[int], views: Views) -> int | None:
        """Lays a window of frames ``numbers`` behind those before. Gives the frame at which nothing says how, if so:
        then nothing is laid."""
        placed = [n for n in range(len(numbers)) if np.isfinite(views.first_from_camera[n]).all()]
        placed = [n for n in placed if np.isfinite(views.intrinsics[n]).all()]
        points = {numbers[n]: points_of(views, n, self.size, _STEP) for n in placed}
        scale, motion = 1.0, np.eye(4)
        shared = [number for number in points if number in self._points]
        if self.scales:
            found = _similarity([points[one] for one in shared], [self._points[one] for one in shared])
            if found is None:
                return numbers[0]
            scale, motion, spread = found
        poses = {numbers[n]: _moved(views.first_from_camera[n], scale, motion) for n in placed}
        if self.scales:
            self.seams.append(self._seam(shared, poses, spread))
        self.scales.append(scale)
        for n in placed:
            self.intrinsics.setdefault(numbers[n], []).append(views.intrinsics[n])
            self.sure.setdefault(numbers[n], float(np.median(views.confidence[n])))
            self.world_from_camera.setdefault(numbers[n], poses[numbers[n]])
        deep = np.concatenate([scale * one.depth[one.sure > 0] for one in points.values()] or [np.zeros(0)])
        if len(deep):
            self.nears.append(float(np.quantile(1 / np.maximum(deep, _LEAST), 0.75)))
        self._points = {
            number: Points(scale * one.places @ motion[:3, :3].T + motion[:3, 3], scale * one.depth, one.sure)
            for number, one in points.items()
        }
        return None

    def _seam(self, shared: list[int], poses: dict[int, NDArray[np.float64]], spread: float) -> Seam:
        turned, moved = [], []
        for number in shared:
            off = inverse(self.world_from_camera[number]) @ poses[number]
            turned.append(float(np.arccos(np.clip((np.trace(off[:3, :3]) - 1) / 2, -1, 1))))
            moved.append(float(np.linalg.norm(off[:3, 3])) / float(np.median(self._points[number].depth)))
        return Seam(shared[0], spread, max(turned), max(moved))


def _similarity(here: list[Points], there: list[Points]) -> tuple[float, Matrix, float] | None:
    """Scale s, and the motion [4, 4] with there = R s here + t (Umeyama 1991, weighted), of points of the same pixels;
    and the deviation of depth, as a share. The scale is the weighted median of what depths differ by, which errors of
    poses do not touch. None where nothing is known of both."""
    if not here:
        return None
    one, other = _joined(here), _joined(there)
    sure = np.sqrt(one.sure * other.sure)
    known = (one.depth > _LEAST) & (other.depth > _LEAST) & (sure > 0)
    if known.sum() < 3:
        return None
    ratios = np.log(other.depth[known] / one.depth[known])
    middle = weighted_median(ratios, sure[known])
    spread = 1.4826 * weighted_median(np.abs(ratios - middle), sure[known])
    # An error of depth is as large as the depth: what is far away counts as little as it is known.
    weight = sure[known] / other.depth[known] ** 2
    weight = weight / weight.sum()
    a, b = np.exp(middle) * one.places[known], other.places[known]
    centre, target = weight @ a, weight @ b
    left, _, right = np.linalg.svd(((b - target) * weight[:, None]).T @ (a - centre))
    motion = np.eye(4)
    motion[:3, :3] = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    motion[:3, 3] = target - motion[:3, :3] @ centre
    return float(np.exp(middle)), motion, spread


def _moved(pose: Matrix, scale: float, motion: Matrix) -> Matrix:
    result = pose.copy()
    result[:3, 3] *= scale
    return motion @ result


def _joined(points: list[Points]) -> Points:
    return Points(*(np.concatenate([getattr(one, name) for one in points]) for name in ("places", "depth", "sure")))
