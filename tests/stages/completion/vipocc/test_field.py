"""The networks: what they are given, what they may say, and what a file of them says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from occlabel.schemas.errors import BadWeights
from occlabel.schemas.stage import Hands
from occlabel.stages.completion.vipocc.field import Looked, ViPOcc, positional
from occlabel.stages.completion.vipocc.sizes import Branch, Sizes
from occlabel.stages.completion.vipocc.weight_file import check, facts_of, load_network
from occlabel.stages.learning.weights import save_weights

SMALL = Sizes(stem=8, rows=64, columns=96, channels=8)
K = torch.tensor([[[60.0, 0, 47.5], [0, 60.0, 31.5], [0, 0, 1]]])


def looked(inverse: float = 0.05) -> Looked:
    draw = torch.Generator().manual_seed(0)
    prior = torch.full((1, 1, 64, 96), inverse)
    prior[..., :5] = 0
    return Looked(torch.rand(1, 3, 64, 96, generator=draw), prior, K)


def test_density_is_positive_wherever_it_is_asked() -> None:
    network = ViPOcc(SMALL).eval()
    places = torch.tensor([[[0.0, 0, 10], [50.0, 0, 5], [0.0, 0, -4], [0.0, 0, 500]]])
    found = network.density(network.look(looked()), places)
    assert found.shape == (1, 4) and bool((found > 0).all()) and bool(found.isfinite().all())


def test_a_place_is_asked_at_its_pixel() -> None:
    network = ViPOcc(SMALL).eval()
    field = network.look(looked())
    changed = field.features.clone()
    changed[..., 31:33, 47:49] += 1.0
    places = torch.tensor([[[0.0, 0, 10], [5.0, 0, 10]]])
    before, after = (network.density(field._replace(features=f), places)[0] for f in (field.features, changed))
    moved = (before - after).abs().tolist()
    assert moved[0] > 1e-4 and moved[1] == 0


def test_the_positional_code_has_39_numbers_of_three() -> None:
    code = positional(torch.tensor([[0.0, 1 / 3, 1.0]]))
    assert code.shape == (1, 39)
    torch.testing.assert_close(code[0, :3], torch.tensor([0.0, 1 / 3, 1.0]))
    torch.testing.assert_close(code[0, 3 + 6], torch.tensor(0.5).sin(), msg="1/3 times 1.5 radians")


@pytest.mark.parametrize("branch", ["inverse", "residual", "none"])
def test_before_it_has_learned_the_branch_says_what_the_prior_says(branch: Branch) -> None:
    network = ViPOcc(Sizes(stem=8, rows=64, columns=96, channels=8, branch=branch)).eval()
    with torch.no_grad():
        found = network.refined(looked())
    torch.testing.assert_close(found, looked().prior)


@pytest.mark.parametrize("branch", ["inverse", "residual", "depth"])
def test_no_residual_makes_depth_negative_or_infinite(branch: Branch) -> None:
    network = ViPOcc(Sizes(stem=8, rows=64, columns=96, channels=8, branch=branch)).eval()
    assert network.branch is not None
    for bias in (-100.0, 100.0):
        torch.nn.init.constant_(network.branch.last.bias, bias)  # type: ignore[arg-type]
        with torch.no_grad():
            depth = 1 / network.refined(looked())[..., 5:]
        assert float(depth.min()) > 0.099 and float(depth.max()) < 80.1


def test_without_priors_the_branch_does_not_look_at_them() -> None:
    network = ViPOcc(Sizes(stem=8, rows=64, columns=96, channels=8, branch="depth")).eval()
    assert network.branch is not None
    torch.nn.init.normal_(network.branch.last.weight)
    with torch.no_grad():
        torch.testing.assert_close(network.refined(looked(0.05)), network.refined(looked(0.2)))


def test_a_file_says_which_networks_it_holds_and_gives_them_back(tmp_path: Path) -> None:
    network, path = ViPOcc(SMALL).eval(), tmp_path / "w.safetensors"
    save_weights(path, dict(network.state_dict()), facts_of(SMALL))
    assert check(path) == SMALL
    again = load_network(path, Hands())
    with torch.no_grad():
        torch.testing.assert_close(again.look(looked()).features, network.look(looked()).features)
    with pytest.raises(BadWeights, match=r"there is no weight file .* occlabel train vipocc"):
        check(tmp_path / "none.safetensors")
    save_weights(path, dict(network.state_dict()), {"network": "residual-1"})
    with pytest.raises(BadWeights, match="made for the network residual-1"):
        check(path)


def test_the_sizes_of_the_paper_are_those_of_the_paper() -> None:
    """32.8 million parameters of the field's ResNet-50 with its decoder, 14.3 million of the branch, without the
    statistics of normalisation."""
    with torch.device("meta"):
        network = ViPOcc(Sizes("resnet50", 64, 192, 640, 64))
    assert network.branch is not None
    counts = [sum(part.numel() for part in module.parameters()) for module in (network.features, network.branch)]
    assert counts[0] == pytest.approx(32.8e6, rel=0.02) and counts[1] == pytest.approx(14.3e6, rel=0.02)
