"""How label makers generate a frame from accumulated LiDAR, step by step: the baseline of the benchmark.

The procedure of SurroundOcc (``tools/generate_occupancy_nuscenes``), with NumPy, SciPy and Open3D: objects are cut out
of every sweep by boxes 1.1 times as large and 0.1 m lower; what is left is put together, and so are the points of each
object in the frame of its box; both are moved to the target; normals from 20 neighbours; a Poisson surface, without the
tenth of its vertices that have the fewest points around; its vertices become voxels, each of the class of the nearest
labelled point. Nothing is said of where it is free and of where nobody looked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN

_LARGER, _LOWER, _OWN_CAR = 1.1, 0.1, 3.0
_NEIGHBOURS, _TRIMMED = 20, 0.1

Points = NDArray[np.float64]
Classes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class NamedSweep:
    """A sweep in the frame of the grid: points [n, 3], their classes [n], and boxes by instance: the pose
    ``grid_from_box`` [4, 4], length, width and height [m]."""

    points: Points
    classes: Classes
    sensor: NDArray[np.float64]
    boxes: dict[str, tuple[Matrix, tuple[float, float, float]]]
    world_from_grid: Matrix


@dataclass(frozen=True, slots=True)
class CutSweep:
    """What stands, in the world, and the points of each object, in the frame of its box; each with its classes."""

    still: tuple[Points, Classes]
    objects: dict[str, tuple[Points, Classes]]


def cut_out(sweep: NamedSweep) -> CutSweep:
    """The step that is done once a sweep."""
    left = (np.abs(sweep.points - sweep.sensor) >= _OWN_CAR).any(axis=1)
    objects = {}
    for instance, (grid_from_box, size) in sweep.boxes.items():
        local = transform_points(inverse(grid_from_box), sweep.points)
        inside = (np.abs(local + np.array([0, 0, _LOWER])) <= np.array(size) / 2 * _LARGER).all(axis=1)
        objects[instance] = (local[inside], sweep.classes[inside])
        left &= ~inside
    return CutSweep((transform_points(sweep.world_from_grid, sweep.points[left]), sweep.classes[left]), objects)


def surface_labels(sweeps: Sequence[CutSweep], target: NamedSweep, space: LabelSpace, depth: int) -> NDArray[np.uint8]:
    """Semantics [X, Y, Z] of ``target``: the classes of the surface, and free elsewhere."""
    import open3d as o3d
    from scipy.spatial import cKDTree

    grid_from_world = inverse(target.world_from_grid)
    clouds = [(transform_points(grid_from_world, points), classes) for points, classes in (s.still for s in sweeps)]
    for instance, (grid_from_box, _) in target.boxes.items():
        found = [sweep.objects[instance] for sweep in sweeps if instance in sweep.objects]
        clouds += [(transform_points(grid_from_box, points), classes) for points, classes in found]
    points = np.concatenate([points for points, _ in clouds])
    classes = np.concatenate([classes for _, classes in clouds])
    inside = space.grid.cells(points)[1]
    points, classes = points[inside], classes[inside]
    cloud = o3d.geometry.PointCloud(o3d.utility.Vector3dVector(points))
    cloud.estimate_normals(o3d.geometry.KDTreeSearchParamKNN(_NEIGHBOURS))
    cloud.orient_normals_towards_camera_location(target.sensor)
    mesh, density = o3d.geometry.TriangleMesh.create_from_point_cloud_poisson(cloud, depth=depth)
    around: Points = np.array(density, np.float64)
    vertices: Points = np.array(mesh.vertices, np.float64)
    cells, inside = space.grid.cells(vertices[around > np.quantile(around, _TRIMMED)])
    voxels = np.unique(cells[inside], axis=0)
    centres = (voxels + 0.5) * space.grid.voxel_size + np.array(space.grid.origin)
    named = classes != UNKNOWN
    result = np.full(space.grid.shape, space.taxonomy.free_id, np.uint8)
    result[tuple(voxels.T)] = classes[named][cKDTree(points[named]).query(centres)[1]]
    return result
