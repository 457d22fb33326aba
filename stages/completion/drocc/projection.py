"""Forward projection: what each pixel shows is put at the depths where it may be (Philion and Fidler 2020, LSS).

The paper lifts into a grid of 200 x 200 x 16 and makes it coarser by 4 x 4 columns; how features are pooled it leaves
open. Here it is by their sum, which is the same as lifting into the coarse cells at once.
"""

from __future__ import annotations

import torch
from torch import Tensor

from occlabel.stages.completion.drocc.cells import Cells
from occlabel.stages.completion.drocc.image_encoder import SHRINK
from occlabel.stages.completion.drocc.parts import Sizes

FINER = 4
"""Elements of the images of depth along each axis for one feature."""


def at_features(depth: Tensor) -> Tensor:
    """Of ``depth`` [..., h / 4, w / 4] what it is near the middle of each feature, [..., h / 16, w / 16]."""
    return depth[..., FINER // 2 :: FINER, FINER // 2 :: FINER]


def bin_of(depth: Tensor, sizes: Sizes) -> Tensor:
    """Which of the depths each of ``depth`` [m] is, int64; -1 where it is none or NaN."""
    bins = torch.floor((torch.nan_to_num(depth, nan=-1.0) - sizes.nearest) / sizes.step).long()
    return torch.where((bins >= 0) & (bins < sizes.bins), bins, -1)


def certain(depth: Tensor, sizes: Sizes) -> Tensor:
    """Chances [n, bins, h, w] of pixels whose ``depth`` [n, h, w] is known; 0 where it is not."""
    bins = bin_of(depth, sizes)
    chances = torch.nn.functional.one_hot(bins.clamp(min=0), sizes.bins).float() * (bins >= 0)[..., None]
    return chances.movedim(-1, 1)


def frustum(intrinsics: Tensor, sizes: Sizes) -> Tensor:
    """[n, bins, h, w, 3]: where the middle of each feature of images with K [n, 3, 3] lies at each depth, in the frame
    of the camera [m]: equation 1."""
    device = intrinsics.device
    rows, columns = (
        torch.arange(side // SHRINK, device=device) * SHRINK + (SHRINK - 1) / 2 for side in (sizes.rows, sizes.columns)
    )
    far = sizes.nearest + (torch.arange(sizes.bins, device=device) + 0.5) * sizes.step
    x = (columns - intrinsics[:, 0, 2, None]) / intrinsics[:, 0, 0, None]  # [n, w]
    y = (rows - intrinsics[:, 1, 2, None]) / intrinsics[:, 1, 1, None]  # [n, h]
    shape = (len(intrinsics), sizes.bins, len(rows), len(columns))
    z = far[None, :, None, None].expand(shape)
    return torch.stack([x[:, None, None, :] * z, y[:, None, :, None] * z, z], dim=-1)


def moved(points: Tensor, transforms: Tensor) -> Tensor:
    """``points`` [n, ..., 3] by ``transforms`` [n, 4, 4]. Not a product of matrices, which a training with 16 bits
    would round to decimetres."""
    wide = transforms.view(len(transforms), *(1,) * (points.ndim - 2), 4, 4)
    return (points[..., None, :] * wide[..., :3, :3]).sum(dim=-1) + wide[..., :3, 3]


def lifted(context: Tensor, chances: Tensor, points: Tensor, cells: Cells) -> Tensor:
    """[cells, channels]: the sum of ``context`` [n, channels, h, w] times ``chances`` [n, bins, h, w] of all ``points``
    [n, bins, h, w, 3], in the frame of the grid, that lie in a cell."""
    cell, inside = cells.at(points)
    image, depth, row, column = torch.nonzero(inside, as_tuple=True)
    features = context.float().movedim(1, -1)[image, row, column]
    shares = chances.float()[image, depth, row, column]
    result = features.new_zeros(cells.number, context.shape[1])
    return result.index_add(0, cell, features * shares[:, None])
