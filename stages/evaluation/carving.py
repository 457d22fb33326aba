"""What the space before a camera holds, by the sweeps of LiDARs: what any of them saw through is free.

The truth of ``visible``: a flat map at a height before the camera, as a sweep carves it. The released evaluator looks
at one slice, 0.375 m below the camera; the paper writes a block, h from -1 to 0 m (ViPOcc, supplement B.1.2). Both are
here, and h is taken as up from the camera, so that the block reaches down to 1 m below it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, transform_points
from occlabel.stages.sensing.scan import OWN_CAR

LAYERS: dict[str, tuple[float, ...]] = {
    "slice": (0.375,),
    "block": tuple((0.05 + 0.1 * np.arange(10)).round(3).tolist()),
}
"""By convention, how far below the camera samples lie [m]: one layer of them, or several."""
HALF = 0.375
"""[m] up and down from a layer to the points that say where its surfaces are."""
PER_METRE = 10
"""Samples, in every direction."""
AHEAD, ASIDE = (4.0, 20.0), (-4.0, 4.0)
"""[m]: where samples lie."""
SCANS = 20
"""Sweeps that carve, the frame's own first: as many as BTS takes. ViPOcc takes 300, in which whatever moves is long
gone from where it was."""
_NEAR = 3.0
"""[m], seen from above: nearer to it, a sweep sees nothing."""
_BINS = 360

_DOWN = np.array([0.0, 0.0, -1.0])
"""In the ego frame."""

Sweep = tuple[NDArray[np.float64], NDArray[np.float64]]
"""Points [n, 3] and where the LiDAR is, [3], in the frame of a camera that is ``level`` [m]: x right, y down, z
ahead."""


def level(ego_from_camera: Matrix) -> Matrix:
    """``ego_from_camera`` of a camera that sits there and looks where it does, but along the road and upright: a layer
    is a plane over the road and not into it. The released evaluators turn KITTI-360's by the 5 degrees by which they
    look down. The camera must not look straight up or down."""
    result = ego_from_camera.copy()
    forward = ego_from_camera[:3, 2] * [1, 1, 0]
    forward /= np.linalg.norm(forward)
    result[:3, :3] = np.stack([np.cross(_DOWN, forward), _DOWN, forward], axis=1)
    return result


def in_camera(camera_from_lidar: Matrix, points: NDArray[np.floating[Any]]) -> Sweep:
    """A sweep whose ``points`` [n, 3+] are in the frame of its LiDAR. What is not finite is left out."""
    known = points[np.isfinite(points[:, :3]).all(axis=1)]
    return transform_points(camera_from_lidar, known), camera_from_lidar[:3, 3]


def samples(layer: float) -> NDArray[np.float64]:
    """[z, x, 3]: places in the frame of the camera ``layer`` metres below it, ``PER_METRE``."""
    z, x = ((np.arange(round((high - low) * PER_METRE)) + 0.5) / PER_METRE + low for low, high in (AHEAD, ASIDE))
    return np.stack(np.broadcast_arrays(x[None], np.float64(layer), z[:, None]), axis=-1)


def carve(sweeps: Iterable[Sweep], layers: tuple[float, ...]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of the samples of some layers [layer, z, x]: which are occupied, and which are visible.

    A sweep sees through a sample that lies before the nearest of its points in the same of 360 directions and within
    ``HALF`` of the layer's height; 3 m around itself it sees nothing. In a direction without such a point it sees as
    far as its farthest at any height, and where there is none either, nothing. Occupied is what no sweep sees through,
    as in the paper (the released evaluator lets up to two do so), and visible what the first does (there also what lies
    before the depth that was predicted).
    """
    places = samples(0.0)[..., [0, 2]]
    seen, first = np.zeros((len(layers), *places.shape[:2]), np.bool_), None
    for points, sensor in sweeps:
        away = places - sensor[[0, 2]]
        far = np.linalg.norm(away, axis=-1)
        turn = np.arctan2(away[..., 0], away[..., 1]) / (2 * np.pi) + 0.5
        directions = np.minimum((turn * _BINS).astype(np.int64), _BINS - 1)
        surfaces = _surfaces(points, sensor, np.array(layers), HALF, OWN_CAR)
        through = (far < surfaces[:, directions]) & (far >= _NEAR)
        first = through if first is None else first
        seen |= through
    return ~seen, np.zeros_like(seen) if first is None else first


@numba.njit(cache=True, nogil=True)
def _surfaces(points, sensor, layers, half, least):  # type: ignore[no-untyped-def]
    """How far a sweep sees in each direction at the heights of layers, seen from above: [layer, 360] metres. Points
    within ``least`` metres are none."""
    nearest, farthest = np.full((len(layers), _BINS), np.inf), np.zeros(_BINS)
    for n in range(len(points)):
        x, z = points[n, 0] - sensor[0], points[n, 2] - sensor[2]
        far = math.sqrt(x * x + z * z)
        if far <= least:
            continue
        place = min(int((math.atan2(x, z) / (2 * math.pi) + 0.5) * _BINS), _BINS - 1)
        farthest[place] = max(farthest[place], far)
        for k in range(len(layers)):
            if abs(points[n, 1] - layers[k]) <= half:
                nearest[k, place] = min(nearest[k, place], far)
    for k in range(len(layers)):
        for place in range(_BINS):
            if nearest[k, place] == np.inf:
                nearest[k, place] = farthest[place]
    return nearest
