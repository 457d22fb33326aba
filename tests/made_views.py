"""What a network of many views would say of the street of boxes that is driven through in a bend, with errors that are
known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from bent_street import FOCAL, bend
from box_street import AHEAD, STREET, seen
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from occlabel.stages.geometry.views_network.window import Views

FRAMES = 24
SIZE = (320, 96)
K = np.array([[FOCAL, 0, 159.5], [0, FOCAL, 47.5], [0, 0, 1]])
_CELLS = (24, 80)
"""Rows and columns of depth."""


def true_poses(frames: int = FRAMES) -> NDArray[np.float64]:
    """world_from_camera [frame, 4, 4]."""
    return np.array([bend(number) @ AHEAD for number in range(frames)])


def true_depth(pose: NDArray[np.float64]) -> NDArray[np.float64]:
    """[h, w] along z; the sky is 150 m away."""
    v, u = np.mgrid[0 : _CELLS[0], 0 : _CELLS[1]] + 0.5
    pixels = np.stack([u * SIZE[0] / _CELLS[1] - 0.5, v * SIZE[1] / _CELLS[0] - 0.5, np.ones_like(u)], axis=-1)
    far, _ = seen(pixels.reshape(-1, 3) @ np.linalg.inv(K).T @ pose[:3, :3].T, pose[:3, 3], STREET, 0)
    return np.minimum(far, 150).reshape(_CELLS)


@dataclass
class Way:
    """Errors: of ``depth`` from element to element and of ``view`` as a whole, as shares; of cameras ``turn`` [degrees]
    and ``place`` [m]; of a ``wrong`` share of the elements, which it says it does not know, everything. ``focal`` is
    how much too long the lens is said to be, ``unit`` the metres of a length of a window, drawn anew for each where it
    is None."""

    depth: float = 0.0
    view: float = 0.0
    turn: float = 0.0
    place: float = 0.0
    wrong: float = 0.0
    focal: float = 1.0
    confidence: float = 5.0
    unit: float | None = None
    _draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def seen(self, numbers: Sequence[int]) -> Views:
        """Of frames by their numbers."""
        true = np.array([bend(number) @ AHEAD for number in numbers])
        unit = self.unit or float(np.exp(self._draw.normal(0, 1)))
        depth = np.array([true_depth(pose) for pose in true]) / unit
        depth *= np.exp(self._draw.normal(0, self.view, (len(numbers), 1, 1)))
        depth *= np.exp(self._draw.normal(0, self.depth, depth.shape))
        sure = np.full(depth.shape, self.confidence)
        lost = self._draw.random(depth.shape) < self.wrong
        depth[lost] *= 9
        sure[lost] = 1.0
        poses = np.linalg.inv(true[0]) @ true
        turns = np.deg2rad(self._draw.normal(0, self.turn, (len(numbers), 3)) / np.sqrt(3))
        poses[:, :3, :3] = poses[:, :3, :3] @ Rotation.from_rotvec(turns).as_matrix()
        poses[:, :3, 3] += self._draw.normal(0, self.place, (len(numbers), 3)) / np.sqrt(3)
        poses[:, :3, 3] /= unit
        lens = np.tile(np.diag([self.focal, self.focal, 1]) @ K, (len(numbers), 1, 1))
        lens[:, :2, 2] = K[:2, 2]
        return Views(poses, lens, depth.astype(np.float32), sure.astype(np.float32))
