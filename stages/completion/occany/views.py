"""Where nobody took an image: cameras before, beside and turned away from those of the car (test-time view
augmentation)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from occlabel.schemas.geometry import Matrix


@dataclass(frozen=True, slots=True)
class Novel:
    """A camera that is asked for."""

    ego_from_camera: Matrix
    turned: bool
    """Whether it looks another way than a real one; what it sees is then too little known to be named."""


def novel_views(ego_from_camera: Matrix, copies: int, forward: float, aside: float, turn: float) -> list[Novel]:
    """For k = 1 .. ``copies`` a camera k * ``forward`` metres ahead of a real one along its axis, and one ``aside``
    metres to the left and to the right of that, each turned outwards by ``turn`` degrees: three a copy."""
    result = []
    for k in range(1, copies + 1):
        result.append(Novel(ego_from_camera @ _moved(0.0, k * forward, 0.0), turned=False))
        for side in (-1.0, 1.0):
            moved = _moved(side * aside, k * forward, side * np.radians(turn))
            result.append(Novel(ego_from_camera @ moved, turned=True))
    return result


def _moved(right: float, ahead: float, yaw: float) -> Matrix:
    """camera_from_novel: x right, y down, z ahead; turned by ``yaw`` radians to the right."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, 0, s, right], [0, 1, 0, 0], [-s, 0, c, ahead], [0, 0, 0, 1.0]])
