"""Random changes to a training scan, so that a network of one simulated town transfers to other cars and sensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix, yaw_rotation
from occlabel.schemas.grid import Grid
from occlabel.stages.sensing.painting import NOTHING
from occlabel.stages.sensing.scan import Scan


def random_placement(grid: Grid, draw: Generator) -> Matrix:
    """``augmented_from_grid`` [4, 4]: how the car stands in the scene, and which way round the scene is.

    Mirrored left to right; on a grid around the car also turned by quarter turns, which map voxels onto voxels. Then,
    for half of the samples, a little yaw, tilt and scale; always another sensor height.
    """
    result = np.diag([1.0, draw.choice([-1.0, 1.0]), 1.0, 1.0])
    if _is_around(grid):
        result = yaw_rotation(np.pi / 2 * draw.integers(4)) @ result
    if draw.random() < 0.5:
        roll, pitch, yaw = draw.normal(0, np.deg2rad([0.6, 0.6, 2.5]))
        result = yaw_rotation(yaw) @ _tilt(roll, pitch) @ np.diag([*draw.uniform(0.95, 1.05, 1).repeat(3), 1]) @ result
    result[2, 3] = np.clip(draw.normal(0, 0.12), -0.3, 0.3)
    return np.asarray(result, np.float64)


def _is_around(grid: Grid) -> bool:
    """Whether the grid is square and centred on the car."""
    return np.allclose([grid.origin[0], grid.origin[1]], [-grid.upper[0], -grid.upper[1]]) and (
        grid.shape[0] == grid.shape[1]
    )


def _tilt(roll: float, pitch: float) -> Matrix:
    """Rotation by small angles about x, then y, as [4, 4]."""
    result = np.eye(4)
    result[1:3, 1:3] = [[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]]
    about_y = np.eye(4)
    about_y[:3, :3] = [[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0], [-np.sin(pitch), 0, np.cos(pitch)]]
    return about_y @ result


def random_slip(shift: float, angle: float, draw: Generator) -> Matrix:
    """[4, 4] of a pose that is a little wrong: ``shift`` [m] and ``angle`` [rad] are standard deviations per axis."""
    roll, pitch, yaw = draw.normal(0, angle, 3)
    result = yaw_rotation(yaw) @ _tilt(roll, pitch)
    result[:3, 3] = draw.normal(0, shift, 3)
    return np.asarray(result, np.float64)


def another_sensor(scan: Scan, draw: Generator) -> Scan:
    """``scan`` as a worse sensor would have measured it.

    Some lose beams (bands of elevation), some points, some whole sectors to rain or dirt, some what lies in the shadow
    of their own car; all get range noise. What kind of sensor it is is drawn before what happens to single points, so
    that draws of one seed make one sensor of all sweeps of a log.
    """
    rays = scan.points[:, :3] - scan.sensor
    distance = np.linalg.norm(rays, axis=1)
    keep = np.ones(len(rays), bool)
    if draw.random() < 0.4:
        band = np.floor(np.arcsin(np.clip(rays[:, 2] / np.maximum(distance, 1e-6), -1, 1)) / np.deg2rad(0.42))
        lost = draw.random(512) < draw.uniform(0.05, 0.5)
        keep &= ~lost[band.astype(np.int64) % 512]
    if draw.random() < 0.1:
        azimuth = np.arctan2(rays[:, 1], rays[:, 0])
        keep &= np.abs((azimuth - draw.uniform(-np.pi, np.pi) + np.pi) % (2 * np.pi) - np.pi) > draw.uniform(0, 0.2)
    if draw.random() < 0.5:
        keep &= np.hypot(rays[:, 0], rays[:, 1]) > draw.uniform(2.5, 5)
    thinned, noise = draw.uniform(0, 0.4) if draw.random() < 0.5 else 0.0, draw.uniform(0, 0.03)
    keep &= draw.random(len(rays)) >= thinned
    rays, distance = rays[keep], distance[keep]
    error = draw.normal(0, noise, len(rays)) / np.maximum(distance, 1e-6)
    points = np.concatenate([scan.sensor + rays * (1 + error)[:, None], scan.points[keep, 3:4]], axis=1)
    return replace(scan.picked(keep), points=points.astype(np.float32))


_GAMMA = 0.35
_MUTE = 0.1
"""Share of the sensors that measure no intensity."""


def random_response(draw: Generator) -> Callable[[Scan], Scan]:
    """A sensor whose intensity has another curve and more noise, or that has none; gain and offset do not matter."""
    mute, gamma, noise = draw.random() < _MUTE, np.exp(draw.normal(0, _GAMMA)), draw.uniform(0, 0.08)

    def respond(scan: Scan) -> Scan:
        points = scan.points.copy()
        value = np.clip(points[:, 3], 0, 1) ** gamma
        points[:, 3] = 0 if mute else value * (1 + draw.normal(0, noise, len(points)))
        return replace(scan, points=points)

    return respond


_BLIND = 0.1
"""Share of the sweeps of which no image says anything."""
_LOST = 0.3
"""Share of those whose images do not look everywhere, as where a camera is missing."""


def random_paint(scan: Scan, draw: Generator) -> Scan:
    """``scan`` with what images say of it, of some of its sectors, or of none."""
    if scan.paint is None:
        return scan
    blind, lost = draw.random() < _BLIND, draw.random() < _LOST
    middle, width = draw.uniform(-np.pi, np.pi), draw.uniform(np.pi / 6, np.pi)
    away = scan.points[:, :2] - scan.sensor[:2]
    aside = (np.arctan2(away[:, 1], away[:, 0]) - middle + np.pi) % (2 * np.pi) - np.pi
    unseen = np.full(len(away), blind) | (lost & (np.abs(aside) < width / 2))
    return replace(scan, paint=np.where(unseen[:, None], NOTHING, scan.paint))


def random_crop(
    grid: Grid, size: float, step: int, draw: Generator, around: NDArray[np.floating[Any]] | None = None
) -> Grid:
    """A window of ``grid`` of ``size`` metres along x and y (or all of it), at a multiple of ``step`` voxels.

    Anywhere, or anywhere where it holds the point ``around`` [2 or more], if that lies in the grid.
    """
    wide = max(round(size / grid.voxel_size) // step, 1) * step
    shape = (min(wide, grid.shape[0]), min(wide, grid.shape[1]), grid.shape[2])
    first = []
    for axis in (0, 1):
        last = (grid.shape[axis] - shape[axis]) // step
        low, high = 0, last
        if around is not None:
            place = int((around[axis] - grid.origin[axis]) / grid.voxel_size) // step
            low = min(max(place - shape[axis] // step + 1, 0), last)
            high = min(max(place, low), last)
        first.append(int(draw.integers(low, high + 1)) * step)
    x, y = (grid.origin[axis] + first[axis] * grid.voxel_size for axis in (0, 1))
    return grid.box((x, y, grid.origin[2]), shape)
