"""Losses of ViPOcc (section 3.5): what rays through the field must show, and what depth must agree with."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from occlabel.stages.completion.vipocc.rendering import Rendered
from occlabel.stages.learning.reprojection import difference, normalised, places_in

_UNSEEN = 0.9
"""A ray of which a view has not seen more than this share is not of that view's business."""
_NOTHING = 10.0
"""More than any difference of images."""
_NEAREST = 0.1
"""[m] before a camera, for a place to be seen by it."""


def seen_in(image: Tensor, there_from_here: Tensor, intrinsics: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
    """Colour [n, ..., 3] of ``places`` [n, ..., 3] (metres, own frame) in ``image`` [n, 3, h, w], and whether they lie
    in it, [n, ...] as 0 and 1. Beside it a place has the colour of the nearest pixel: black would tell a ray that is
    partly seen that it is wrong."""
    flat = places.flatten(1, -2)
    moved = flat @ there_from_here[:, :3, :3].transpose(1, 2) + there_from_here[:, None, :3, 3]
    projected = torch.einsum("bij,bnj->bni", intrinsics, moved)
    ahead = projected[..., 2:]
    grid = normalised(projected[..., :2] / ahead.clamp(min=_NEAREST), image.shape[-2:])
    inside = (ahead[..., 0] > _NEAREST) & (grid.abs() <= 1).all(dim=-1)
    colours = functional.grid_sample(image, grid[:, None], align_corners=True, padding_mode="border")
    return colours[:, :, 0].transpose(1, 2).reshape(places.shape), inside.reshape(places.shape[:-1]).to(places)


def colour_loss(rendered: Rendered, seen: list[tuple[Tensor, Tensor]], patches: Tensor) -> Tensor:
    """Equation 11: .85 SSIM + .15 L1 of the patches [n, 3, p, p] of an image against what each other view shows of
    their rays (``seen_in`` of ``rendered.places`` [n, p, p, samples, 3]), the least over views.

    A ray counts where a view has seen at least a tenth of its mass; the mean is over those, 0 without any. SSIM is over
    plain windows of 3 x 3, as that of the depth's other losses; the released code weighs them by a Gaussian.
    """
    found = []
    for colours, inside in seen:
        shown = (rendered.weights[..., None] * colours).sum(dim=-2).permute(0, 3, 1, 2)
        known = (rendered.weights * inside).sum(dim=-1)[:, None] >= 1 - _UNSEEN
        found.append(torch.where(known, difference(patches, shown), _NOTHING))
    best = torch.cat(found, dim=1).amin(dim=1)
    counts = best < _NOTHING
    return torch.where(counts, best, 0.0).sum() / counts.sum().clamp(min=1)


def depth_loss(rendered: Tensor, inverse: Tensor) -> Tensor:
    """Equation 10: mean absolute difference [m] of rendered depth and that of the branch, of one shape; ``inverse``
    depth of 0 is not known."""
    known = inverse > 0
    off = (rendered - 1 / inverse.clamp(min=1e-3)).abs()
    return torch.where(known, off, 0.0).sum() / known.sum().clamp(min=1)


def temporal_loss(images: Tensor, inverses: Tensor, there_from_here: Tensor, intrinsics: Tensor) -> Tensor:
    """Equations 8 and 9: the next image, warped by the depth of this one, against this one.

    ``images`` [b, 2, 3, h, w] and ``inverses`` [b, 2, 1, h, w] of this moment and the next, 0 not known. The weight M
    of a pixel is one less how far the two depths disagree, and that disagreement is minimised itself (Bian et al.
    2019), as the released code has it. That code divides pixels by w - 1 and then samples as if it had divided by w,
    which shifts the warp by up to half a pixel; here -1 and 1 are the middles of the outermost pixels in both.
    """
    here, there = inverses.unbind(dim=1)
    places, before = places_in(here, there_from_here, intrinsics)
    grid = normalised(places, here.shape[-2:])
    inside = before & (grid.abs() <= 1).all(dim=-1)[:, None]
    shown = functional.grid_sample(images[:, 1], grid, align_corners=True, padding_mode="border")
    their = functional.grid_sample(there, grid, align_corners=True, padding_mode="border")
    known = inside & (here > 0) & (functional.grid_sample((there > 0).to(there), grid, align_corners=True) > 0.999)
    ours = depth_there(here, there_from_here, intrinsics)
    theirs = 1 / their.clamp(min=1e-3)
    apart = (ours - theirs).abs() / (ours + theirs).clamp(min=1e-3)
    photometric = (images[:, 0] - shown).abs().mean(dim=1, keepdim=True)
    every = photometric * (1 - apart) + apart
    return torch.where(known, every, 0.0).sum() / known.sum().clamp(min=1)


def depth_there(inverse: Tensor, there_from_here: Tensor, intrinsics: Tensor) -> Tensor:
    """Depth [b, 1, h, w] of the pixels' places along the other camera's axis, metres; at least a millimetre."""
    rows, columns = inverse.shape[-2:]
    v, u = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    pixels = torch.stack([u, v, torch.ones_like(u)], dim=-1).to(inverse)
    rays = torch.einsum("bij,hwj->bhwi", torch.linalg.inv(intrinsics), pixels)
    along = torch.einsum("bj,bhwj->bhw", there_from_here[:, 2, :3], rays)[:, None]
    return (along / inverse.clamp(min=1e-3) + there_from_here[:, 2, 3][:, None, None, None]).clamp(min=1e-3)
