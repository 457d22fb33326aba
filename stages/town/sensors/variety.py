"""The sensors that one log was recorded with: responses differ from log to log, and some cars carry other LiDARs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.geometry import Matrix
from occlabel.stages.town.sensors.recording import LidarModel, Rig
from occlabel.stages.town.sensors.response import HDL32, HDL64, draw_response

_OTHER = 0.4
"""Share of logs with another LiDAR, where other LiDARs are wanted."""
_BEAMS = {16: 1800, 32: 1200, 40: 1800, 64: 1800, 80: 1800, 128: 1024}
"""Beams of common LiDARs and columns of a turn."""


def rig_of_log(rig: Rig, rng: np.random.Generator, others: bool) -> Rig:
    """``rig`` with the response and range noise of one log's sensor. With ``others`` some logs have a LiDAR of another
    beam pattern, mounted higher or lower and tilted, and some have no intensity: to learn from, never to be judged
    by."""
    if others and rng.random() < _OTHER:
        rig = replace(rig, lidar=_other_lidar(rig, rng))
    lidar = rig.lidar
    response = draw_response(rng, lidar.response, len(lidar.elevations), others)
    noise = lidar.range_noise * float(rng.uniform(0.6, 1.6))
    return replace(rig, lidar=replace(lidar, response=response, range_noise=noise))


def _other_lidar(rig: Rig, rng: np.random.Generator) -> LidarModel:
    # A grid in the LiDAR's frame rises and tilts with it, and must still hold the ground, 0.27 m above its floor.
    down, up, tilt = (0.15, 0.05, 0.4) if rig.grid.frame == "lidar" else (0.35, 0.35, 1.5)
    lidar = rig.lidar
    pose = lidar.ego_from_lidar.copy()
    pose[:3, :3] = pose[:3, :3] @ _tilted(np.radians(rng.uniform(-tilt, tilt)), np.radians(rng.uniform(-tilt, tilt)))
    pose[2, 3] += rng.uniform(-down, up)
    beams = int(rng.choice(list(_BEAMS)))
    columns = _BEAMS[beams]
    turn = np.abs(lidar.azimuths[-1] - lidar.azimuths[0]) / (len(lidar.azimuths) - 1) * len(lidar.azimuths)
    azimuths = lidar.azimuths[0] - (np.arange(columns) + 0.5) * (turn / columns)
    family = HDL64 if rng.random() < 0.5 else HDL32
    return replace(
        lidar, ego_from_lidar=pose, elevations=_elevations(rng, beams), azimuths=azimuths,
        response=family._replace(steps=lidar.response.steps),
    )  # fmt: skip


def _tilted(roll: float, pitch: float) -> Matrix:
    """[3, 3]"""
    a, b, c, d = np.cos(roll), np.sin(roll), np.cos(pitch), np.sin(pitch)
    about_x = np.array([[1, 0, 0], [0, a, -b], [0, b, a]])
    return np.asarray(np.array([[c, 0, d], [0, 1, 0], [-d, 0, c]]) @ about_x)


def _elevations(rng: np.random.Generator, beams: int) -> NDArray[np.float64]:
    """[beams] radians, top beam first: even, or denser towards the horizon."""
    low = float(rng.uniform(-20.0, -15.0) if beams == 16 else rng.uniform(-31.0, -16.0))
    high = float(rng.uniform(2.0, 16.0))
    even = np.linspace(high, low, beams)
    if rng.random() < 0.5:
        return np.radians(even)
    share = (even + 2.0) / np.where(even > -2.0, high + 2.0, -2.0 - low)
    dense = np.abs(share) ** 1.6 * np.sign(share) * np.where(even > -2.0, high + 2.0, -2.0 - low) - 2.0
    return np.radians(dense)
