"""Glance with weights that nobody trained, and pictures of a plane that it can learn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.priors.glance.network import Glance
from occlabel.stages.priors.glance.pictures import Picture
from occlabel.stages.priors.glance.weight_file import purpose

WIDTH, HEIGHT, FOCAL, HORIZON = 96, 64, 60.0, 20.5
K = np.array([[FOCAL, 0, 47.5], [0, FOCAL, HORIZON], [0, 0, 1]])


def weights(path: Path, seed: int = 0) -> Path:
    """A weight file of a network as training begins with it."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = Glance()
        with torch.no_grad():  # so that depth is not everywhere the same
            network.depth.weight.mul_(10)
    save_weights(path, network.state_dict(), purpose())
    return path


def road() -> NDArray[np.float32]:
    """Metres [h, w] of a road 2.5 m below the camera, whose image of HEIGHT rows sees the sky above HORIZON."""
    below = np.arange(HEIGHT) - HORIZON
    depth = np.where(below > 0, 2.5 * FOCAL / np.maximum(below, 1e-6), 0)
    return np.broadcast_to(depth[:, None], (HEIGHT, WIDTH)).astype(np.float32)


@dataclass(frozen=True)
class Photograph:
    """Grey road under a blue sky, in a light of its own."""

    light: int

    def __call__(self) -> NDArray[np.uint8]:
        below = road()[..., None] > 0
        return np.where(below, [90, 90, 90], [120, 160, 230]).astype(np.uint8) + np.uint8(self.light)


def pictures(folder: Path, count: int, taxonomy: str = "semantickitti") -> list[Picture]:
    """So many of the road, with files that say what is true."""
    folder.mkdir(parents=True, exist_ok=True)
    classes, found = TAXONOMIES[taxonomy], []
    ground = classes.names.index({"semantickitti": "road", "occ3d": "driveable_surface"}[taxonomy])
    for number in range(count):
        depth, segments = folder / f"{number}.png", folder / f"{number}.npz"
        Image.fromarray(np.rint(road() * 256).clip(0, 65535).astype(np.uint16)).save(depth)
        np.savez(segments, **{"class": np.where(road() > 0, ground, 255).astype(np.uint8)})
        found.append(Picture(Photograph(2 * number), K, depth, segments, classes))
    return found
