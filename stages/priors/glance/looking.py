"""How an image of any camera is shown to the network, and what its answer means for that camera.

What the network says of depth is of pixels alone: the logarithm of focal length / depth. The focal length is put in
afterwards, so a camera whose focal length is twice as long sees the same image twice as far away.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from occlabel.schemas.geometry import Matrix
from occlabel.schemas.stage import Hands
from occlabel.stages.learning.foundation import inference
from occlabel.stages.learning.trunk import COARSEST, ROWS
from occlabel.stages.priors.glance.labels import SKY
from occlabel.stages.priors.segments.lattice import Lattice, Size, View

if TYPE_CHECKING:
    from torch import Tensor

    from occlabel.stages.priors.glance.network import Glance

PIXELS = 640 * 192
"""To about so many an image is made smaller: a focal length of KITTI's or nuScenes' cameras is then some 360 pixels."""
_FURTHEST = 250.0
"""[m]; the truth that is learned from reaches as far."""


class Seen(NamedTuple):
    """Of one image, at every ``stride``-th row and column."""

    depth: NDArray[np.float32]
    """[v, u] metres; NaN where there is sky."""
    deviation: NDArray[np.float32]
    """[v, u]: standard deviation as a share of depth; NaN with it."""
    labels: Tensor
    """[LABELS, v, u]: how likely each label is."""


def input_size(height: int, width: int) -> Size:
    """Rows and columns that an image is shown with, multiples of COARSEST: but for rounding never more than it has."""
    scale = min(1.0, math.sqrt(PIXELS / (height * width)))
    rows, columns = (max(1, round(scale * side / COARSEST)) * COARSEST for side in (height, width))
    return rows, columns


def shown(image: NDArray[np.uint8], size: Size) -> NDArray[np.float32]:
    """``image`` [h, w, 3] at ``size``: [3, *size], 0 in the middle of black and white."""
    if size != image.shape[:2]:
        image = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BILINEAR))
    return scaled(image.astype(np.float32))


def scaled(pixels: NDArray[np.float32]) -> NDArray[np.float32]:
    """0..255 [h, w, 3] as the network sees it: [3, h, w]."""
    return np.ascontiguousarray((pixels / np.float32(127.5) - 1).transpose(2, 0, 1))


def rows_below(height: int, principal: float) -> NDArray[np.float32]:
    """The fourth channel [h, 1] of an input whose principal point lies at the row ``principal``, of its pixels; whole
    numbers are their centres."""
    return ((np.arange(height) - principal) / ROWS).astype(np.float32)[:, None]


def with_rows(image: NDArray[np.float32], principal: float) -> NDArray[np.float32]:
    """All channels [4, h, w] of ``image`` [3, h, w]."""
    rows = np.broadcast_to(rows_below(image.shape[1], principal), image.shape[1:])
    return np.concatenate([image, rows[None]])


def resized_row(row: float, before: float, after: float) -> float:
    """Where a row of an image of ``before`` rows lies when it has ``after``: centres of pixels are whole numbers."""
    return (row + 0.5) * after / before - 0.5


def look(
    network: Glance, images: Sequence[NDArray[np.uint8]], cameras: Sequence[Matrix], stride: int, hands: Hands
) -> list[Seen]:
    """What the network sees in ``images`` [h, w, 3] of one size, each taken with K [3, 3]."""
    import torch

    height, width = images[0].shape[:2]
    size = input_size(height, width)
    inputs = [
        with_rows(shown(image, size), resized_row(float(k[1, 2]), height, size[0]))
        for image, k in zip(images, cameras, strict=True)
    ]
    with inference(hands):
        given = torch.from_numpy(np.stack(inputs)).to(hands.device, memory_format=torch.channels_last)
        said = network(given)
        lattice, view = Lattice((height, width), stride), View(size, size)
        inverse, spread = lattice.read(said.inverse, view), lattice.read(said.spread, view)
        labels = lattice.read(said.labels.softmax(dim=1), view)
    result = []
    for n, k in enumerate(cameras):
        depth = float(k[0, 0]) * size[1] / width * torch.exp(-inverse[n])
        nothing = (labels[n, SKY] > 0.5) | (depth > _FURTHEST)
        # Of a Laplace distribution.
        deviation = math.sqrt(2) * torch.exp(spread[n])
        metres, share = (torch.where(nothing, torch.nan, part).cpu().numpy() for part in (depth, deviation))
        result.append(Seen(metres, share, labels[n]))
    return result
