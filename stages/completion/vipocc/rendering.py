"""Volume rendering (equation 2): rays through a density field become depths, and shares of what lies along them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from occlabel.stages.completion.vipocc.sizes import FAR, NEAR

Density = Callable[[Tensor], Tensor]
"""Places [..., 3] in metres to density [...] in 1/m."""


class Rendered(NamedTuple):
    """Rays after rendering."""

    depth: Tensor
    """[...] metres along the optical axis."""
    weights: Tensor
    """[..., samples]: shares of the ray that end there; they sum to 1."""
    places: Tensor
    """[..., samples, 3], in the frame of ``rays``."""


def depths(shape: tuple[int, ...], samples: int, like: Tensor, jitter: torch.Generator | None = None) -> Tensor:
    """[*shape, samples] metres, uniform in inverse depth from NEAR to FAR: in the middles of equal parts, or anywhere
    in each with ``jitter``."""
    part = torch.arange(samples, dtype=like.dtype, device=like.device).expand(*shape, samples)
    within = torch.full_like(part, 0.5) if jitter is None else _drawn(part, jitter)
    share = (part + within) / samples
    return 1 / ((1 - share) / NEAR + share / FAR)


def render(density: Density, rays: Tensor, z: Tensor) -> Rendered:
    """``rays`` [..., 3] from the camera, of length 1 along its axis; ``z`` [..., samples] metres along the axis, from
    near to far. alpha = 1 - exp(-sigma * distance to the next sample), and 1 at the last: what got so far ends there.
    """
    places = rays[..., None, :] * z[..., None]
    sigma = density(places)
    steps = (z[..., 1:] - z[..., :-1]) * rays.norm(dim=-1)[..., None]
    alpha = torch.cat([1 - torch.exp(-sigma[..., :-1] * steps), torch.ones_like(sigma[..., :1])], dim=-1)
    through = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha[..., :-1]], dim=-1), dim=-1)
    weights = through * alpha
    return Rendered((weights * z).sum(dim=-1), weights, places)


def _drawn(like: Tensor, jitter: torch.Generator) -> Tensor:
    return torch.rand(like.shape, generator=jitter, dtype=like.dtype).to(like.device)
