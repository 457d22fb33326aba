"""What neighbouring images show of each other, if depth is right: the photometric loss of self-supervised depth.

Godard et al., "Digging into self-supervised monocular depth estimation" (ICCV 2019): .85 SSIM + .15 L1, the minimum
over the neighbours, and nothing where the neighbour as it is fits better than the neighbour as it is warped, which is
so where nothing moves and for what moves with the car.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_SSIM = 0.85
_NOTHING = 10.0
"""More than any difference of images."""
_NEAREST = 0.1
"""[m] before the other camera, for a point to be seen by it."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """What else was seen of the same place, by the same camera."""

    images: Tensor
    """[b, n, 3, h + 2 m, w + 2 m], 0..1: windows of the same pixels with m more on each side."""
    inside: Tensor
    """[b, n, 1, h + 2 m, w + 2 m] 1 within the image, 0 beyond it, and for a neighbour that there is not."""
    there_from_here: Tensor
    """[b, n, 4, 4] between the cameras."""
    intrinsics: Tensor
    """[b, 3, 3] in pixels of the window [h, w]."""


def photometric(image: Tensor, inverse: Tensor, known: Tensor, around: Neighbours) -> Tensor:
    """Mean over the pixels [b, 1, h, w] that a neighbour shows better when it is warped by ``inverse`` depth than as it
    is; 0 without any. ``image`` [b, 3, h, w]; ``known`` bool [b, 1, h, w]: where there is depth."""
    warped, still = [], []
    margin = (around.images.shape[-1] - image.shape[-1]) // 2
    for n in range(around.images.shape[1]):
        there, inside = around.images[:, n], around.inside[:, n]
        places, before = places_in(inverse, around.there_from_here[:, n], around.intrinsics)
        grid = normalised(places + margin, there.shape[-2:])
        seen = functional.grid_sample(there, grid, align_corners=True)
        whole = functional.grid_sample(inside, grid, align_corners=True) > 0.999
        warped.append(torch.where(whole & known & before, difference(image, seen), _NOTHING))
        middle = slice(margin, margin + image.shape[-2]), slice(margin, margin + image.shape[-1])
        as_it_is = difference(image, there[..., middle[0], middle[1]])
        still.append(torch.where(inside[..., middle[0], middle[1]] > 0, as_it_is, _NOTHING))
    best = torch.cat(warped, dim=1).amin(dim=1)
    counts = (best < torch.cat(still, dim=1).amin(dim=1)) & (best < _NOTHING)
    return torch.where(counts, best, 0.0).sum() / counts.sum().clamp(min=1)


def places_in(inverse: Tensor, there_from_here: Tensor, intrinsics: Tensor) -> tuple[Tensor, Tensor]:
    """Where another camera sees each pixel, [b, h, w, 2] as (u, v) in pixels of this window, and whether it lies before
    that camera, [b, 1, h, w]. ``inverse`` [b, 1, h, w] depth; 0 is infinitely far."""
    rows, columns = inverse.shape[-2:]
    v, u = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1).to(inverse)
    rays = torch.einsum("bij,hwj->bhwi", torch.linalg.inv(intrinsics), pixels)
    turned = torch.einsum("bij,bhwj->bhwi", there_from_here[:, :3, :3], rays)
    # A point at depth d is at d * turned + moved; divided by d, which the projection does not see.
    points = turned + inverse[:, 0, ..., None] * there_from_here[:, None, None, :3, 3]
    projected = torch.einsum("bij,bhwj->bhwi", intrinsics, points)
    ahead = projected[..., 2:]
    before = ahead > _NEAREST * inverse[:, 0, ..., None].clamp(min=1e-6)
    places = projected[..., :2] / torch.where(before, ahead, 1.0)
    return places, before[..., 0][:, None]


def difference(one: Tensor, other: Tensor) -> Tensor:
    """[b, 1, h, w] of images [b, 3, h, w], 0..1."""
    structure = ((1 - _similar(one, other)) / 2).clamp(0, 1)
    return (_SSIM * structure + (1 - _SSIM) * (one - other).abs()).mean(dim=1, keepdim=True)


def _similar(one: Tensor, other: Tensor) -> Tensor:
    """SSIM [b, 3, h, w] over windows of 3 x 3 (Wang et al. 2004)."""

    def mean(part: Tensor) -> Tensor:
        return functional.avg_pool2d(functional.pad(part, (1, 1, 1, 1), mode="reflect"), 3, 1)

    a, b, first, second = mean(one), mean(other), 0.01**2, 0.03**2
    of_one, of_other, both = mean(one * one) - a * a, mean(other * other) - b * b, mean(one * other) - a * b
    above = (2 * a * b + first) * (2 * both + second)
    return above / ((a * a + b * b + first) * (of_one + of_other + second))


def normalised(places: Tensor, size: torch.Size) -> Tensor:
    """Pixels (u, v) as ``grid_sample`` wants them: -1 and 1 are the middles of the first and the last."""
    rows, columns = size
    return 2 * places / torch.tensor([columns - 1, rows - 1], dtype=places.dtype, device=places.device) - 1
