"""The network: the paper's size, what it does untrained, and its parts against plain versions of themselves."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from occlabel.stages.learning.bag import weighted_bag
from occlabel.stages.propagation.coordinates import COORDINATES
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.encoder import WIDTHS
from occlabel.stages.propagation.focal_attention import FocalAttention
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.pillar_attention import PillarAttention
from occlabel.stages.propagation.soft_split import SoftComposition, SoftSplit


@pytest.mark.parametrize(
    ("parts", "millions"),
    [
        (Parts(transformer=False), 0.83),
        (Parts(spatial_embedding=False), 4.12),
        (Parts(), 4.51),
        (Parts(temporal_embedding=True), 4.90),
    ],
)
def test_parameter_counts_are_those_of_table_vii(parts: Parts, millions: float) -> None:
    network = DualFlow4D(32, 20, 0, parts)
    found = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert found == pytest.approx(millions, rel=0.05)


@pytest.mark.parametrize(
    "parts", [Parts(), Parts(transformer=False), Parts(spatial_embedding=False), Parts(temporal_embedding=True)]
)
def test_all_parts_can_be_left_out_or_added(parts: Parts) -> None:
    network = DualFlow4D(8, 20, 0, parts).eval()
    coordinates = torch.zeros(2, 3, COORDINATES, 2, 4)
    with torch.inference_mode():
        out = network.propagate(torch.randn(2, 3, WIDTHS[-1], 2, 4), coordinates, torch.zeros(2, 3))
    assert out.shape == (2, 3, WIDTHS[-1], 2, 4)


def test_windows_of_a_batch_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    network = DualFlow4D(8, 20, 0).eval()
    features, coordinates = torch.randn(2, 4, WIDTHS[-1], 5, 7), torch.randn(2, 4, COORDINATES, 5, 7)
    times = torch.zeros(2, 4)
    with torch.inference_mode():
        both = network.propagate(features, coordinates, times)
        for n in (0, 1):
            one = network.propagate(features[n : n + 1], coordinates[n : n + 1], times[n : n + 1])
            torch.testing.assert_close(both[n : n + 1], one, rtol=1e-4, atol=1e-4)


def test_frames_see_each_other() -> None:
    torch.manual_seed(0)
    network = DualFlow4D(8, 20, 0).eval()
    features, coordinates = torch.randn(1, 4, WIDTHS[-1], 5, 7), torch.randn(1, 4, COORDINATES, 5, 7)
    other = features.clone()
    other[:, 3] += 1
    with torch.inference_mode():
        a, b = (network.propagate(part, coordinates, torch.zeros(1, 4)) for part in (features, other))
    assert (a[:, 0] - b[:, 0]).abs().max() > 1e-4


def test_focal_attention_is_attention_to_the_surroundings_and_to_pooled_windows() -> None:
    torch.manual_seed(1)
    width, heads, time, x, y = 16, 2, 2, 7, 4
    attention = FocalAttention(width, heads).eval()
    tokens = torch.randn(1, time, x, y, width)
    with torch.inference_mode():
        found = attention(tokens)
        query, key, value = attention.project(tokens[0]).chunk(3, dim=-1)
        padded = functional.pad(tokens[0], (0, 0, 0, 2, 0, 2))  # to 9 x 6
        parts = padded.reshape(time, 3, 3, 2, 3, width).permute(0, 1, 3, 5, 2, 4).reshape(time, 3, 2, width, 9)
        pooled = attention.pool(parts).squeeze(-1)
        _, far_key, far_value = attention.project(pooled).chunk(3, dim=-1)
        for at_x, at_y in ((0, 0), (4, 1), (6, 3)):
            near_x = slice(max(at_x // 3 * 3 - 1, 0), at_x // 3 * 3 + 4)
            near_y = slice(max(at_y // 3 * 3 - 1, 0), at_y // 3 * 3 + 4)
            keys, values = (
                torch.cat([near[:, near_x, near_y].reshape(-1, width), far.reshape(-1, width)])
                for near, far in ((key, far_key), (value, far_value))
            )
            split = (-1, heads, width // heads)
            scores = torch.einsum("hc,nhc->hn", query[0, at_x, at_y].reshape(split[1:]), keys.reshape(split))
            weights = (scores / (width // heads) ** 0.5).softmax(dim=-1)
            expected = torch.einsum("hn,nhc->hc", weights, values.reshape(split)).flatten()
            torch.testing.assert_close(found[0, 0, at_x, at_y], expected, rtol=1e-4, atol=1e-5)


def test_pillar_attention_stays_in_its_pillar_and_crosses_time() -> None:
    torch.manual_seed(2)
    attention = PillarAttention(16, 5).eval()
    assert attention.heights == 4, "the largest number of parts up to 5 that divides 16"
    tokens = torch.randn(1, 3, 2, 2, 16)
    other = tokens.clone()
    other[0, 2, 1, 1] += 1
    with torch.inference_mode():
        change = (attention(tokens) - attention(other)).abs().amax(dim=-1)[0]
    assert (change[:, 1, 1] > 1e-5).all()
    assert change[:, 0].max() == change[:, 1, 0].max() == 0


def test_what_is_split_can_be_composed_again() -> None:
    channels, size = 3, (5, 8)
    split, compose = SoftSplit(channels, channels * 49), SoftComposition(channels, channels * 49)
    with torch.no_grad():
        for layer in (split.embed, compose.spread):
            torch.nn.init.eye_(layer.weight)
            torch.nn.init.zeros_(layer.bias)
        maps = torch.randn(2, channels, *size)
        torch.testing.assert_close(compose(split(maps), size), maps)


def test_the_gradient_of_a_weighted_bag_is_that_of_torch() -> None:
    draw = np.random.default_rng(0)
    rows = torch.from_numpy(draw.integers(0, 11, (50, 7)))
    weights = torch.from_numpy(draw.random((50, 7)).astype(np.float32))
    gradients = []
    for sum_up in (weighted_bag, lambda r, t, w: (t[r] * w[..., None]).sum(dim=1)):
        table = torch.linspace(-1, 1, 44).reshape(11, 4).requires_grad_()
        sum_up(rows, table, weights).pow(3).sum().backward()
        gradients.append(table.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-5)
