"""The network: any crop gives what the whole gives away from its borders, and frames do not see each other."""

import pytest
import torch

from occlabel.schemas.grid import GRIDS
from occlabel.stages.completion.lidar_features import channels
from occlabel.stages.completion.lmscnet import LMSCNet, fold_of

# Cells of the body by which a result depends on its surroundings: convolutions at 1, 2, 4 and 8 cells, there and back.
REACH = 88


def network(name: str) -> LMSCNet:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LMSCNet(GRIDS[name], 20, 0).eval()


def volume(name: str, x: int, y: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(1, channels(GRIDS[name]), x, y, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", sorted(GRIDS))
@torch.inference_mode()
def test_shapes_on_any_extent(name: str) -> None:
    fold = fold_of(GRIDS[name])
    scores = network(name)(volume(name, 10 * fold, 13 * fold))
    assert scores.shape == (1, 10 * fold, 13 * fold, GRIDS[name].shape[2], 20)
    assert torch.isfinite(scores[..., 1:]).all()


@torch.inference_mode()
def test_what_the_last_cells_lack_is_empty() -> None:
    net, cut = network("semantickitti"), volume("semantickitti", 21, 25)
    padded = torch.zeros(1, cut.shape[1], 22, 26)
    padded[:, :, :21, :25] = cut
    assert torch.equal(net(cut), net(padded)[:, :21, :25])


@torch.inference_mode()
def test_crop_equals_whole_away_from_borders() -> None:
    whole_in = volume("occ3d", 2 * REACH + 16, 2 * REACH + 24)
    whole = network("occ3d").columns(whole_in)
    crop = network("occ3d").columns(whole_in[:, :, 8:, 8:])
    inner = (slice(None), slice(None), slice(REACH, REACH + 8), slice(REACH, REACH + 16))
    torch.testing.assert_close(crop[inner], whole[:, :, 8:, 8:][inner], rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_frames_of_a_batch_do_not_mix() -> None:
    net = network("semantickitti")
    a, b = volume("semantickitti", 32, 32, 1), volume("semantickitti", 32, 32, 2)
    together = net(torch.cat([a, b]))
    torch.testing.assert_close(together, torch.cat([net(a), net(b)]), rtol=1e-4, atol=1e-5)


@torch.inference_mode()
def test_the_head_puts_columns_where_they_were() -> None:
    """A network whose head copies an input feature must give every voxel column its own feature back."""
    net = network("semantickitti")
    whole = volume("semantickitti", 16, 32)
    scores = net(whole)
    assert scores.shape == (1, 16, 32, 32, 20)
    one = net.scores(
        net.columns(whole)[0, :, 3, 5][None], net.surroundings(net.voxels(whole), torch.tensor([3 * 16 + 5]))
    )
    one = one.reshape(2, 2, 32, 20)
    torch.testing.assert_close(scores[0, 6:8, 10:12, :, 1:], one[..., 1:], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(GRIDS))
@torch.inference_mode()
def test_a_voxel_that_holds_a_point_is_never_free(name: str) -> None:
    net = network(name)
    net.classify.bias[0] = 50
    points = torch.zeros(1, channels(GRIDS[name]), 16, 24)
    points[0, 3, 5, 7] = points[0, 9, 14, 20] = 1
    occupied = torch.nonzero(net(points)[0].argmax(dim=-1)).tolist()
    assert occupied == [[5, 7, 3], [14, 20, 9]]
