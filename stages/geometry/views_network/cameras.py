"""Where the cameras of views are and how they see, of what the network says: of its decoder, or of its map of rays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.schemas.geometry import Matrix

_NARROWEST = 1e-6
"""Of the tangent of half an angle of view."""
_ROUNDS = 5
_LEAST = 1e-9

Cameras = tuple[NDArray[np.float64], NDArray[np.float64]]
"""``first_from_camera`` [views, 4, 4] in a length of its own and K [views, 3, 3] in pixels of the input, whose first
has its middle at 0; NaN of a view of which they cannot be told."""


def decoded(said: NDArray[np.floating[Any]], size: tuple[int, int]) -> Cameras:
    """Of the decoder: [views, 9], place, quaternion (x, y, z, w), angles of view upright and across; of images of
    ``size`` (height, width). The middle of the lens is that of the image."""
    said = said.astype(np.float64)
    poses = np.tile(np.eye(4), (len(said), 1, 1))
    lengths = np.linalg.norm(said[:, 3:7], axis=1)
    turned = lengths > _LEAST
    poses[turned, :3, :3] = Rotation.from_quat(said[turned, 3:7]).as_matrix()
    poses[:, :3, 3] = said[:, :3]
    poses[~turned] = np.nan
    focal = np.array(size) / 2 / np.maximum(np.tan(said[:, 7:] / 2), _NARROWEST)  # upright, across
    intrinsics = np.tile(np.eye(3), (len(said), 1, 1))
    intrinsics[:, 0, 0], intrinsics[:, 1, 1] = focal[:, 1], focal[:, 0]
    intrinsics[:, :2, 2] = (size[1] - 1) / 2, (size[0] - 1) / 2
    return poses, intrinsics


def by_rays(rays: NDArray[np.floating[Any]], weights: NDArray[np.floating[Any]], size: tuple[int, int]) -> Cameras:
    """Of maps of rays [views, rows, columns, 6], directions and origins, that lie over images of ``size`` (height,
    width), and ``weights`` [views, rows, columns] of how sure they are.

    A direction is d = R K^-1 (u, v, 1) (Lin et al. 2025, section 3.1), linear in u and v: M = R K^-1 follows by least
    squares, in which what is far off counts less, and R and K^-1 by its QR decomposition, with a positive diagonal. The
    camera is where rays begin in the weighted mean."""
    views, rows, columns = rays.shape[:3]
    v, u = np.mgrid[0:rows, 0:columns].reshape(2, -1) + 0.5
    pixels = np.column_stack([u * size[1] / columns - 0.5, v * size[0] / rows - 0.5, np.ones(len(u))])
    poses, intrinsics = np.full((views, 4, 4), np.nan), np.full((views, 3, 3), np.nan)
    for view in range(views):
        flat, weight = rays[view].reshape(-1, 6).astype(np.float64), weights[view].ravel().astype(np.float64)
        found = _lens(flat[:, :3], weight, pixels)
        if found is not None:
            poses[view] = np.eye(4)
            poses[view, :3, :3], intrinsics[view] = found
            poses[view, :3, 3] = weight @ flat[:, 3:] / weight.sum()
    return poses, intrinsics


def _lens(
    directions: NDArray[np.float64], weight: NDArray[np.float64], pixels: NDArray[np.float64]
) -> tuple[Matrix, Matrix] | None:
    """R and K; None of rays that no camera has."""
    middle = pixels.mean(axis=0) * [1, 1, 0]
    spread = max(float(np.abs(pixels - middle).max()), 1.0)
    near = (pixels - middle) / [spread, spread, 1]
    soft, linear = weight, np.zeros((3, 3))
    for _ in range(_ROUNDS):
        normal = (near * soft[:, None]).T @ near
        if not np.isfinite(normal).all() or np.linalg.cond(normal) > 1 / _LEAST:
            return None
        linear = np.linalg.solve(normal, (near * soft[:, None]).T @ directions).T
        off = np.linalg.norm(directions - near @ linear.T, axis=1)
        soft = weight / (1 + (off / max(2 * float(np.median(off)), _LEAST)) ** 2)
    to_near = np.array([[1 / spread, 0, -middle[0] / spread], [0, 1 / spread, -middle[1] / spread], [0, 0, 1]])
    linear = linear @ to_near
    if not np.linalg.det(linear) > _LEAST**2:
        return None
    turn, upper = np.linalg.qr(linear)
    signs = np.sign(np.diag(upper))
    turn, upper = turn * signs, upper * signs[:, None]
    return turn, np.linalg.inv(upper / upper[2, 2])
