"""Scan to map: where a scan lies in the points of the scans before it.

First point to point: Vizzo, Guadagnino, Mersch, Wiesmann, Behley, Stachniss, KISS-ICP: In Defense of Point-to-Point ICP
(2023), whose registration and map these are (package ``kiss-icp``), without deskewing and with a threshold that is
fixed: one that follows the drive would make a pose depend on all frames before it. Then point to plane (``planes.py``).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from kiss_icp.pybind import kiss_icp_pybind
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.stages.geometry.registration.planes import Planes, normals

_RANGE = 80.0
"""Points that lie farther from the sensor [m] are not used."""
_VOXEL = 0.8
"""Of the map [m]; a scan is thinned to one point in half of it for the map, in one and a half to be registered to
points, in one to be registered to planes."""
_POINTS = 20
"""In a voxel of the map."""
_ITERATIONS, _CONVERGED = 500, 1e-4
_SIGMA, _LOST_SIGMA = 0.3, 2.0
"""Metres by which a point may be off: where the motion is known, and where it is guessed; points that are more than
three times as far from the map do not count."""
_FEWEST = 100
"""Thinned points that a scan needs to be registered."""
_STEP = 2.0
"""Metres between places that are tried where nothing is known of the motion."""
_HIT = 0.3
"""Metres between a point and the map that it lies on."""


class Scan:
    """A scan as it is registered. ``points`` [n, 3] in the LiDAR frame, own car left out; may be none."""

    def __init__(self, points: NDArray[np.floating[Any]]) -> None:
        points = np.asarray(points, np.float64)[:, :3]
        near = points[np.linalg.norm(points, axis=1) < _RANGE]  # NaN is not near
        self.dense = _thinned(near, _VOXEL * 0.5)
        self.even = _thinned(self.dense, _VOXEL)
        self.sparse = _thinned(self.dense, _VOXEL * 1.5)
        self.normals = normals(self.dense)

    @property
    def enough(self) -> bool:
        """Whether it shows where it lies."""
        return len(self.sparse) >= _FEWEST


class LocalMap:
    """The points of the scans around, in the world. On one thread: a sum over several would round otherwise."""

    def __init__(self) -> None:
        self._map = kiss_icp_pybind._VoxelHashMap(_VOXEL, _RANGE, _POINTS)
        self._registration = kiss_icp_pybind._Registration(_ITERATIONS, _CONVERGED, 1)
        self._points: list[NDArray[np.float64]] = []
        self._normals: list[NDArray[np.float64]] = []

    def add(self, scan: Scan, world_from_lidar: Matrix) -> None:
        """Adds a scan that lies there; its sensor's reach is what the map keeps of earlier points."""
        place = straight(world_from_lidar)
        self._map._update(_vectors(scan.dense), place)
        self._points.append(scan.dense @ place[:3, :3].T + place[:3, 3])
        self._normals.append(scan.normals @ place[:3, :3].T)

    def place(self, scan: Scan, guess: Matrix, lost: bool = False) -> Matrix:
        """``world_from_lidar`` of the scan. ``lost``: the guess may be metres off."""
        found = self._among_points(scan, guess, lost)
        return straight(Planes(np.concatenate(self._points), np.concatenate(self._normals)).fit(scan.even, found))

    def _among_points(self, scan: Scan, guess: Matrix, lost: bool) -> Matrix:
        found = straight(guess)
        for sigma in (_LOST_SIGMA, _SIGMA) if lost else (_SIGMA,):
            found = self._registration._align_points_to_map(
                points=_vectors(scan.sparse),
                voxel_map=self._map,
                initial_guess=straight(found),
                max_correspondance_distance=3 * sigma,
                kernel=sigma,
            )
        return straight(found)

    def search(self, scan: Scan, last: Matrix, ahead: NDArray[np.float64], farthest: float) -> Matrix:
        """``world_from_lidar`` of the scan after the one at ``last`` where nothing is known of the motion: the best of
        the places up to ``farthest`` metres ``ahead`` [3] (a direction in the LiDAR frame)."""
        tree = cKDTree(np.asarray(self._map._point_cloud()))
        best, most = last, -1
        for way in np.arange(0.0, farthest + _STEP, _STEP):
            guess = last.copy()
            guess[:3, 3] += last[:3, :3] @ (ahead * way)
            found = self._among_points(scan, guess, lost=True)
            placed = scan.sparse @ found[:3, :3].T + found[:3, 3]
            hits = int((tree.query(placed, distance_upper_bound=_HIT)[0] < _HIT).sum())
            if hits > most:
                best, most = found, hits
        return self.place(scan, best)


def straight(transform: Matrix) -> Matrix:
    """The rigid transform nearest to one that is rigid to a thousandth; kiss-icp ends the process for less."""
    result = np.eye(4)
    left, _, right = np.linalg.svd(transform[:3, :3])
    result[:3, :3] = left @ right
    result[:3, 3] = transform[:3, 3]
    return result


def continued(first: Matrix, second: Matrix, times: float) -> Matrix:
    """Where the motion from ``first`` to ``second`` leads when it goes on ``times`` as long."""
    motion = inverse(straight(first)) @ straight(second)
    step = np.eye(4)
    step[:3, :3] = Rotation.from_rotvec(Rotation.from_matrix(motion[:3, :3]).as_rotvec() * times).as_matrix()
    step[:3, 3] = motion[:3, 3] * times
    return second @ step


def _thinned(points: NDArray[np.float64], size: float) -> NDArray[np.float64]:
    """One point a voxel of ``size`` [m]."""
    if not len(points):
        return points
    return np.asarray(kiss_icp_pybind._voxel_down_sample(_vectors(points), size)).reshape(-1, 3)


def _vectors(points: NDArray[np.float64]) -> Any:
    return kiss_icp_pybind._Vector3dVector(np.ascontiguousarray(points))
