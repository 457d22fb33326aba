"""A street over hills and what a LiDAR sees of it, made of formulas: the true poses are known, and no town is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from contract import ScriptedSensors, log_of
from numpy.typing import NDArray

from occlabel.schemas.drive_log import DriveLog, Frame, Sweep
from occlabel.schemas.geometry import Matrix, inverse, transform_points, yaw_rotation

LIDAR = yaw_rotation(np.pi / 2)
"""ego_from_lidar: as in nuScenes, the LiDAR's y axis points ahead."""
LIDAR[:3, 3] = 0.9, 0.0, 1.8


def height(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the ground [m]: up and down by 10%."""
    return 2.5 * np.sin(x / 25)


def true_pose(x: float) -> Matrix:
    """world_from_ego of a car that stands on the street, in a bend."""
    ahead = np.array([1.0, 0.1 * np.cos(x / 30), 0.1 * np.cos(x / 25)])
    up = np.array([-0.1 * np.cos(x / 25), 0.0, 1.0])
    ahead, up = ahead / np.linalg.norm(ahead), up / np.linalg.norm(up)
    pose = np.eye(4)
    pose[:3, :3] = np.column_stack([ahead, np.cross(up, ahead), up])
    pose[:3, :3] = np.linalg.qr(pose[:3, :3])[0] * np.sign(np.diag(np.linalg.qr(pose[:3, :3])[1]))
    pose[:3, 3] = x, 3 * np.sin(x / 30), height(np.array(x))
    return pose


def scan(pose: Matrix, seed: int) -> NDArray[np.float32]:
    """[n, 4] in the LiDAR frame: ground, houses that stand back by one or three metres, and trunks; every scan hits
    them elsewhere, 2 cm off."""
    draw = np.random.default_rng(seed)
    x0 = pose[0, 3]
    away, turn = 40 * draw.random(4500) ** 1.5, draw.uniform(0, 2 * np.pi, 4500)
    ground = np.column_stack([x0 + away * np.cos(turn), pose[1, 3] + away * np.sin(turn), np.zeros(4500)])
    ground = ground[np.abs(ground[:, 1]) < 12]
    x = draw.uniform(x0 - 40, x0 + 40, 2000)
    front = 10 + 2 * (np.floor(x / 7) % 2)
    houses = np.column_stack([x, draw.choice([-1, 1], 2000) * front, draw.uniform(0, 6, 2000)])
    corner = 7 * draw.integers(np.ceil((x0 - 40) / 7), (x0 + 40) // 7, 500)
    sides = np.column_stack([corner, draw.choice([-1, 1], 500) * draw.uniform(10, 12, 500), draw.uniform(0, 6, 500)])
    trunk, turn = 9 * draw.integers(np.ceil((x0 - 40) / 9), (x0 + 40) // 9, 750) + 3, draw.uniform(0, 2 * np.pi, 750)
    side = draw.choice([-1, 1], 750)
    trunks = np.column_stack([trunk + 0.3 * np.cos(turn), 8 * side + 0.3 * np.sin(turn), draw.uniform(0, 4, 750)])
    world = np.concatenate([ground, houses, sides, trunks])
    world[:, 2] += height(world[:, 0])
    world += draw.normal(0, 0.02, world.shape)
    points = transform_points(inverse(pose @ LIDAR), world)
    return np.column_stack([points, np.full(len(points), 0.5)]).astype(np.float32)


def drive(frames: int, metres: float = 1.5, rate: float = 10.0) -> tuple[DriveLog, ScriptedSensors]:
    """A drive with true poses, ``metres`` a frame, ``rate`` frames a second."""
    scans, made = {}, []
    for index in range(frames):
        name, pose = f"{index:06d}", true_pose(index * metres)
        scans[name] = scan(pose, index)
        made.append(Frame(name, index / rate, pose, (), Sweep(Path(name), LIDAR, index / rate)))
    return log_of(made), ScriptedSensors(scans)


def posed(log: DriveLog, poses: Sequence[Matrix | None]) -> DriveLog:
    """The log with other poses."""
    return replace(
        log, frames=tuple(replace(frame, world_from_ego=pose) for frame, pose in zip(log.frames, poses, strict=True))
    )


def without_height(log: DriveLog) -> DriveLog:
    """As nuScenes has it: z is 0, the car leans as it does."""
    poses = [np.array(frame.world_from_ego) for frame in log.frames]
    for pose in poses:
        pose[2, 3] = 0.0
    return posed(log, poses)
