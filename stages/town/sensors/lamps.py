"""What shines at night: street lamps, found among what stands, and the head lamps of the car itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.things.kinds import KIND_ID
from occlabel.stages.town.things.mesh import Material, Mesh

_TALL = (3.3, 16.0)
"""Metal posts of this height [m] with nothing else on them are lamps."""
_REACH = 70.0
"""Lamps farther than this from the car [m] light nothing that it sees."""
_STREET = np.array([1.0, 0.62, 0.30]) * 3.2
_BEAM = np.array([1.0, 0.95, 0.85]) * 26.0


def street_lamps(meshes: Sequence[Mesh]) -> NDArray[np.float64]:
    """Heads [n, 3] of the lamps among the single ``meshes`` of a town."""
    heads = []
    for mesh in meshes:
        if (mesh.kinds == KIND_ID["pole"]).all() and (mesh.materials == Material.METAL).all() and len(mesh.faces) > 12:
            z = mesh.vertices[:, 2]
            if _TALL[0] < z.max() - z.min() < _TALL[1]:
                heads.append(mesh.vertices[z > z.max() - 0.5].mean(axis=0) - (0, 0, 0.3))
    return np.array(heads, np.float64).reshape(-1, 3)


def shining(heads: NDArray[np.float64], world_from_ego: Matrix, height: float, strength: float) -> NDArray[np.float32]:
    """Lamps [n, 10] near the car, as ``shading`` takes them: position, direction, colour, 1 for a beam. ``height`` is
    the ego frame's above the ground; none where ``strength`` is 0."""
    if strength == 0:
        return np.zeros((0, 10), np.float32)
    near = heads[np.linalg.norm(heads[:, :2] - world_from_ego[:2, 3], axis=1) < _REACH]
    result = np.zeros((len(near) + 2, 10), np.float32)
    result[: len(near), :3], result[: len(near), 5], result[: len(near), 6:9] = near, -1.0, _STREET * strength
    for row, side in ((len(near), 0.65), (len(near) + 1, -0.65)):
        result[row, :3] = world_from_ego[:3, :3] @ (2.2, side, 0.7 - height) + world_from_ego[:3, 3]
        result[row, 3:6], result[row, 6:9], result[row, 9] = world_from_ego[:3, :3] @ (0.9997, 0, -0.025), _BEAM, 1.0
    return result
