"""The parts of the network, each by what it must do whatever its weights are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.instances.deformable_attention import DeformableAttention
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.object_module import NEAR, RANK, WIDTH
from occlabel.stages.instances.offsetocc import OffsetOcc, padded
from occlabel.stages.instances.proposals import centre_loss, centre_targets, peaks
from occlabel.stages.instances.voxel_embeddings import CHANNELS, FOLD, VoxelEncoder

LOW, HIGH = torch.tensor([[0.0, -6.4, -1.0]]), torch.tensor([[16.0, 8.0, 2.2]])


@pytest.fixture
def network() -> OffsetOcc:
    torch.manual_seed(0)
    return OffsetOcc(8, 20, 8, Lattice(0.4, 6.0, 2.0)).eval()


def test_attention_reads_where_its_points_are() -> None:
    attention = DeformableAttention(WIDTH, 3, heads=2, points=1)
    with torch.no_grad():
        attention.offsets.bias.copy_(torch.tensor([0.0, 0, 0, 2.0, 0, 0]))
        attention.values.zero_()
        attention.values[:, 0, 0] = 1  # a head's first output is the first channel
        attention.output.weight.copy_(torch.eye(WIDTH))
        attention.output.bias.zero_()
    volume = torch.zeros(1, 3, 8, 8, 4)
    volume[0, 0, 2, 5, 1], volume[0, 0, 4, 5, 1] = 7.0, 11.0
    place = torch.tensor([[[2.5, 5.5, 1.5]]])  # metres: the cells are 1 m wide
    read = attention(torch.zeros(1, 1, WIDTH), place, volume, torch.zeros(1, 3), torch.tensor([[8.0, 8.0, 4.0]]))
    assert read[0, 0, 0].item() == pytest.approx(7.0) and read[0, 0, WIDTH // 2].item() == pytest.approx(11.0)
    outside = attention(torch.zeros(1, 1, WIDTH), place + 40, volume, torch.zeros(1, 3), torch.full((1, 3), 8.0))
    assert not outside.any()


def test_embeddings_are_of_half_the_resolution_and_shift_with_the_scene() -> None:
    torch.manual_seed(0)
    encoder = VoxelEncoder(8, 20).eval()
    labels = torch.randint(0, 21, (1, 128, 48, 8))
    with torch.inference_mode():
        embeddings, shifted = encoder(labels), encoder(labels.roll(8, dims=1))
    assert embeddings.shape == (1, CHANNELS, 128 // FOLD, 48 // FOLD, 8 // FOLD)
    # Away from the borders, which the convolutions see.
    torch.testing.assert_close(shifted[:, :, 30:38], embeddings[:, :, 26:34], atol=1e-4, rtol=1e-3)


def test_queries_start_at_the_highest_peaks() -> None:
    logits = torch.full((1, 8, 8), -9.0)
    logits[0, 2, 3], logits[0, 2, 4], logits[0, 6, 1] = 2.0, 1.0, 1.5
    features = torch.arange(16.0).view(1, 1, 4, 4)  # of cells of two columns each way
    found = peaks(logits, features, torch.zeros(1, 3), torch.full((1, 3), 8.0), wanted=2)
    assert found.places[0].tolist() == [[2.5, 3.5, 4.0], [6.5, 1.5, 4.0]]  # the neighbour of a higher one is no peak
    assert found.features[0, :, 0].tolist() == [5.0, 12.0]


def test_the_map_is_asked_for_a_hill_on_each_centre() -> None:
    centres = torch.tensor([[[2.4, 3.6, 0.0], [6.1, 1.0, 0.0], [4.0, 4.0, 0.0]]])
    present = torch.tensor([[True, True, False]])
    target = centre_targets(centres, present, torch.zeros(1, 3), torch.full((1, 3), 8.0), (8, 8))
    assert torch.nonzero(target[0] > 0.999).tolist() == [[2, 3], [6, 1]]
    assert 0 < target[0, 3, 3] < target[0, 2, 3]
    perfect = torch.where(target > 0.999, 8.0, -8.0)
    assert centre_loss(perfect, target) < 1e-3 < centre_loss(-perfect, target)


def test_queries_far_apart_do_not_speak_with_each_other(network: OffsetOcc) -> None:
    layer, volume = network.objects.layers[0], torch.randn(1, CHANNELS, 20, 18, 4)
    place, state = torch.zeros(1, 2, WIDTH), torch.randn(1, 2, WIDTH)
    other = state.clone()
    other[:, 1] += 1.0

    def first(states: torch.Tensor, metres: float) -> torch.Tensor:
        places = torch.tensor([[[1.0, 0.0, 0.0], [1.0 + metres, 0.0, 0.0]]])
        with torch.inference_mode():
            return layer(states, place, places, volume, LOW, HIGH)[0, 0]

    torch.testing.assert_close(first(state, NEAR + 0.1), first(other, NEAR + 0.1))
    assert (first(state, NEAR - 0.1) - first(other, NEAR - 0.1)).abs().max() > 1e-3


def test_points_of_some_columns_are_those_of_all(network: OffsetOcc) -> None:
    shapes = torch.randn(3, 4, RANK)
    columns = torch.tensor([4, 0, 17])
    layers = network.objects.lattice.layers
    with torch.inference_mode():
        offsets, logits = network.objects.points(shapes)
        some_offsets, some_logits = network.objects.points(shapes, columns)
    assert offsets.shape == (3, network.objects.lattice.points, 3)
    torch.testing.assert_close(some_logits, logits.unflatten(1, (-1, layers))[:, columns].flatten(1))
    torch.testing.assert_close(some_offsets, offsets.unflatten(1, (-1, layers))[:, columns].flatten(1, 2))


def test_a_scene_smaller_than_the_queries_gives_one_a_cell(network: OffsetOcc) -> None:
    with torch.inference_mode():
        found = network(torch.zeros(1, 8, 8, 8, dtype=torch.int64), LOW, LOW + 3.2, 300)
    assert found.layers[-1].centres.shape == (1, 64, 3)


def test_grids_that_do_not_halve_are_padded_with_the_unknown(space: LabelSpace) -> None:
    semantics = np.full(space.grid.shape, UNKNOWN, np.uint8)
    semantics[0] = 3
    labels, box = padded(semantics, space.grid, 20)
    assert labels.shape == (40, 40, 8) == box.shape
    assert box.origin == space.grid.origin and labels[1:].min() == 20 and (labels[0, :36, :7] == 3).all()
    assert (labels[0, 36:] == 20).all() and (labels[0, :, 7:] == 20).all()
