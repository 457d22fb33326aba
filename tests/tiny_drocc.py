"""Dr.Occ, so small that it runs in a test, and a street that it can learn: a wall in front of the car, and the road."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.completion.drocc.looking import Moment, Taken
from occlabel.stages.completion.drocc.network import DrOcc
from occlabel.stages.completion.drocc.parts import Parts, Sizes
from occlabel.stages.completion.drocc.samples import Drive
from occlabel.stages.completion.drocc.weight_file import facts_of
from occlabel.stages.learning.weights import save_weights

SPACE = LabelSpace(Grid(origin=(-8.0, -8.0, -1.0), voxel_size=0.8, shape=(20, 20, 8), frame="ego"), TAXONOMIES["occ3d"])
SIZES = Sizes(encoder="resnet18", stem=8, rows=48, columns=80, width=16, farthest=17.0, step=2.0)
HEIGHT, WIDTH, FOCAL = 48, 80, 40.0
K = np.array([[FOCAL, 0, WIDTH / 2 - 0.5], [0, FOCAL, HEIGHT / 2 - 0.5], [0, 0, 1]])
UP = 1.6
"""[m]: how high the cameras are."""
ROAD, WALL = (TAXONOMIES["occ3d"].names.index(name) for name in ("driveable_surface", "manmade"))


def looking(yaw: float) -> NDArray[np.float64]:
    """ego_from_camera of a camera above the ego frame that looks to ``yaw``."""
    c, s = np.cos(yaw), np.sin(yaw)
    place = np.eye(4)
    place[:3, :3] = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    place[2, 3] = UP
    return place


def weights(path: Path, space: LabelSpace, parts: Parts = Parts(), sizes: Sizes = SIZES, seed: int = 0) -> Path:
    """A weight file of a network that nobody trained."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = DrOcc(space, parts, sizes)
    save_weights(path, dict(network.state_dict()), facts_of(space, parts, sizes))
    return path


def drive(frames: int, far: float) -> Drive:
    """Towards a wall, which in frame n is ``far`` - n / 2 metres away."""

    def wall(row: int) -> float:
        return far - row / 2

    def depth(row: int) -> NDArray[np.float32]:
        below = np.arange(HEIGHT) - K[1, 2]
        road = np.where(below > 0, UP * FOCAL / np.maximum(below, 1e-6), np.inf)
        return np.repeat(np.minimum(road, wall(row))[:, None], WIDTH, axis=1).astype(np.float32)

    def moment(row: int) -> Moment:
        seen = depth(row)
        image = np.where((seen < wall(row))[..., None], [70, 70, 80], [200, 120, 60]).astype(np.uint8)
        pose = np.eye(4)
        pose[0, 3] = row / 2
        return Moment([Taken(image, K, looking(0.0), seen[::4, ::4])], pose)

    def truth(row: int) -> NDArray[np.uint8]:
        x, y, z = np.moveaxis(SPACE.grid.centres(), -1, 0)
        labels = np.full(SPACE.grid.shape, SPACE.taxonomy.free_id, np.uint8)
        labels[(z > -0.4) & (z < 0.4)] = ROAD
        labels[np.abs(x - wall(row)) < 0.5] = WALL
        return np.where((x > 1) & (np.abs(y) < x) & (x < wall(row) + 0.5), labels, np.uint8(UNKNOWN))

    return Drive(frames, 1, moment, lambda row: [depth(row)], truth, lambda row: np.eye(4))


def without_poses(one: Drive) -> Drive:
    return replace(one, moment=lambda row: replace(one.moment(row), world_from_ego=None))
