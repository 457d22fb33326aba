"""From MoGe's points, which are right up to a shift along z, to a camera and metric depth."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

_LOW = 64
"""Rows and columns of points to which the camera is fitted."""
_SURE = 0.5
"""Of the mask."""


class Reading(NamedTuple):
    """What is known of an image, in metres."""

    depth: NDArray[np.float32]
    """[h, w], inf where nothing is seen at a finite distance."""
    points: NDArray[np.float32]
    """[h, w, 3] in the camera frame, as ``depth``."""
    mask: NDArray[np.bool_]
    """[h, w]"""
    intrinsics: NDArray[np.float64]
    """K [3, 3] of an image of width and height 1."""


def reading(
    points: NDArray[np.float32],
    mask: NDArray[np.float32],
    scale: float,
    fov_x: float | None = None,
    *,
    masked: bool = True,
    projected: bool = True,
) -> Reading:
    """Fits the shift to ``points`` [h, w, 3], and the focal length where the field of view ``fov_x`` [radians] is not
    known, so that points lie where their pixels look; ``scale`` [m] is that of the points.

    ``masked``: pixels that show nothing are infinitely far. ``projected``: points are made of the depth and K; else
    they are those that the network said.
    """
    height, width = mask.shape
    aspect = width / height
    diagonal = math.sqrt(1 + aspect**2)
    seen = mask > _SURE
    given = None if fov_x is None else aspect / diagonal / math.tan(fov_x / 2)
    focal, shift = fitted(points, seen, given)
    intrinsics = np.array([[focal / 2 * diagonal / aspect, 0, 0.5], [0, focal / 2 * diagonal, 0.5], [0, 0, 1]])
    moved = points + np.array([0, 0, shift], np.float32)
    seen &= moved[..., 2] > 0
    depth = moved[..., 2] * np.float32(scale)
    if projected:
        u, v = (np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height
        x, y = (u - 0.5) / intrinsics[0, 0], (v - 0.5) / intrinsics[1, 1]
        rays = np.stack(np.broadcast_arrays(x[None, :], y[:, None], 1.0), axis=2)
        metric = (rays * depth[..., None]).astype(np.float32)
    else:
        metric = moved * np.float32(scale)
    if masked:
        depth, metric = np.where(seen, depth, np.inf), np.where(seen[..., None], metric, np.inf)
    return Reading(depth.astype(np.float32), metric.astype(np.float32), seen, intrinsics)


def fitted(points: NDArray[np.float32], seen: NDArray[np.bool_], focal: float | None = None) -> tuple[float, float]:
    """The focal length, in halves of the image's diagonal, and the shift along z by which ``points`` [h, w, 3] that are
    ``seen`` [h, w] project to their pixels with the least squared error; 1 and 0 where fewer than two are seen."""
    height, width = seen.shape
    rows = np.arange(_LOW) * height // _LOW
    columns = np.arange(_LOW) * width // _LOW
    diagonal = math.hypot(width, height)
    across, down = (2 * columns + 1 - width) / diagonal, (2 * rows + 1 - height) / diagonal
    plane = np.stack(np.broadcast_arrays(across[None, :], down[:, None]), axis=2)
    few = points[rows[:, None], columns[None, :]]
    kept = seen[rows[:, None], columns[None, :]] & (few[..., 2] > 0)
    xyz, uv = few[kept].astype(np.float64), plane[kept]
    if len(uv) < 2:
        return (1.0 if focal is None else focal), 0.0

    def at(shift: float) -> tuple[NDArray[np.float64], float]:
        """Where points fall on the plane, for a focal length of 1; and the best one."""
        places = xyz[:, :2] / (xyz[:, 2:] + shift)
        return places, focal if focal is not None else float((places * uv).sum() / np.square(places).sum())

    def error(shift: NDArray[np.float64]) -> NDArray[np.float64]:
        places, best = at(float(shift[0]))
        return (best * places - uv).ravel()

    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # on its way a shift may meet a point
        shift = float(least_squares(error, x0=0.0, ftol=1e-3, method="lm").x[0])
    return at(shift)[1], shift
