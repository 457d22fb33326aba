"""Exact truth: all surfaces sampled into the voxels they cross, and which voxels the sensors have seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.stages.sensing.sight import image_rays, look, voxels_from_grid
from occlabel.stages.sensing.traversal import mark_seen
from occlabel.stages.town.sensors.lidar import turning_rays
from occlabel.stages.town.sensors.recording import LidarModel, Rig, TownScan, TownTruth
from occlabel.stages.town.sensors.scene import Scene
from occlabel.stages.town.things.mesh import Mesh

_LATTICE = 0.35
"""Spacing of surface samples in voxels."""
_SEEN_AHEAD, _SEEN_BEHIND = 60.0, 20.0
"""A view is near enough when its car is so far ahead of or behind this frame's [m]."""
_COLUMN_STEP = 2
"""Every second column of the LiDAR is traced for what is seen ever."""


@dataclass(frozen=True, slots=True)
class View:
    """What one turn of the LiDAR reached: origin [3] and ends [n, 3] in the world."""

    station: float
    origin: NDArray[np.float64]
    ends: NDArray[np.float32]


def view(scene: Scene, lidar: LidarModel, world_from_ego: Matrix, station: float) -> View:
    """A standing, noiseless turn, thinned in azimuth."""
    pose = world_from_ego @ lidar.ego_from_lidar
    thin = LidarModel(lidar.ego_from_lidar, lidar.elevations, lidar.azimuths[::_COLUMN_STEP], lidar.max_range, 0.0, 0.0)
    rays = turning_rays(thin, pose, pose)
    distance = scene.cast(rays).distance
    kept = distance < lidar.max_range
    return View(station, pose[:3, 3], rays[kept, :3] + rays[kept, 3:] * distance[kept, None])


def truth(
    meshes: list[Mesh], rig: Rig, world_from_ego: Matrix, station: float, scan: TownScan, views: list[View],
    moving: NDArray[np.bool_],
) -> TownTruth:  # fmt: skip
    """Truth of one frame over ``rig.grid``. ``meshes`` are in the world; ``moving`` tells by object id what moves."""
    grid = rig.grid
    ego_from_grid = rig.lidar.ego_from_lidar if grid.frame == "lidar" else np.eye(4)
    voxels_from_world = voxels_from_grid(grid) @ inverse(world_from_ego @ ego_from_grid)
    kinds, objects = voxelise(meshes, voxels_from_world, grid.shape)
    occupied = kinds > 0
    nothing = np.zeros((1, 1, 1), np.bool_)
    grid_from_lidar = inverse(ego_from_grid) @ rig.lidar.ego_from_lidar
    points = transform_points(grid_from_lidar, scan.points)
    hit = np.zeros(grid.shape, np.bool_)
    cells, inside = grid.cells(points)
    hit[tuple(cells[inside].T)] = True
    seen_now = hit.copy()
    mark_seen(seen_now, nothing, voxels_from_grid(grid)[:3] @ grid_from_lidar[:, 3],
              transform_points(voxels_from_grid(grid), points), False)  # fmt: skip
    seen_ever = seen_now.copy()
    for other in views:
        if -_SEEN_BEHIND <= other.station - station <= _SEEN_AHEAD:
            origin = transform_points(voxels_from_world, other.origin[None])[0]
            mark_seen(seen_ever, nothing, origin, transform_points(voxels_from_world, other.ends), False)
    seen_by_cameras = np.zeros(grid.shape, np.bool_)
    for camera in rig.cameras:
        rays = image_rays(camera.intrinsics, camera.size)
        look(seen_by_cameras, occupied, grid, inverse(ego_from_grid) @ camera.ego_from_camera, rays)
    return TownTruth(kinds, objects, moving[objects], seen_now, seen_ever, seen_by_cameras, hit)


def voxelise(
    meshes: list[Mesh], voxels_from_world: Matrix, shape: tuple[int, int, int]
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Kinds and object ids [x, y, z] of the surfaces in each voxel: the (kind, object) with the most area wins."""
    winner = np.zeros(shape, np.uint32)
    lead = np.zeros(shape, np.float32)
    for mesh in meshes:
        codes = mesh.kinds.astype(np.uint32) | (mesh.objects.astype(np.uint32) << np.uint32(8))
        _deposit(winner, lead, transform_points(voxels_from_world, mesh.vertices), mesh.faces, codes)
    return (winner & np.uint32(0xFF)).astype(np.uint8), (winner >> np.uint32(8)).astype(np.uint16)


@njit(cache=True)
def _deposit(
    winner: NDArray[np.uint32], lead: NDArray[np.float32], vertices: NDArray[np.float64], faces: NDArray[np.int32],
    codes: NDArray[np.uint32],
) -> None:  # fmt: skip
    """Majority by area in one pass (Boyer and Moore): a sample of the leading code adds to the lead, another takes
    from it, and takes over when the lead is used up."""
    nx, ny, nz = winner.shape
    for f in range(len(faces)):
        a, b, c = vertices[faces[f, 0]], vertices[faces[f, 1]], vertices[faces[f, 2]]
        if (
            max(a[0], b[0], c[0]) < 0 or min(a[0], b[0], c[0]) >= nx
            or max(a[1], b[1], c[1]) < 0 or min(a[1], b[1], c[1]) >= ny
            or max(a[2], b[2], c[2]) < 0 or min(a[2], b[2], c[2]) >= nz
        ):  # fmt: skip
            continue
        ab = np.sqrt((a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2 + (a[2] - b[2]) ** 2)
        bc = np.sqrt((b[0] - c[0]) ** 2 + (b[1] - c[1]) ** 2 + (b[2] - c[2]) ** 2)
        ca = np.sqrt((c[0] - a[0]) ** 2 + (c[1] - a[1]) ** 2 + (c[2] - a[2]) ** 2)
        if bc < ab or bc < ca:  # the lattice starts in the corner opposite the longest edge
            if ab >= ca:
                a, b, c = c, a, b
                ab, ca = ca, bc
            else:
                a, b, c = b, c, a
                ab, ca = bc, ab
        n1, n2 = int(ab / _LATTICE) + 1, int(ca / _LATTICE) + 1
        ux, uy, uz = (b[0] - a[0]) / n1, (b[1] - a[1]) / n1, (b[2] - a[2]) / n1
        vx, vy, vz = (c[0] - a[0]) / n2, (c[1] - a[1]) / n2, (c[2] - a[2]) / n2
        area = np.sqrt((uy * vz - uz * vy) ** 2 + (uz * vx - ux * vz) ** 2 + (ux * vy - uy * vx) ** 2) + 1e-6
        for i in range(n1):
            for j in range(int(np.ceil(n2 * (1 - i / n1)))):
                p, q = i + 0.33, j + 0.33
                x, y, z = a[0] + p * ux + q * vx, a[1] + p * uy + q * vy, a[2] + p * uz + q * vz
                if x < 0 or y < 0 or z < 0 or x >= nx or y >= ny or z >= nz:
                    continue
                ix, iy, iz = int(x), int(y), int(z)
                if winner[ix, iy, iz] == codes[f]:
                    lead[ix, iy, iz] += area
                elif lead[ix, iy, iz] >= area:
                    lead[ix, iy, iz] -= area
                else:
                    winner[ix, iy, iz] = codes[f]
                    lead[ix, iy, iz] = area - lead[ix, iy, iz]
