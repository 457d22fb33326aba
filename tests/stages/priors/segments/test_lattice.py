"""What is said over the network's input is read where the pixels of the image are."""

import pytest
import torch
from torch.nn import functional

from occlabel.stages.priors.segments.lattice import Lattice, View


def resized(said: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return functional.interpolate(said[None], size=size, mode="bilinear", align_corners=False)[0]


@pytest.mark.parametrize("stride", [1, 4])
@pytest.mark.parametrize("image", [(46, 80), (375, 1242), (13, 7)])
def test_a_stretched_image_is_read_as_by_interpolation(image: tuple[int, int], stride: int) -> None:
    said = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(0))
    lattice = Lattice(image, stride)
    read = lattice.read(said, View((96, 160), (96, 160)))
    assert read.shape == (3, *lattice.shape)
    torch.testing.assert_close(read, resized(said, image)[:, ::stride, ::stride], rtol=1e-4, atol=1e-4)


def test_padding_is_not_looked_at() -> None:
    said = torch.randn(2, 16, 32, generator=torch.Generator().manual_seed(0))
    lattice, view = Lattice((48, 80), 4), View((48, 80), (64, 128))
    read = lattice.read(said, view)
    padded = said.clone()
    padded[:, 12:] = padded[:, :, 20:] = float("nan")
    torch.testing.assert_close(lattice.read(padded, view), read, rtol=0, atol=0)
    torch.testing.assert_close(read, resized(said[:, :12, :20], (48, 80))[:, ::4, ::4], rtol=1e-4, atol=1e-4)
    assert lattice.inside(view, said.device).all()


def test_parts_of_an_image_show_their_own_pixels() -> None:
    """Of an image 64x160 shown in three parts of 64x64, each says its own columns as they are in the whole."""
    whole = torch.arange(160.0).expand(1, 64, 160)
    lattice, seen = Lattice((64, 160), 4), torch.zeros(16, 40)
    for start in (0, 48, 96):
        view = View((64, 160), (64, 64), (0, start))
        inside = lattice.inside(view, whole.device)
        assert inside.any(0).nonzero()[:, 0].tolist() == [u for u in range(40) if start <= 4 * u + 0.5 <= start + 64]
        read = lattice.read(whole[:, :, start : start + 64], view)[0]
        torch.testing.assert_close(read[inside], (4 * torch.arange(40.0)).expand(16, 40)[inside])
        seen += inside
    assert (seen >= 1).all()
