"""How a camera moved between two images, up to the length of the way: the essential matrix (Nistér 2004) of points that
both see, and its rotation and direction made better by least squares of Sampson's distance."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.geometry import Matrix

FEWEST, _SHARE = 30, 0.35
"""Points that must obey a motion: so many, and so much of those that both images see."""
_OFF = 1.0
"""Pixels by which a point may be off where the motion has it."""
_SOFT = 0.5
"""Pixels of the noise of a point."""
_ROUNDS = 10
_SEEN_AHEAD = 0.8
"""Share of the points that obey a motion and must lie before both cameras, or it is none."""
_UPPER = 0.75
"""Quantile of what points move that no rotation explains: things far away do not move at all."""

Rays = NDArray[np.float64]
"""[n, 2]: where rays pass the plane one before the camera."""


def obeying(first: Rays, second: Rays, focal: float) -> NDArray[np.bool_]:
    """Which of the points [n] seen as ``first`` and ``second`` obey one motion; none where they are too few."""
    _, inside = _essential(first, second, focal)
    enough = inside.sum() >= max(FEWEST, _SHARE * len(first))
    return inside if enough else np.zeros(len(first), bool)


def turned(first: Rays, second: Rays, focal: float) -> tuple[Matrix, float]:
    """The rotation [3, 3] that takes most of ``first`` to ``second``, and how many pixels they are off then, at the
    upper quartile."""
    one, other = (_long(rays) / np.linalg.norm(_long(rays), axis=1, keepdims=True) for rays in (first, second))
    weight, turn = np.ones(len(one)), np.eye(3)
    off = np.zeros(len(one))
    for _ in range(_ROUNDS):
        left, _, right = np.linalg.svd((other * weight[:, None]).T @ one)
        turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
        off = np.linalg.norm(one @ turn.T - other, axis=1) * focal
        weight = 1 / (1 + (off / max(_SOFT, float(np.median(off)))) ** 2) ** 2
    return turn, float(np.quantile(off, _UPPER))


def motion_of(first: Rays, second: Rays, focal: float) -> tuple[Matrix, NDArray[np.float64]] | None:
    """Rotation [3, 3] and direction [3] of length 1 with x2 = R x1 + length t. None where too few points obey one
    motion, or most of them would lie behind a camera."""
    essential, inside = _essential(first, second, focal)
    if essential is None:
        return None
    _, turn, way, _ = cv2.recoverPose(essential, first[inside], second[inside])
    one, other = _long(first), _long(second)
    turn, way = _refined(turn, way[:, 0], one, other, _SOFT / focal)
    obeys = np.abs(_sampson(turn, way, one, other)) * focal < _OFF
    depths, angles = _depths(turn, way, one, other)
    # Of what is so far away that its rays are parallel, nothing tells on which side of the camera it is.
    told = obeys & (angles * focal > 2 * _OFF)
    before = (depths > 0).all(axis=1)
    if obeys.sum() < max(FEWEST, _SHARE * len(first)) or (told & before).sum() < _SEEN_AHEAD * max(1, told.sum()):
        return None
    return turn, way


def _essential(first: Rays, second: Rays, focal: float) -> tuple[Matrix | None, NDArray[np.bool_]]:
    nothing = None, np.zeros(len(first), bool)
    if len(first) < FEWEST:
        return nothing
    cv2.setRNGSeed(0)
    essential, inside = cv2.findEssentialMat(
        first, second, np.eye(3), method=cv2.USAC_MAGSAC, prob=0.9999, threshold=_OFF / focal, maxIters=1000
    )
    if essential is None or essential.shape != (3, 3):
        return nothing
    return essential, inside.ravel() > 0


def _long(rays: Rays) -> NDArray[np.float64]:
    return np.column_stack([rays, np.ones(len(rays))])


def _sampson(
    turn: Matrix, way: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sampson's distance [n] of rays to the motion, with its sign."""
    there, _, length = _lines(turn, way, first, second)
    return np.asarray((second * there).sum(axis=1) / length, np.float64)


def _lines(
    turn: Matrix, way: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Epipolar lines [n, 3] in the second and the first image, and the length [n] of Sampson's gradient."""
    x, y, z = way
    essential = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ turn
    there, here = first @ essential.T, second @ essential
    length = np.sqrt((there[:, :2] ** 2).sum(axis=1) + (here[:, :2] ** 2).sum(axis=1))
    return there, here, np.maximum(length, 1e-12)


def _refined(
    turn: Matrix, way: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64], soft: float
) -> tuple[Matrix, NDArray[np.float64]]:
    """Gauss and Newton's steps on Sampson's distance, with Cauchy's weights. With a = R x1, the change of
    x2 . (t x a) by a small rotation w is w . (a x (x2 x t)), and by a change of t it is dt . (a x x2)."""
    for _ in range(_ROUNDS):
        there, _, length = _lines(turn, way, first, second)
        off = (second * there).sum(axis=1) / length
        moved = first @ turn.T
        aside = np.linalg.svd(way[None])[2][1:]
        by_turn = np.cross(moved, np.cross(second, way))
        by_way = np.cross(moved, second) @ aside.T
        slope = np.hstack([by_turn, by_way]) / length[:, None]
        weight = 1 / (1 + (off / soft) ** 2)
        normal = (slope * weight[:, None]).T @ slope
        step = np.linalg.solve(normal + 1e-9 * np.trace(normal) * np.eye(5), -(slope * weight[:, None]).T @ off)
        turn = Rotation.from_rotvec(step[:3]).as_matrix() @ turn
        way = way + step[3:] @ aside
        way = way / np.linalg.norm(way)
        if np.abs(step).max() < 1e-8:
            break
    return turn, way


def _depths(
    turn: Matrix, way: NDArray[np.float64], first: NDArray[np.float64], second: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depths [n, 2] along z in both cameras, in lengths of the way, where the two rays are nearest to each other, and
    the angles [n] between these."""
    moved = first @ turn.T
    a, b, c = (moved * moved).sum(1), (moved * second).sum(1), (second * second).sum(1)
    d, e = moved @ way, second @ way
    bottom = np.maximum(a * c - b * b, 1e-15)
    depths = np.column_stack([(b * e - c * d) / bottom, (a * e - b * d) / bottom])
    return depths, np.arctan2(np.sqrt(bottom), b)
