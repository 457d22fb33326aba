"""What rays meet: the standing town, and what moves in it posed at one moment."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from stages.ingest.town.mesh import Mesh, join


@dataclass(frozen=True, slots=True)
class Hits:
    """Where ``n`` rays ended; ``distance`` is inf for those that met nothing, their ``face`` is -1."""

    distance: NDArray[np.float32]
    face: NDArray[np.int64]
    """Index into the faces of ``Scene.mesh``."""
    normals: NDArray[np.float32]
    """[n, 3] unit normals, not oriented."""


def _caster(mesh: Mesh) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(
        o3d.core.Tensor(mesh.vertices.astype(np.float32)), o3d.core.Tensor(mesh.faces.astype(np.uint32))
    )
    return scene


class Scene:
    """The standing mesh is prepared once; ``pose`` gives the scene of another moment at the cost of what moves."""

    def __init__(self, standing: Mesh) -> None:
        self._standing = standing
        self._static = _caster(standing)
        self._moving: o3d.t.geometry.RaycastingScene | None = None
        self.mesh = standing
        self.moving_mesh: Mesh | None = None

    def pose(self, moving: list[Mesh]) -> None:
        """Replaces what moves by ``moving``, meshes in the world."""
        self.moving_mesh = join(moving) if moving else None
        self._moving = _caster(self.moving_mesh) if self.moving_mesh else None
        self.mesh = join([self._standing, self.moving_mesh]) if self.moving_mesh else self._standing

    def cast(self, rays: NDArray[np.float32]) -> Hits:
        """``rays`` [n, 6]: origin and unit direction in the world."""
        tensor = o3d.core.Tensor(rays)
        found = self._static.cast_rays(tensor, nthreads=1)
        distance = found["t_hit"].numpy()
        normals = found["primitive_normals"].numpy()
        face = found["primitive_ids"].numpy().astype(np.int64)
        if self._moving is not None:
            other = self._moving.cast_rays(tensor, nthreads=1)
            nearer = other["t_hit"].numpy() < distance
            distance = np.where(nearer, other["t_hit"].numpy(), distance)
            face = np.where(nearer, other["primitive_ids"].numpy() + len(self._standing.faces), face)
            normals = np.where(nearer[:, None], other["primitive_normals"].numpy(), normals)
        face[~np.isfinite(distance)] = -1
        return Hits(distance, face, normals)
