"""Where deformable attention looks before anything is learned, and that what a query says moves it."""

import math

import pytest
import torch

from occlabel.stages.learning.deformable import DeformablePoints


@pytest.mark.parametrize("axes", [2, 3])
def test_heads_start_on_rays_to_all_sides_and_weigh_alike(axes: int) -> None:
    looks = DeformablePoints(8, heads=4, points=3, axes=axes)
    looks.start(6.0)
    away, shares = looks.away(torch.randn(5, 8)), looks.shares(torch.randn(5, 8))
    assert away.shape == (5, 4, 3, axes) and shares.shape == (5, 4, 3)
    torch.testing.assert_close(shares, torch.full((5, 4, 3), 1 / 3))
    torch.testing.assert_close(away[0, 1, :, 1], torch.tensor([0.0, 3.0, 6.0]))
    torch.testing.assert_close(away[..., :2].norm(dim=-1)[:, :, 2], torch.full((5, 4), 6.0))
    if axes == 3:
        torch.testing.assert_close(away[2, 3, :, 2], torch.tensor([-1.0, 0.0, 1.0]))


def test_a_query_says_where_it_looks() -> None:
    looks = DeformablePoints(2, heads=1, points=2, axes=2)
    looks.start(1.0)
    with torch.no_grad():
        looks.offsets.weight[0, 0] = 1.0
        looks.weights.weight[1, 1] = 1.0
    away, shares = looks.away(torch.tensor([[5.0, 0.0]])), looks.shares(torch.tensor([[0.0, 1.0]]))
    assert away[0, 0].tolist() == [[5.0, 0.0], [1.0, 0.0]]
    assert float(shares[0, 0, 1] / shares[0, 0, 0]) == pytest.approx(math.e)
