"""Labels as a camera sees them: of the voxels along the ray of each pixel the nearest occupied one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.evaluation.rays import BESIDE, cast


@dataclass(frozen=True, slots=True)
class SeenLabels:
    """Over the pixels of an image."""

    classes: NDArray[np.uint8]
    """[h, w] class id of the nearest occupied voxel; UNKNOWN where the ray meets none."""
    voxels: NDArray[np.int64]
    """[h, w] that voxel, counted through the grid in C order; -1 where there is none."""


def seen_labels(
    semantics: NDArray[np.uint8],
    space: LabelSpace,
    intrinsics: Matrix,
    grid_from_camera: Matrix,
    size: tuple[int, int],
) -> SeenLabels:
    """``semantics`` [x, y, z] in an image of ``size`` (width, height) with K ``intrinsics``, where whole numbers are
    centres of pixels; ``grid_from_camera`` [4, 4]. What is free or unknown is seen through."""
    width, height = size
    grid, lower = space.grid, np.array(space.grid.origin)
    occupied = (semantics != space.taxonomy.free_id) & (semantics != UNKNOWN)
    v, u = np.indices((height, width)).reshape(2, -1)
    rays = np.linalg.solve(intrinsics, np.stack([u, v, np.ones_like(u)]).astype(np.float64))
    origin = (grid_from_camera[:3, 3] - lower) / grid.voxel_size
    stopped, distance = cast(occupied, origin, origin + (grid_from_camera[:3, :3] @ rays).T)
    met = (distance != BESIDE) & occupied[tuple(stopped.T)]
    shape = (height, width)
    return SeenLabels(
        np.where(met, semantics[tuple(stopped.T)], UNKNOWN).astype(np.uint8).reshape(shape),
        np.where(met, np.ravel_multi_index(tuple(stopped.T), grid.shape), -1).reshape(shape),
    )
