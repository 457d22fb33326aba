"""What cameras see of a volume: rays of their images to the first voxel that is occupied, as Occ3D makes its
``mask_camera``."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.drive_log import Camera
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.grid import Grid
from occlabel.stages.sensing.traversal import mark_seen

_STEP = 0.007
"""Spacing of rays in radians, at the image centre: at 57 m they lie a voxel of Occ3D apart."""
_FURTHEST = 120.0
"""[m] along a ray: beyond the corners of every grid."""


def in_sight(
    cameras: Iterable[Camera], occupied: NDArray[np.bool_], grid: Grid, ego_from_grid: Matrix
) -> NDArray[np.bool_]:
    """Which voxels [X, Y, Z] a ray of any image runs through before, or ends in, the first of ``occupied`` [X, Y, Z].
    Cameras of which K, place or size is not known see nothing."""
    seen = np.zeros(grid.shape, np.bool_)
    for camera in cameras:
        if camera.intrinsics is not None and camera.ego_from_camera is not None and camera.size is not None:
            grid_from_camera = inverse(ego_from_grid) @ camera.ego_from_camera
            look(seen, occupied, grid, grid_from_camera, image_rays(camera.intrinsics, camera.size))
    return seen


def look(
    seen: NDArray[np.bool_],
    occupied: NDArray[np.bool_],
    grid: Grid,
    grid_from_camera: Matrix,
    rays: NDArray[np.float64],
) -> None:
    """Marks in ``seen`` [X, Y, Z] what one camera sees along ``rays`` [n, 3], directions in its frame."""
    place = voxels_from_grid(grid) @ grid_from_camera
    mark_seen(seen, occupied, place[:3, 3].copy(), transform_points(place, rays * _FURTHEST), True)


def voxels_from_grid(grid: Grid) -> Matrix:
    """[4, 4]: metres in the frame of the grid to voxels; voxel i covers [i, i + 1)."""
    result = np.eye(4) / grid.voxel_size
    result[:3, 3] = -np.array(grid.origin) / grid.voxel_size
    result[3, 3] = 1.0
    return result


def image_rays(intrinsics: Matrix, size: tuple[int, int]) -> NDArray[np.float64]:
    """Directions [n, 3] of length 1 in the camera frame over a whole image of ``size`` (width, height) with K
    ``intrinsics``."""
    k = intrinsics
    step = max(_STEP * k[0, 0], 1.0)
    u, v = np.meshgrid(*(np.arange(step / 2, side, step) - 0.5 for side in size))
    rays = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones_like(u)], axis=-1).reshape(-1, 3)
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))
