"""How fast what is in a voxel goes: each object as a rigid body that drives and turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.tracking.motion import Seen, driving

_MEMORY = 1.5
"""[s]: before and after. At 2 Hz a second holds five places, and those of objects that are seen in part are rough."""


def motion(seen: Seen, at: int) -> tuple[NDArray[np.float64], float]:
    """Velocity [3] in m/s, along the axes of the world, and rate of turn in rad/s about its z axis, of the object in
    sighting ``at``. Three sightings or more."""
    velocities, turns = driving(seen.times, seen.places, seen.cut, _MEMORY)
    return velocities[at], float(turns[at])


def rigid_flow(
    offsets: NDArray[np.float64], velocity: NDArray[np.float64], turn: float, grid_from_world: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[n, 3] m/s along the axes of the grid, of voxels ``offsets`` [n, 3] metres from the centroid, along the same:
    v + w x r."""
    rotation = grid_from_world[:3, :3]
    spin = rotation @ np.array([0.0, 0.0, turn])
    result: NDArray[np.float64] = rotation @ velocity + np.cross(spin, offsets)
    return result
