"""Poisson filling: a closed surface through stacked points, and the voxels that it crosses."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.accumulated.stack import Part
from occlabel.stages.completion.slot import Prediction

_NEIGHBOURS = 20
_TRIMMED = 0.1
"""Share of the vertices, those with the fewest points around, that are left out: the surface is made up there. Both are
SurroundOcc's."""
_BORROWED = 0.5
"""Of the confidence of the nearest voxel that has points."""


def filled(
    found: Prediction, parts: Sequence[Part], sensor: NDArray[np.float64], space: LabelSpace, depth: int
) -> Prediction:
    """``found`` with the class of the nearest occupied voxel where a vertex of the surface lies and nobody looked."""
    from scipy.spatial import cKDTree

    semantics, confidence = found
    known = (semantics != UNKNOWN) & (semantics != space.taxonomy.free_id)
    cells, inside = space.grid.cells(surface(np.concatenate([part.points for part in parts]), sensor, space, depth))
    crossed = np.zeros(space.grid.shape, np.bool_)
    crossed[tuple(cells[inside].T)] = True
    new = np.argwhere(crossed & (semantics == UNKNOWN))
    if not known.any() or not len(new):
        return found
    lenders = np.argwhere(known)
    lender = tuple(lenders[cKDTree(lenders).query(new)[1]].T)
    semantics, confidence = semantics.copy(), confidence.copy()
    semantics[tuple(new.T)] = semantics[lender]
    confidence[tuple(new.T)] = (confidence[lender] * _BORROWED).astype(np.uint8)
    return semantics, confidence


def surface(
    points: NDArray[np.float32], sensor: NDArray[np.float64], space: LabelSpace, depth: int
) -> NDArray[np.float64]:
    """Vertices [n, 3] of the Poisson surface of the points in the grid, of which one in each half voxel is taken
    (Kazhdan and Hoppe, Screened Poisson Surface Reconstruction, 2013); none where there are too few."""
    import open3d as o3d

    inside = points[space.grid.cells(points)[1]].astype(np.float64)
    fine = np.floor((inside - np.array(space.grid.origin)) / (space.grid.voxel_size / 2)).astype(np.int64)
    sizes = 2 * np.array(space.grid.shape)
    flat = (fine[:, 0] * sizes[1] + fine[:, 1]) * sizes[2] + fine[:, 2]
    inside = inside[np.unique(flat, return_index=True)[1]]
    if len(inside) <= _NEIGHBOURS:
        return np.empty((0, 3))
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(inside))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(_NEIGHBOURS))
    cloud.orient_normals_towards_camera_location(sensor)
    # One thread: the order of sums must not depend on how many there are.
    mesh, density = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth, n_threads=1)
    around: NDArray[np.float64] = np.array(density, np.float64)
    vertices: NDArray[np.float64] = np.array(mesh.vertices, np.float64)
    return vertices[around > np.quantile(around, _TRIMMED)]
