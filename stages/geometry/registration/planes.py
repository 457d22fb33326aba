"""Points to planes: where a scan lies when its points lie on the surfaces that other scans saw.

Chen and Medioni, Object modelling by registration of multiple range images (1992), with the weights of Geman and
McClure. When points are matched to points, the rings of a LiDAR on the ground draw a scan towards rings that were seen
from elsewhere, and height drifts by decimetres in fifty metres; along a surface points match wherever they lie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from occlabel.schemas.geometry import Matrix

_NEIGHBOURS, _AROUND, _FEWEST = 10, 1.5, 6
"""A point shows a surface by up to ten points within so many metres, six at least."""
_THIN = 0.05
"""Of a surface: its smallest variance to the middle one."""
_REACH = 1.0
"""Metres from a point to the surface that it may lie on."""
_SIGMA = 0.15
"""Metres by which a point may be off a surface."""
_ITERATIONS, _CONVERGED = 12, 1e-4
_DAMPING = 1e-3
"""Weight a point of what was known before, along which no surface says anything."""


def normals(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 3] of the surfaces that ``points`` [n, 3] lie on, zeros for a point that shows none."""
    if len(points) < _FEWEST:
        return np.zeros_like(points)
    distance, which = cKDTree(points).query(points, k=_NEIGHBOURS, distance_upper_bound=_AROUND)
    there = np.isfinite(distance)
    count = there.sum(axis=1)
    around = points[np.where(there, which, 0)]
    middle = (around * there[..., None]).sum(axis=1) / count[:, None]
    off = (around - middle[:, None]) * there[..., None]
    spread, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", off, off))
    result: NDArray[np.float64] = axes[:, :, 0].copy()
    result[(count < _FEWEST) | (spread[:, 0] > _THIN * spread[:, 1])] = 0.0
    return result


class Planes:
    """Surfaces in the world: ``points`` and ``normals`` [n, 3]."""

    def __init__(self, points: NDArray[np.float64], normals: NDArray[np.float64]) -> None:
        flat = np.abs(normals).sum(axis=1) > 0
        self._points, self._normals = points[flat], normals[flat]
        self._tree = cKDTree(self._points)

    def fit(self, points: NDArray[np.float64], world_from_points: Matrix) -> Matrix:
        """The transform near the given one that lays ``points`` [n, 3] on the surfaces."""
        result = world_from_points.copy()
        for _ in range(_ITERATIONS if len(self._points) else 0):
            placed = points @ result[:3, :3].T + result[:3, 3]
            distance, nearest = self._tree.query(placed, distance_upper_bound=_REACH)
            near = np.isfinite(distance)
            placed, normal, on = placed[near], self._normals[nearest[near]], self._points[nearest[near]]
            off = ((placed - on) * normal).sum(axis=1)
            weight = 1 / (1 + (off / _SIGMA) ** 2) ** 2
            slope = np.concatenate([np.cross(placed - result[:3, 3], normal), normal], axis=1)
            known = slope.T @ (slope * weight[:, None]) + _DAMPING * len(points) * np.eye(6)
            step = np.linalg.solve(known, -slope.T @ (weight * off))
            result[:3, :3] = Rotation.from_rotvec(step[:3]).as_matrix() @ result[:3, :3]
            result[:3, 3] += step[3:]
            if np.abs(step).max() < _CONVERGED:
                break
        return result
