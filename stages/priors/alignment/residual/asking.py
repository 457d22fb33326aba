"""How images and depth become what the network is given, and its answer over a whole image."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from occlabel.schemas.geometry import Matrix
from occlabel.stages.priors.alignment.residual.network import COARSEST, STRIDE, Residual

Given = tuple[Tensor, Tensor, Tensor, Tensor]
"""The arguments of ``Residual``, without the batch."""


def given(
    image: NDArray[np.uint8], depth: NDArray[np.floating[Any]], deviation: NDArray[np.floating[Any]], k: Matrix,
    corner: tuple[int, int], size: tuple[int, int],
) -> Given:  # fmt: skip
    """Of a window of an image what the network is given; beyond the image nothing is known.

    ``image`` [h, w, 3] RGB, ``depth`` [v, u] metres and ``deviation`` [v, u], NaN where they are not known; ``corner``
    (v, u) and ``size`` of the window in elements.
    """
    v, u = corner
    rows, columns = size
    pixels = np.zeros((STRIDE * rows, STRIDE * columns, 3), np.float32)
    seen = image[STRIDE * v : STRIDE * (v + rows), STRIDE * u : STRIDE * (u + columns)]
    pixels[: seen.shape[0], : seen.shape[1]] = seen.astype(np.float32) / 255
    inverse, unsure = np.zeros(size, np.float32), np.zeros(size, np.float32)
    part = depth[v : v + rows, u : u + columns].astype(np.float32)
    inside = np.s_[: part.shape[0], : part.shape[1]]
    inverse[inside] = inverse_of(part)
    unsure[inside] = np.nan_to_num(deviation[v : v + rows, u : u + columns].astype(np.float32), posinf=1.0)
    down, across = np.mgrid[v : v + rows, u : u + columns] * float(STRIDE)
    rays = np.stack([(across - k[0, 2]) / k[0, 0], (down - k[1, 2]) / k[1, 1]]).astype(np.float32)
    return (
        torch.from_numpy(pixels).permute(2, 0, 1).contiguous(), torch.from_numpy(inverse)[None],
        torch.from_numpy(unsure)[None], torch.from_numpy(rays),
    )  # fmt: skip


def inverse_of(depth: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """1 / depth; 0 where it is not known."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.isfinite(depth) & (depth > 0), 1 / depth.astype(np.float32), 0).astype(np.float32)


def answer(
    network: Residual, image: NDArray[np.uint8], depth: NDArray[np.floating[Any]],
    deviation: NDArray[np.floating[Any]], k: Matrix,
) -> NDArray[np.float32]:  # fmt: skip
    """The residual of each element [v, u] of an image, as a share of its inverse depth. Arguments as in ``given``."""
    rows, columns = depth.shape
    size = (-(-rows // COARSEST) * COARSEST, -(-columns // COARSEST) * COARSEST)
    device = next(network.parameters()).device
    told = [part[None].to(device) for part in given(image, depth, deviation, k, (0, 0), size)]
    with torch.inference_mode():
        share: NDArray[np.float32] = network(*told)[0, 0, :rows, :columns].float().cpu().numpy()
    return share


def upsampled(inverse: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse depth [b, 1, v, u] at every second pixel, [b, 1, 2 v - 1, 2 u - 1], and where all around it is known."""
    size = (2 * inverse.shape[-2] - 1, 2 * inverse.shape[-1] - 1)
    known = (inverse > 0).to(inverse.dtype)
    wide, sure = (
        functional.interpolate(part, size=size, mode="bilinear", align_corners=True) for part in (inverse, known)
    )
    return wide, sure > 0.999
