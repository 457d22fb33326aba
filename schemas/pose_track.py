"""Poses that are written down at times of their own, which are not those of any sensor."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from occlabel.schemas.geometry import Matrix

GAP = 300_000_000
"""[ns] between two poses that a car's motion is still known between; at 30 m/s it drives 9 m."""


@dataclass(frozen=True)
class PoseTrack:
    """Poses of one thing over time."""

    times: NDArray[np.int64]
    """[n] nanoseconds, growing."""
    poses: NDArray[np.float64]
    """[n, 4, 4] rigid."""

    def at(self, time: int) -> Matrix | None:
        """The pose [4, 4] at ``time`` [ns]: the one that is written down for it, or on the way between the two around
        it, in a straight line and turning evenly. None before the first, after the last, and in gaps."""
        after = int(np.searchsorted(self.times, time))
        if after < len(self.times) and self.times[after] == time:
            return np.array(self.poses[after])
        if after == 0 or after == len(self.times):
            return None
        before, start = after - 1, int(self.times[after - 1])
        passed, whole = time - start, int(self.times[after]) - start
        if whole > GAP:
            return None
        share = passed / whole
        result = np.eye(4)
        turned = Slerp([0.0, 1.0], Rotation.from_matrix(self.poses[before : after + 1, :3, :3]))
        result[:3, :3] = turned([share]).as_matrix()[0]
        result[:3, 3] = (1 - share) * self.poses[before, :3, 3] + share * self.poses[after, :3, 3]
        return result


def poses_of(quaternions: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n, 4, 4] of ``quaternions`` [n, 4] (w, x, y, z) and ``places`` [n, 3]; NaN where a row is not finite, or its
    quaternion not of length 1 to a hundredth."""
    result = np.tile(np.eye(4), (len(places), 1, 1))
    with np.errstate(invalid="ignore", over="ignore"):
        sound = np.isfinite(quaternions).all(axis=1) & np.isfinite(places).all(axis=1)
        sound &= np.abs(np.linalg.norm(quaternions, axis=1) - 1) < 1e-2
    result[:, :3] = np.nan
    if sound.any():
        result[sound, :3, :3] = Rotation.from_quat(quaternions[sound][:, [1, 2, 3, 0]]).as_matrix()
        result[sound, :3, 3] = places[sound]
    return result


def track_of(times: NDArray[np.int64], poses: NDArray[np.float64]) -> PoseTrack | None:
    """The track of ``poses`` [n, 4, 4] at ``times`` [n], in any order: without those that are NaN, and of several at
    one time the first. None where nothing is left."""
    sound = np.isfinite(poses).all(axis=(1, 2))
    kept, first = np.unique(times[sound], return_index=True)
    return PoseTrack(kept, poses[sound][first]) if len(kept) else None
