"""How fast what is in a voxel goes: each object as a rigid body that drives and turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.tracking.motion import Seen, smooth

_MEMORY = 1.5
"""[s]: before and after. At 2 Hz a second holds five places, and those of objects that are seen in part are rough."""
_TURNS = 2.0
"""[m/s]: slower, the direction of a velocity says nothing of where an object heads."""
_FASTEST_TURN = 0.8
"""[rad/s]: as a car turns at a crossing."""


def motion(seen: Seen, at: int) -> tuple[NDArray[np.float64], float]:
    """Velocity [3] in m/s, along the axes of the world, and rate of turn in rad/s about its z axis, of the object in
    sighting ``at``. Three sightings or more."""
    _, velocities = smooth(seen.times, seen.places, seen.cut, _MEMORY)
    first, last = max(at - 1, 0), min(at + 1, len(seen) - 1)
    ways, passed = velocities[[first, last]], seen.times[last] - seen.times[first]
    if passed <= 0 or np.linalg.norm(ways[:, :2], axis=1).min() < _TURNS:
        return velocities[at], 0.0
    (ax, ay), (bx, by) = ways[:, :2]
    turn = float(np.arctan2(ax * by - ay * bx, ax * bx + ay * by) / passed)
    return velocities[at], float(np.clip(turn, -_FASTEST_TURN, _FASTEST_TURN))


def rigid_flow(
    offsets: NDArray[np.float64], velocity: NDArray[np.float64], turn: float, grid_from_world: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[n, 3] m/s along the axes of the grid, of voxels ``offsets`` [n, 3] metres from the centroid, along the same:
    v + w x r."""
    rotation = grid_from_world[:3, :3]
    spin = rotation @ np.array([0.0, 0.0, turn])
    result: NDArray[np.float64] = rotation @ velocity + np.cross(spin, offsets)
    return result
