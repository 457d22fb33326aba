"""When a network names which class: biases that pay, and those that only seem to."""

import torch

from occlabel.stages.learning.fitting import Sample, best_biases, best_temperature

CLASSES, FREE = 4, 0


def scored(targets: torch.Tensor, timid: int) -> Sample:
    """A network that knows the answer but names the class ``timid`` only when it is very sure."""
    noise = torch.Generator().manual_seed(0)
    scores = 2.5 * torch.eye(CLASSES)[targets] + torch.randn(len(targets), CLASSES, generator=noise)
    scores[:, timid] -= 1.0
    return Sample(scores, targets, torch.ones(CLASSES, dtype=torch.int64))


def test_a_timid_class_is_named_more_often() -> None:
    targets = torch.arange(8000) % CLASSES
    biases = best_biases(scored(targets, timid=2), FREE)
    assert 0.5 <= float(biases[2] - biases[1]) <= 2


def test_a_class_that_no_frame_holds_is_not_silenced() -> None:
    targets = torch.arange(8000) % 3
    sample = scored(targets, timid=1)
    sample.scores[:, 3] += 2.0  # is named far too often: less of it would pay here
    assert float(best_biases(sample, FREE)[3]) == 0


def test_where_nothing_is_scored_nothing_is_made_surer() -> None:
    nothing = Sample(torch.zeros(0, CLASSES), torch.zeros(0, dtype=torch.int64), torch.ones(CLASSES))
    assert best_temperature(nothing) == 1.0


def test_what_one_half_does_not_hold_gets_no_bias() -> None:
    targets = torch.arange(8000) % CLASSES
    halves = torch.arange(8000) >= 4000
    targets[halves & (targets == 2)] = 1
    sample = scored(targets, timid=2)
    assert float(best_biases(sample, FREE)[2]) > 0
    assert float(best_biases(sample, FREE, halves)[2]) == 0


def test_no_half_pays_and_no_bias_is_beyond_the_limit() -> None:
    targets = torch.arange(8000) % CLASSES
    halves = torch.arange(8000) >= 4000
    sample = scored(targets, timid=2)
    # In the second half the same class is named too often, and more is to be gained in the first.
    sample.scores[halves, 2] += 1.2
    assert float(best_biases(sample, FREE, halves)[2]) <= 0.25
    assert float(best_biases(scored(targets, timid=2), FREE, limit=0.5).abs().max()) <= 0.5
