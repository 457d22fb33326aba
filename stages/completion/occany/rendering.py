"""Points as another camera would see them: the nearest in each pixel, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.occany.clouds import Cloud
from occlabel.stages.completion.occany.sizes import NEAR


@dataclass(frozen=True, slots=True)
class Rendered:
    """What a network is given of a view of h x w pixels."""

    depth: NDArray[np.float32]
    """[h, w] metres along the optical axis; 0 where no point falls."""
    off: NDArray[np.float32]
    """[h, w], as in ``Cloud``."""
    colours: NDArray[np.uint8]
    """[h, w, 3]."""
    classes: NDArray[np.uint8]
    """[h, w]; UNKNOWN."""
    scores: NDArray[np.uint8]
    """[h, w]."""
    rays: NDArray[np.float32]
    """[h, w, 3]: the way along each pixel to 1 m along the axis, in the ego frame, so that down is down."""

    @property
    def seen(self) -> NDArray[np.bool_]:
        return self.depth > 0

    @property
    def parts(self) -> dict[str, NDArray[Any]]:
        """By name, as a batch is put together of them."""
        return {one.name: getattr(self, one.name) for one in fields(self)}


def rendered(cloud: Cloud, ego_from_camera: Matrix, intrinsics: Matrix, size: tuple[int, int]) -> Rendered:
    """``cloud`` in the ego frame, as a camera with K in pixels of an image of ``size`` (h, w) sees it."""
    camera_from_ego = inverse(ego_from_camera).astype(np.float32)
    points = cloud.points @ camera_from_ego[:3, :3].T + camera_from_ego[:3, 3]
    pinhole = np.array([intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]], np.float64)
    which = np.full(size, -1, np.int64)
    nearest = np.full(size, np.inf, np.float32)
    _nearest(points, pinhole, nearest, which)
    there = which >= 0
    at = which[there]
    depth, off = np.zeros(size, np.float32), np.zeros(size, np.float32)
    colours = np.zeros((*size, 3), np.uint8)
    classes, scores = np.full(size, UNKNOWN, np.uint8), np.zeros(size, np.uint8)
    depth[there], off[there], colours[there] = nearest[there], cloud.off[at], cloud.colours[at]
    classes[there], scores[there] = cloud.classes[at], cloud.scores[at]
    return Rendered(depth, off, colours, classes, scores, rays_of(ego_from_camera, intrinsics, size))


def rays_of(ego_from_camera: Matrix, intrinsics: Matrix, size: tuple[int, int]) -> NDArray[np.float32]:
    """The ray map [h, w, 3] of a camera, without its origin, which is the camera."""
    v, u = np.mgrid[0 : size[0], 0 : size[1]]
    rays = np.stack([u, v, np.ones_like(u)], axis=-1) @ (ego_from_camera[:3, :3] @ np.linalg.inv(intrinsics)).T
    return np.asarray(rays, np.float32)


@numba.njit(cache=True, nogil=True)
def _nearest(points, pinhole, nearest, which):  # type: ignore[no-untyped-def]
    """Fills depth and number of the nearest of ``points`` [n, 3] in the camera frame that falls into each pixel."""
    height, width = which.shape
    for n in range(len(points)):
        z = points[n, 2]
        if not z > NEAR:
            continue
        u = int(np.floor(pinhole[0] * points[n, 0] / z + pinhole[2] + 0.5))
        v = int(np.floor(pinhole[1] * points[n, 1] / z + pinhole[3] + 0.5))
        if 0 <= u < width and 0 <= v < height and z < nearest[v, u]:
            nearest[v, u] = z
            which[v, u] = n
