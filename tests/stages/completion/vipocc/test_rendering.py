"""Rays through densities that are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from occlabel.stages.completion.vipocc.rendering import depths, render
from occlabel.stages.completion.vipocc.sizes import FAR, NEAR

RAYS = torch.tensor([[0.0, 0, 1], [0.5, -0.2, 1], [-1.0, 0.3, 1]])


def wall(at: float) -> object:
    return lambda places: torch.where(places[..., 2] >= at, 1e3, 0.0)


def test_a_wall_at_ten_metres_is_seen_at_ten_metres() -> None:
    z = depths((3,), 4000, RAYS)
    found = render(wall(10.0), RAYS, z)  # type: ignore[arg-type]
    torch.testing.assert_close(found.depth, torch.full((3,), 10.0), atol=0.02, rtol=0)
    torch.testing.assert_close(found.weights.sum(dim=-1), torch.ones(3))
    torch.testing.assert_close(found.places[1, :, 0], 0.5 * z[1])


def test_a_ray_that_meets_nothing_ends_where_the_last_sample_is() -> None:
    found = render(lambda places: torch.zeros(places.shape[:-1]), RAYS, depths((3,), 16, RAYS))
    assert (found.depth > 0.5 * FAR).all()
    torch.testing.assert_close(found.weights[:, -1], torch.ones(3))


def test_thin_mist_takes_of_a_ray_what_it_must() -> None:
    """After x metres of density s a share exp(-s x) is left."""
    ray, density = torch.tensor([[0.0, 0, 1]]), 0.05
    z = depths((1,), 20000, ray)
    found = render(lambda places: torch.full(places.shape[:-1], density), ray, z)
    before = (found.weights * (z < 20)).sum()
    assert float(before) == pytest.approx(1 - torch.exp(torch.tensor(-density * 17.0)).item(), abs=2e-3)


def test_samples_are_uniform_in_inverse_depth_and_jitter_stays_in_its_part() -> None:
    middle = 1 / depths((2,), 8, RAYS)
    torch.testing.assert_close(middle.diff(dim=-1), torch.full((2, 7), (1 / FAR - 1 / NEAR) / 8))

    def drawn(seed: int) -> Tensor:
        return depths((2,), 8, RAYS, torch.Generator().manual_seed(seed))

    assert torch.equal(drawn(1), drawn(1)) and not torch.equal(drawn(1), drawn(2))
    assert ((1 / drawn(1) - middle).abs() <= (1 / NEAR - 1 / FAR) / 16 + 1e-6).all()
