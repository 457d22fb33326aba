"""What the field of an image says of the voxels before its camera."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.vipocc.field import Looked, ViPOcc
from occlabel.stages.completion.vipocc.shown import Shown
from occlabel.stages.completion.vipocc.sizes import FAR, NEAR
from occlabel.stages.sensing.resized import scales

_AT_ONCE = 1 << 16
"""Voxels that are asked for at once."""


class Taken(NamedTuple):
    """One image."""

    shown: Shown
    size: tuple[int, int]
    """(height, width) of the image itself."""
    grid_from_camera: Matrix
    classes: NDArray[np.uint8] | None
    """[v, u] class ids of every fourth pixel, where segments say."""


class Said(NamedTuple):
    """Of each voxel, [n] in C order."""

    density: NDArray[np.float32]
    """[1/m]: the mean over the images that see it; NaN where none does."""
    classes: NDArray[np.uint8]
    """What the segment says that lies over it in the first of them that names one; UNKNOWN elsewhere."""


def asked(network: ViPOcc, images: list[Taken], space: LabelSpace) -> Said:
    """A voxel is seen by an image if its centre lies in it, 3 to 80 m along the axis, whatever is before it."""
    grid = space.grid
    centres = grid.centres().reshape(-1, 3).astype(np.float32)
    total, seen = np.zeros((2, grid.voxels), np.float32)
    classes = np.full(grid.voxels, UNKNOWN, np.uint8)
    for image in images:
        place = inverse(image.grid_from_camera).astype(np.float32)
        points = centres @ place[:3, :3].T + place[:3, 3]
        projected = points @ image.shown.intrinsics.astype(np.float32).T
        pixels = projected[:, :2] / np.maximum(projected[:, 2:], NEAR / 2)
        high, wide = image.shown.image.shape[:2]
        inside = (points[:, 2] >= NEAR) & (points[:, 2] <= FAR)
        inside &= ((pixels > -0.5) & (pixels < np.array([wide, high], np.float32) - 0.5)).all(axis=1)
        at = np.flatnonzero(inside)
        total[at] += _density(network, image.shown, points[at])
        seen[at] += 1
        if image.classes is not None:
            named = _named(image, pixels[at])
            new = (classes[at] == UNKNOWN) & (named != UNKNOWN)
            classes[at[new]] = named[new]
    with np.errstate(invalid="ignore"):
        return Said(np.where(seen > 0, total / np.maximum(seen, 1), np.nan).astype(np.float32), classes)


def _density(network: ViPOcc, shown: Shown, points: NDArray[np.float32]) -> NDArray[np.float32]:
    device = next(network.parameters()).device
    with torch.inference_mode():
        looked = Looked(
            torch.from_numpy(shown.image).permute(2, 0, 1)[None].float().to(device) / 255,
            torch.from_numpy(shown.prior)[None, None].to(device),
            torch.from_numpy(shown.intrinsics).float()[None].to(device),
        )
        field = network.look(looked)
        parts = [network.density(field, part[None].to(device))[0] for part in torch.from_numpy(points).split(_AT_ONCE)]
        found: NDArray[np.float32] = torch.cat([torch.zeros(0, device=device), *parts]).float().cpu().numpy()
    return found


def _named(image: Taken, pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The class of the segment over ``pixels`` [n, 2] (u, v) of the networks' image."""
    assert image.classes is not None  # see asked
    down, across = scales(image.size, (image.shown.image.shape[0], image.shown.image.shape[1]))
    own = (pixels + 0.5) / np.array([across, down], np.float32) - 0.5
    at = np.clip(np.rint(own / DEPTH.stride).astype(np.int64), 0, np.array(image.classes.shape[::-1]) - 1)
    found: NDArray[np.uint8] = image.classes[at[:, 1], at[:, 0]]
    return found
