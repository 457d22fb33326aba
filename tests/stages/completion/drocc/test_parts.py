"""The parts of Dr.Occ, each by a case that can be worked out by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
import torch
from tiny_drocc import SIZES, SPACE, looking
from torch.nn import functional

from occlabel.schemas.grid import GRIDS, Grid
from occlabel.stages.completion.drocc.attention import CrossAttention, ImageAttention, Look, Sight, sights
from occlabel.stages.completion.drocc.cells import Cells
from occlabel.stages.completion.drocc.decoder import Decoder
from occlabel.stages.completion.drocc.eformer import COVERAGE, R2EFormer, REFormer, regions
from occlabel.stages.completion.drocc.image_encoder import GlanceEncoder, Memory, image_encoder
from occlabel.stages.completion.drocc.parts import Encoder, Sizes
from occlabel.stages.completion.drocc.projection import bin_of, certain, frustum, lifted, moved
from occlabel.stages.completion.drocc.vformer import D2VFormer
from occlabel.stages.learning.trunk import Trunk
from occlabel.stages.priors.glance.looking import shown, with_rows
from occlabel.stages.priors.glance.network import Glance

CELLS = Cells(SPACE.grid, 4)
AHEAD = torch.from_numpy(looking(0.0)).float()
K = torch.tensor([[40.0, 0, 39.5], [0, 40, 23.5], [0, 0, 1]])


def test_cells_and_voxels_find_each_other() -> None:
    cells = Cells(Grid(origin=(0, -2, -1), voxel_size=0.5, shape=(6, 8, 4), frame="ego"), 4)
    assert cells.shape == (2, 2, 4) and cells.size == (2.0, 2.0, 0.5)
    cell, inside = cells.at(torch.tensor([[2.1, -0.1, 0.6], [-0.1, 0, 0], [1.9, 1.9, -0.9]]))
    assert inside.tolist() == [True, False, True]
    assert cell.tolist() == [(1 * 2 + 0) * 4 + 3, (0 * 2 + 1) * 4 + 0]
    voxels = torch.tensor([(4 * 8 + 3) * 4 + 3, (3 * 8 + 7) * 4 + 0])  # [4, 3, 3] and [3, 7, 0]
    own, column = cells.of_voxels(voxels)
    assert own.tolist() == cell.tolist() and column.tolist() == [0 * 4 + 3, 3 * 4 + 3]
    middles = torch.from_numpy(cells.grid.centres()).float().reshape(-1, 3)
    torch.testing.assert_close(cells.at(middles)[0], cells.of_voxels(torch.arange(len(middles)))[0])
    references = cells.references(4)
    torch.testing.assert_close(references[:, 0], cells.centres)
    for point in range(4):
        torch.testing.assert_close(cells.at(references[:, point])[0], torch.arange(cells.number))


@pytest.mark.parametrize("kind", get_args(Encoder))
def test_the_encoders_see_a_sixteenth(kind: Encoder) -> None:
    encoder = image_encoder(kind, 8)
    seen = encoder(torch.zeros(2, 48, 80, 3, dtype=torch.uint8), K.expand(2, 3, 3))
    assert seen.shape == (2, encoder.channels, 3, 5)


def test_the_trunk_of_glance_is_shown_what_glance_is_and_stays_as_it_is() -> None:
    encoder, glance = GlanceEncoder(8).train(), Glance().eval()
    encoder.trunk.load_state_dict(Trunk.state_dict(glance), strict=False)
    assert not any(part.training for part in encoder.trunk.modules()) and encoder.read.training
    assert not any(weight.requires_grad for weight in encoder.trunk.parameters())
    image = np.random.default_rng(3).integers(0, 256, (48, 80, 3), np.uint8)
    asked = torch.from_numpy(with_rows(shown(image, (48, 80)), float(K[1, 2])))[None]
    with torch.no_grad():
        known = functional.avg_pool2d(glance.features(asked), 4).half()
    found: list[torch.Tensor] = []
    encoder.read.register_forward_pre_hook(lambda module, given: found.append(given[0][:, :64].half()))
    encoder(torch.from_numpy(image)[None], K[None])
    torch.testing.assert_close(found[0], known)


def test_an_image_is_seen_once_by_an_encoder_that_remembers() -> None:
    encoder, asked = GlanceEncoder(8).eval(), list[int]()
    encoder.trunk.stem.register_forward_pre_hook(lambda module, given: asked.append(len(given[0])))
    images = torch.randint(0, 256, (3, 48, 80, 3), dtype=torch.uint8)
    higher = K.clone()
    higher[1, 2] -= 5
    places = torch.stack([K, K, higher])
    without = encoder(images, places)
    encoder.memory = Memory()
    for chosen in ([0, 1], [0, 1], [2, 1], [0, 1, 2]):
        torch.testing.assert_close(encoder(images[chosen], places[chosen]), without[chosen])
    encoder(images[:1], higher[None])
    assert asked == [3, 2, 1, 1], "the same image of another horizon is another"
    assert len(encoder(images[:0], places[:0])) == 0, "a frame none of whose images can be read"
    with torch.autocast("cpu", torch.bfloat16):
        mixed = encoder(images, places)
    torch.testing.assert_close(mixed.float(), without, rtol=0.1, atol=0.1)


def test_a_feature_is_lifted_into_the_voxel_that_it_shows() -> None:
    depth = torch.full((1, 3, 5), torch.nan)
    depth[0, 1, 2] = 6.4  # the middle of the image
    assert bin_of(depth, SIZES)[0, 1, 2] == 2 and bin_of(depth, SIZES)[0, 0, 0] == -1
    context = torch.zeros(1, 2, 3, 5)
    context[0, :, 1, 2] = torch.tensor([3.0, -1.0])
    points = moved(frustum(K[None], SIZES), AHEAD[None])
    rows = lifted(context, certain(depth, SIZES), points, CELLS)
    # At the middle of its bin, 6 m ahead of a camera that is 1.6 m up.
    (cell,), _ = CELLS.at(torch.tensor([[6.0, 0.0, 1.6]]))
    assert torch.nonzero(rows[:, 0])[:, 0].tolist() == [int(cell)]
    assert rows[cell].tolist() == [3.0, -1.0]
    spread = torch.full((1, SIZES.bins, 3, 5), 0.25)
    assert lifted(context, spread, points, CELLS)[cell, 0] == pytest.approx(0.75)


def test_what_a_past_camera_saw_is_lifted_to_where_it_is_now() -> None:
    ego_from_past = torch.eye(4)
    ego_from_past[0, 3] = -3.2  # the car drove one cell
    points = frustum(K[None], SIZES)
    context, chances = torch.randn(1, 1, 3, 5), torch.rand(1, SIZES.bins, 3, 5)
    places = (moved(points, place[None]) for place in (AHEAD, ego_from_past @ AHEAD))
    now, past = (CELLS.volume(lifted(context, chances, place, CELLS)) for place in places)
    torch.testing.assert_close(past[:, :, :-1], now[:, :, 1:])


def test_a_camera_sees_the_cells_before_it() -> None:
    references = CELLS.references(2)
    (sight,) = sights(torch.linalg.inv(AHEAD)[None], K[None], (48, 80), references)
    for n, place in zip(sight.cells.tolist(), sight.places[:, 0], strict=True):
        x, y, z = CELLS.centres[n].tolist()
        assert x > 0 and abs(y) < x + 1e-6
        assert place.tolist() == pytest.approx([-y / x * 40 / 40, -(z - 1.6) / x * 40 / 24], abs=1e-5)
    ahead = {int(cell) for cell in CELLS.at(torch.tensor([[7.0, 1.0, 1.6], [4.0, -1.0, 0.5]]))[0]}
    assert ahead <= set(sight.cells.tolist())


def test_attention_reads_a_ramp_where_its_points_lie() -> None:
    attention = ImageAttention(8, 2, heads=2, points=2)
    with torch.no_grad():
        attention.values.weight.zero_()
        attention.values.bias.zero_()
        attention.values.weight[0, 0] = attention.values.weight[4, 1] = 1  # across for one head, down for the other
        attention.output.weight.copy_(torch.eye(8))
        attention.output.bias.zero_()
        attention.offsets.bias.copy_(torch.tensor([1.0, 0, 0, 0, 0, 2, 0, 0]))  # one feature across, two down
    ramps = torch.stack(torch.meshgrid(torch.arange(6.0), torch.arange(8.0), indexing="xy"))  # [2, 8, 6]
    # The middle of a feature that is 2 across and 3 down, and for the second reference 3 across and 3 down.
    down = (3 + 0.5) / 8 * 2 - 1
    places = torch.tensor([[[(2 + 0.5) / 6 * 2 - 1, down], [(3 + 0.5) / 6 * 2 - 1, down]]])
    sight = Sight(torch.tensor([1]), places)
    read = attention(torch.zeros(3, 8), ramps[None], [sight])
    assert read[1, 0].item() == pytest.approx((2 + 1 + 3) / 2) and read[1, 4].item() == pytest.approx((3 + 2 + 3) / 2)
    assert not read[[0, 2]].any(), "what no camera sees reads nothing"
    twice = attention(torch.zeros(3, 8), torch.stack([ramps, ramps + 2]), [sight, sight])
    torch.testing.assert_close(twice[1, [0, 4]], read[1, [0, 4]] + 1)


def looks(channels: int, seen: torch.Tensor) -> Look:
    """One image of noise; the cells ``seen`` lie anywhere in it."""
    draw = torch.Generator().manual_seed(3)
    places = torch.rand(len(seen), SIZES.points, 2, generator=draw) * 2 - 1
    features = torch.randn(1, channels, 3, 5, generator=draw)
    return Look(features, [Sight(seen, places)], torch.zeros(CELLS.number, SIZES.width))


def test_cells_that_no_camera_sees_keep_their_features() -> None:
    torch.manual_seed(0)
    layer = CrossAttention(SIZES.width, 4, SIZES.heads, SIZES.points)
    cells, seen = torch.randn(CELLS.number, SIZES.width), torch.tensor([3, 70, 5])
    changed = (layer(cells, looks(4, seen)) != cells).any(dim=1)
    assert torch.nonzero(changed)[:, 0].tolist() == [3, 5, 70]


def test_refinement_is_where_depth_says_that_something_is() -> None:
    torch.manual_seed(0)
    former = D2VFormer(SIZES, 4)
    torch.nn.init.normal_(former.empty)
    cells, seen = torch.randn(CELLS.number, SIZES.width), torch.arange(CELLS.number)
    mask = torch.zeros(CELLS.number, dtype=torch.bool)
    mask[[2, 9]] = True
    look = looks(4, seen)
    depths = Look(torch.randn(1, 4, 3, 5), look.sights, look.places)
    refined = former(cells, look, depths, mask)
    torch.testing.assert_close(refined[~mask], former.empty.expand(CELLS.number - 2, -1))
    other = former(cells, look, Look(torch.randn(1, 4, 3, 5), look.sights, look.places), mask)
    assert (refined[mask] != other[mask]).any(dim=1).all(), "depth is read where the mask is"


def test_regions_are_the_papers_on_its_grid() -> None:
    cells = Cells(GRIDS["occ3d"], 4)
    found = regions(cells)
    for point, region in (
        ((5.0, 5.0, 0.0), 0),
        ((12.0, 9.0, 0.1), 1),
        ((-30.0, 20.0, -0.9), 2),
        ((1.0, 1.0, 0.3), 3),
        ((0.0, 20.0, 2.1), 4),
        ((5.0, 0.0, 2.3), 6),
        ((-35.0, -35.0, 5.3), 8),
    ):
        (cell,), _ = cells.at(torch.tensor([point]))
        assert found[cell] == region, point


def test_the_router_asks_the_experts_of_the_regions_that_score_highest() -> None:
    torch.manual_seed(0)
    former = REFormer(Sizes(width=SIZES.width, top=2), 4, CELLS)
    region = former.get_buffer("region")
    assert set(region.tolist()) == {0, 3, 6}, "the middle of no cell is 10 m away"
    with torch.no_grad():
        former.router.weight.zero_()
        former.router.weight[0, 0] = 1
        former.router.bias.zero_()
    cells = torch.randn(CELLS.number, SIZES.width)
    cells[:, 0] = region.float().where(region != 3, 20.0)
    which, weights = former.chosen(cells)
    assert which.tolist() == [3, 6]
    np.testing.assert_allclose(weights.detach(), np.exp([20.0, 6.0]) / np.exp([20.0, 6.0]).sum(), rtol=1e-5)
    changed = (former(cells, looks(4, torch.arange(CELLS.number))) != cells).any(dim=1)
    assert set(region[changed].tolist()) == {3, 6}
    former.top = 9
    assert len(former.chosen(cells)[0]) == 3, "no more than the grid has"


def test_recursion_covers_fewer_cells_each_round_and_all_of_them_of_the_last() -> None:
    torch.manual_seed(0)
    former = R2EFormer(SIZES, 4)
    rounds = former.rounds(torch.randn(CELLS.number, SIZES.width), looks(4, torch.arange(CELLS.number)))
    masks = [mask for _, mask in rounds]
    assert [int(mask.sum()) for mask in masks] == [int(share * CELLS.number) for share in COVERAGE] == [200, 150, 100]
    for (before, outer), (after, inner) in pairwise(rounds):
        assert not (inner & ~outer).any()
        assert torch.equal((before != after).any(dim=1), inner)
    router, features = former.routers[1], rounds[1][0]
    scores = router(features)[:, 0]
    assert scores[masks[2]].min() >= scores[masks[1] & ~masks[2]].max()
    rounds[-1][0].sum().backward()
    learned = [router.get_parameter("weight").grad for router in former.routers]
    assert all(grad is not None and grad.any() for grad in learned)


def test_the_decoder_interpolates_between_cells() -> None:
    torch.manual_seed(0)
    decoder = Decoder(8, 3, CELLS).eval()
    plain = torch.nn.Linear(8, 8)
    with torch.no_grad():
        for name in ("columns.weight", "columns.bias"):
            decoder.get_parameter(name).zero_()
        plain.weight.copy_(torch.eye(8))
        plain.bias.zero_()
    decoder.classify = torch.nn.Sequential(plain)
    x = CELLS.centres[:, :1].expand(-1, 8)
    volume = CELLS.volume(x)
    voxels = torch.arange(SPACE.grid.voxels)
    found = decoder.scores((volume, torch.zeros(CELLS.number * 16, 8)), voxels)[:, 0]
    expected = SPACE.grid.centres()[..., 0].clip(-6.4, 6.4).ravel()  # beyond the middle of the last cell it stays
    np.testing.assert_allclose(found.detach(), expected, atol=1e-4)
    features, columns = decoder(torch.randn(CELLS.number, 8))
    assert features.shape == (1, 8, 5, 5, 8) and columns.shape == (CELLS.number * 16, 8)
