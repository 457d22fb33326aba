"""A car with two cameras side by side, and pictures of a scene whose depth is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from contract import FRAMES, ScriptedSensors, log_of
from scipy.ndimage import gaussian_filter

from occlabel.schemas.drive_log import Camera, DriveLog, Frame

SIZE, FOCAL, APART, OFF = (480, 160), 400.0, 0.5, 7.0


def car(right_turned: float = 0.0, names: tuple[str, str] = ("left", "right"), frames: int = 1) -> DriveLog:
    """Two cameras half a metre apart; the second's principal point lies ``OFF`` pixels further left. All frames show
    the same picture."""
    cameras = []
    for index, name in enumerate(names):
        pose = np.eye(4)
        turn = right_turned * index
        c, s = np.cos(turn), np.sin(turn)
        pose[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        pose[:3, 3] = 1.0, -APART * index, 1.5
        k = np.array([[FOCAL, 0, 240 - OFF * index], [0, FOCAL, 80], [0, 0, 1]])
        cameras.append(Camera(name, Path(name), k, pose, 0.0, SIZE))
    return log_of([Frame(f"{n:06d}", n / 10, np.eye(4), tuple(cameras)) for n in range(frames)])


def pictures(depth: np.ndarray) -> ScriptedSensors:
    """A textured scene in ``depth`` [h, w] of the left camera, as both cameras see it."""
    texture = gaussian_filter(np.random.default_rng(3).normal(size=SIZE[::-1]), 1.5)
    texture = np.clip(128 + 40 * texture / texture.std(), 0, 255)
    disparity = FOCAL * APART / depth + OFF
    across = np.arange(SIZE[0])[None, :] + disparity  # the right image, in whose depth the scene is drawn
    right = texture
    left = np.zeros_like(texture)
    for v in range(SIZE[1]):
        left[v] = np.interp(np.arange(SIZE[0]), across[v], right[v], left=0, right=0)
    return ScriptedSensors(
        {}, {n: np.repeat(i[..., None], 3, 2).astype(np.uint8) for n, i in (("left", left), ("right", right))}
    )


def before_a_wall() -> tuple[DriveLog, ScriptedSensors]:
    """Six frames, twelve metres from a wall."""
    return car(frames=FRAMES), pictures(np.full(SIZE[::-1], 12.0))
