"""Losses against published values and gradients, and against what they must be by definition."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from occlabel.stages.learning.losses import (
    class_weights,
    geometric_affinity,
    lovasz_softmax,
    semantic_affinity,
    weighted_cross_entropy,
)
from occlabel.stages.learning.objective import Objective

CASES = ("binary2", "no_ignored", "semkitti20")


def rows(volume: torch.Tensor) -> torch.Tensor:
    """[B, C, X, Y, Z] as [n, C]."""
    return volume.movedim(1, -1).flatten(0, -2)


@pytest.mark.parametrize("name", CASES)
def test_lovasz_equals_the_reference(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/losses/case_{name}.npz")
    logits = torch.from_numpy(case["logits"]).requires_grad_()
    loss = lovasz_softmax(rows(logits.softmax(dim=1)), torch.from_numpy(case["target"]).flatten())
    loss.backward()
    assert loss.item() == pytest.approx(float(case["lovasz_present"]), rel=1e-10)
    np.testing.assert_allclose(logits.grad, case["lovasz_present_grad_logits"], rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("name", ["lovasz_ties", "saturated_right", "saturated_wrong"])
def test_lovasz_values_at_ties_and_certainty(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/losses/case_{name}.npz")
    probs = torch.from_numpy(case["probs"]) if "probs" in case else torch.from_numpy(case["logits"]).softmax(dim=1)
    loss = lovasz_softmax(rows(probs), torch.from_numpy(case["target"]).flatten())
    assert loss.item() == pytest.approx(float(case["lovasz_present"]), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_cross_entropy_equals_the_reference(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/losses/case_{name}.npz")
    if "ce_ssc" not in case:
        pytest.skip("this case has no cross entropy")
    logits = torch.from_numpy(case["logits"]).requires_grad_()
    weights = torch.from_numpy(case["class_weights"])
    loss = weighted_cross_entropy(rows(logits), torch.from_numpy(case["target"]).flatten(), weights)
    loss.backward()
    assert loss.item() == pytest.approx(float(case["ce_ssc"]), rel=1e-7)
    np.testing.assert_allclose(logits.grad, case["ce_ssc_grad_logits"], rtol=1e-6, atol=1e-12)


def test_nothing_scored_is_no_loss_and_no_gradient() -> None:
    logits = torch.randn(10, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    target = torch.full((10,), 255, dtype=torch.uint8)
    (weighted_cross_entropy(logits, target) + lovasz_softmax(logits.softmax(1), target)).backward()
    assert torch.equal(logits.grad, torch.zeros_like(logits))


def test_a_perfect_prediction_costs_nothing_and_a_wrong_one_the_whole_jaccard() -> None:
    target = torch.tensor([0, 0, 1, 2], dtype=torch.uint8)
    right = torch.nn.functional.one_hot(target.long(), 3).double()
    assert lovasz_softmax(right, target).item() == pytest.approx(0)
    assert lovasz_softmax(right.roll(1, dims=1), target).item() == pytest.approx(1)


COUNTS = torch.tensor([1e6, 1e6, 10.0])


def test_what_is_only_believed_is_learned_by_cross_entropy_alone_with_all_classes_alike() -> None:
    objective, target = Objective(COUNTS, 0), torch.tensor([1, 2])
    scores = torch.tensor([[0.0, 1.0, 0.0], [0.0, 1.0, 0.0]])
    known, believed = objective(scores, target), objective(scores, target, believed=torch.tensor([True, True]))
    assert set(known) == {"entropy", "lovasz"} and set(believed) == {"entropy"}
    assert float(believed["entropy"]) == pytest.approx(float(torch.nn.functional.cross_entropy(scores, target)))
    assert float(known["entropy"]) > float(believed["entropy"]), "the rare class is wrong, and counts more"


def test_beside_what_is_believed_what_is_known_is_learned_as_always() -> None:
    torch.manual_seed(0)
    objective, scores, target = Objective(COUNTS, 0), torch.randn(60, 3), torch.arange(60) % 3
    trust, believed = torch.rand(60) * 0.9 + 0.1, torch.arange(60) >= 30
    mixed = objective(scores, target, trust, believed)
    known = objective(scores[:30], target[:30], trust[:30])
    assert float(mixed["lovasz"]) == pytest.approx(float(known["lovasz"]))
    none = objective(scores, target, trust, torch.zeros(60, dtype=torch.bool))
    assert {name: float(loss) for name, loss in none.items()} == {
        name: float(loss) for name, loss in objective(scores, target, trust).items()
    }
    weights = torch.where(believed, torch.ones(3)[target], class_weights(COUNTS)[target])
    mass = trust * weights * torch.tensor([0.5 * 4, 1, 1])[target]
    each = torch.nn.functional.cross_entropy(scores, target, reduction="none")
    assert float(mixed["entropy"]) == pytest.approx(float((each * mass).sum() / mass.sum()))


def test_class_weights_are_mild_and_skip_absent_classes() -> None:
    weights = class_weights(torch.tensor([10_000_000, 10_000, 0, 1]))
    assert weights[2] == 0
    assert weights[[0, 1, 3]].mean() == pytest.approx(1)
    assert 1 < weights[1] / weights[0] < 2
    assert weights[3] / weights[0] < 3


def test_a_thinned_class_counts_for_what_it_stands_for() -> None:
    """One voxel that stands for three costs what the three cost."""
    draw = torch.Generator().manual_seed(0)
    scores = torch.randn(40, 4, generator=draw, dtype=torch.float64)
    target = torch.randint(0, 4, (40,), generator=draw)
    repeats = torch.where(target == 2, 3, 1)
    every = lovasz_softmax(scores.repeat_interleave(repeats, 0).softmax(1), target.repeat_interleave(repeats))
    thinned = lovasz_softmax(scores.softmax(1), target, torch.tensor([1.0, 1.0, 3.0, 1.0]))
    assert thinned.item() == pytest.approx(every.item(), rel=1e-12)


def test_trust_weighs_a_voxel_as_often_as_it_would_be_there() -> None:
    draw = torch.Generator().manual_seed(0)
    scores = torch.randn(60, 4, generator=draw)
    target, times = torch.randint(0, 4, (60,), generator=draw), torch.randint(1, 4, (60,), generator=draw)
    weights, more, often = torch.tensor([0.5, 1.0, 2.0, 1.0]), scores.repeat_interleave(times, 0), times.float() / 4
    again = target.repeat_interleave(times)
    torch.testing.assert_close(
        weighted_cross_entropy(scores, target, weights, often), weighted_cross_entropy(more, again, weights)
    )
    torch.testing.assert_close(
        lovasz_softmax(scores.softmax(1), target, None, often), lovasz_softmax(more.softmax(1), again)
    )
    torch.testing.assert_close(
        weighted_cross_entropy(scores, target, weights, torch.ones(60)), weighted_cross_entropy(scores, target, weights)
    )
    nothing = torch.full((60,), 255)
    assert float(weighted_cross_entropy(scores, nothing, weights, often)) == 0
    some = torch.where(torch.arange(60) < 30, target, 255)
    torch.testing.assert_close(
        weighted_cross_entropy(scores, some, weights, often),
        weighted_cross_entropy(scores[:30], target[:30], weights, often[:30]),
    )


@pytest.mark.parametrize("name", [*CASES, "saturated_right", "saturated_wrong"])
def test_scene_class_affinities_equal_the_reference(shared: Path, name: str) -> None:
    case = np.load(shared / f"golden/losses/case_{name}.npz")
    target = torch.from_numpy(case["target"]).flatten()
    for told, affinity in (("sem_scal", semantic_affinity), ("geo_scal", partial(geometric_affinity, free_id=0))):
        logits = torch.from_numpy(case["logits"]).requires_grad_()
        loss = affinity(rows(logits.softmax(dim=1)), target)
        assert loss.item() == pytest.approx(float(case[told]), rel=1e-6, abs=1e-6)
        if f"{told}_grad_logits" in case:
            loss.backward()
            np.testing.assert_allclose(logits.grad, case[f"{told}_grad_logits"], rtol=1e-6, atol=1e-10)


def test_affinities_know_scenes_of_one_kind_and_voxels_that_stand_for_many() -> None:
    likely = torch.tensor([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7]]).requires_grad_()
    free, silent = torch.zeros(3, dtype=torch.uint8), torch.full((3,), 255, dtype=torch.uint8)
    assert geometric_affinity(likely, free, 0).item() == pytest.approx(-np.log((0.8 + 0.6 + 0.3) / 3))
    assert geometric_affinity(likely, silent, 0).item() == semantic_affinity(likely, silent).item() == 0
    target = torch.tensor([0, 0, 1], dtype=torch.uint8)
    thrice = torch.tensor([0, 0, 0, 0, 0, 0, 1], dtype=torch.uint8)
    many = likely[[0, 0, 0, 1, 1, 1, 2]]
    for affinity in (semantic_affinity, partial(geometric_affinity, free_id=0)):
        torch.testing.assert_close(
            affinity(likely, target, stands_for=torch.tensor([3.0, 1.0])), affinity(many, thrice)
        )
    certain = torch.tensor([[1.0, 0.0]]).requires_grad_()
    semantic_affinity(certain, torch.ones(1, dtype=torch.uint8)).backward()
    assert certain.grad is not None and bool(certain.grad.isfinite().all())
