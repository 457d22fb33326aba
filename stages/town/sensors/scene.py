"""What rays meet: the standing town, and what moves in it posed at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from occlabel.stages.town.sensors.skin import Skin, middling_skin
from occlabel.stages.town.things.mesh import Mesh, join


@dataclass(frozen=True, slots=True)
class Hits:
    """Where ``n`` rays ended; ``distance`` is inf for those that met nothing, their ``face`` is -1."""

    distance: NDArray[np.float32]
    face: NDArray[np.int64]
    """Index into the faces of ``Scene.mesh``."""
    normals: NDArray[np.float32]
    """[n, 3] unit normals, not oriented."""
    corners: NDArray[np.float32]
    """[n, 2] how near the end is to the second and third corner of its face, 0..1."""


_SHADE_REACH = 60.0
"""Length [m] of the rays of ``Scene.occluded``."""
_tensor: Any = o3d.core.Tensor  # its type stub does not know of plain arrays


def _caster(mesh: Mesh) -> o3d.t.geometry.RaycastingScene:
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(_tensor(mesh.vertices.astype(np.float32)), _tensor(mesh.faces.astype(np.uint32)))
    return scene


class Scene:
    """The standing mesh is prepared once; ``pose`` gives the scene of another moment at the cost of what moves.
    ``skin`` says what surfaces reflect; None: every material as usual."""

    def __init__(self, standing: Mesh, skin: Skin | None = None) -> None:
        self.skin = middling_skin() if skin is None else skin
        self._standing = standing
        self._static = _caster(standing)
        self._moving: o3d.t.geometry.RaycastingScene | None = None
        self.mesh = standing

    def pose(self, moving: list[Mesh]) -> None:
        """Replaces what moves by ``moving``, meshes in the world."""
        self._moving = _caster(join(moving)) if moving else None
        self.mesh = join([self._standing, *moving])

    def cast(self, rays: NDArray[np.float32]) -> Hits:
        """``rays`` [n, 6]: origin and unit direction in the world."""
        tensor = _tensor(rays)
        found = self._static.cast_rays(tensor, nthreads=1)
        distance = found["t_hit"].numpy()
        normals = found["primitive_normals"].numpy()
        corners = found["primitive_uvs"].numpy()
        face = found["primitive_ids"].numpy().astype(np.int64)
        if self._moving is not None:
            other = self._moving.cast_rays(tensor, nthreads=1)
            nearer = other["t_hit"].numpy() < distance
            distance = np.where(nearer, other["t_hit"].numpy(), distance)
            face = np.where(nearer, other["primitive_ids"].numpy() + len(self._standing.faces), face)
            normals = np.where(nearer[:, None], other["primitive_normals"].numpy(), normals)
            corners = np.where(nearer[:, None], other["primitive_uvs"].numpy(), corners)
        face[~np.isfinite(distance)] = -1
        return Hits(distance, face, normals, corners)

    @property
    def standing_faces(self) -> int:
        """How many faces of ``mesh`` stand still; they come first."""
        return len(self._standing.faces)

    def occluded(self, rays: NDArray[np.float32], reach: float = _SHADE_REACH) -> NDArray[np.bool_]:
        """Which ``rays`` [n, 6] meet anything within ``reach`` metres; faster than ``cast``."""
        tensor = _tensor(rays)
        blocked = self._static.test_occlusions(tensor, 0.0, reach, nthreads=1).numpy()
        if self._moving is not None:
            blocked |= self._moving.test_occlusions(tensor, 0.0, reach, nthreads=1).numpy()
        return np.asarray(blocked, np.bool_)
