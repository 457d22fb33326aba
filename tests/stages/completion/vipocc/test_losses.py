"""Losses are zero for a scene that is rendered as it is, and nowhere else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from occlabel.stages.completion.vipocc.losses import colour_loss, depth_loss, seen_in, temporal_loss
from occlabel.stages.completion.vipocc.rendering import Rendered, depths, render

ROWS, COLUMNS, FOCAL = 16, 64, 40.0
K = torch.tensor([[[FOCAL, 0, 31.5], [0, FOCAL, 7.5], [0, 0, 1]]])
FARAWAY = 10.0


def aside(metres: float) -> Tensor:
    """there_from_here of a camera that stands so far to the right."""
    pose = torch.eye(4)[None].clone()
    pose[0, 0, 3] = -metres
    return pose


def ramp(shift: float = 0.0) -> Tensor:
    """[1, 3, h, w]: brighter to the right, a sixty-fourth by the pixel."""
    line = (torch.arange(COLUMNS) + shift) / COLUMNS
    return line.expand(1, 3, ROWS, COLUMNS).clone()


def test_a_ramp_is_warped_onto_itself_to_a_fraction_of_a_pixel() -> None:
    """Half a pixel would cost half a sixty-fourth."""
    metres = 1.0
    pixels = FOCAL * metres / FARAWAY
    flat = torch.full((1, 2, 1, ROWS, COLUMNS), 1 / FARAWAY)
    images = torch.stack([ramp(), ramp(pixels)], dim=1)
    loss = temporal_loss(images, flat, aside(metres), K)
    assert float(loss) < 1e-5
    for off in (0.9, 1.1):
        assert float(temporal_loss(images, flat * off, aside(metres), K)) > 0.1 * pixels / COLUMNS * 0.9


def test_pixels_whose_depth_nobody_knows_are_not_compared() -> None:
    nothing = torch.zeros(1, 2, 1, ROWS, COLUMNS)
    assert float(temporal_loss(torch.stack([ramp(), 1 - ramp()], dim=1), nothing, aside(1.0), K)) == 0


def pattern(x: Tensor, y: Tensor) -> Tensor:
    """[..., 3] colours of a wall."""
    return torch.stack([0.5 + 0.3 * torch.sin(1.3 * x + n) * torch.cos(0.9 * y - n) for n in range(3)], dim=-1)


def wall_from(metres: float) -> Tensor:
    """[1, 3, h, w] of the wall by a camera that stands so far to the right."""
    v, u = torch.meshgrid(torch.arange(ROWS), torch.arange(COLUMNS), indexing="ij")
    x, y = (u - 31.5) / FOCAL * FARAWAY + metres, (v - 7.5) / FOCAL * FARAWAY
    return pattern(x, y).permute(2, 0, 1)[None]


def rendered(at: float) -> tuple[Rendered, Tensor]:
    """The patch of 8 x 8 in the middle of the image of a wall that stands ``at`` so many metres, and its colours."""
    v, u = torch.meshgrid(torch.arange(4, 12), torch.arange(28, 36), indexing="ij")
    rays = torch.stack([(u - 31.5) / FOCAL, (v - 7.5) / FOCAL, torch.ones_like(u)], dim=-1)[None]
    z = depths(rays.shape[:-1], 2000, rays)
    found = render(lambda places: torch.where(places[..., 2] >= at, 1e3, 0.0), rays, z)
    return found, wall_from(0)[:, :, 4:12, 28:36]


def test_patches_of_a_wall_that_stands_where_it_is_cost_nothing() -> None:
    views = {metres: wall_from(metres) for metres in (-1.0, 1.0)}

    def loss(at: float) -> float:
        found, patch = rendered(at)
        return float(
            colour_loss(found, [seen_in(image, aside(m), K, found.places) for m, image in views.items()], patch)
        )

    assert loss(FARAWAY) < 0.002
    assert min(loss(8.0), loss(13.0)) > 10 * loss(FARAWAY)


def test_the_view_that_fits_best_counts_and_one_that_sees_nothing_does_not() -> None:
    found, patch = rendered(FARAWAY)
    good, blind = (
        seen_in(image, aside(1.0), K, found.places) for image in (wall_from(1.0), torch.zeros(1, 3, ROWS, 64))
    )
    assert float(colour_loss(found, [good, blind], patch)) == float(colour_loss(found, [good], patch))
    colours, inside = good
    assert float(colour_loss(found, [(colours, torch.zeros_like(inside))], patch)) == 0
    barely = (colours, torch.full_like(inside, 0.05))
    assert float(colour_loss(found, [barely], patch)) == 0, "more than nine tenths of the ray are unseen"


def test_half_of_a_ray_out_of_the_image_is_not_taken_for_black() -> None:
    places = torch.zeros(1, 8, 8, 2, 3)
    places[..., 0, :], places[..., 1, :] = torch.tensor([30.0, 0.0, 4.0]), torch.tensor([0.0, 0.0, 40.0])
    grey = torch.full((1, 3, ROWS, COLUMNS), 0.6)
    colours, inside = seen_in(grey, torch.eye(4)[None], K, places)
    assert float(inside.mean()) == 0.5
    ray = Rendered(places[..., 0, 2], torch.full((1, 8, 8, 2), 0.5), places)
    assert float(colour_loss(ray, [(colours, inside)], grey[..., :8, :8])) == pytest.approx(0, abs=1e-6)


def test_depth_that_agrees_costs_nothing_and_metres_cost_metres() -> None:
    depth = torch.tensor([[5.0, 10.0, 40.0]])
    assert float(depth_loss(depth, 1 / depth)) == pytest.approx(0, abs=1e-5)
    assert float(depth_loss(depth + 2, 1 / depth)) == pytest.approx(2, abs=1e-4)
    assert float(depth_loss(depth + 2, torch.tensor([[1 / 5.0, 0, 0]]))) == pytest.approx(2, abs=1e-4)
