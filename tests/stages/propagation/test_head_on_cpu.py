"""The head on the CPU against the head's own layers."""

import numpy as np
import pytest
import torch

from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.refine import Refiner, Verdict
from occlabel.stages.propagation.sequence import glimpse
from occlabel.stages.propagation.windows import Window


@pytest.mark.parametrize("unlabelled", [False, True])
def test_both_heads_say_the_same(space: LabelSpace, unlabelled: bool) -> None:
    classes, free_id = len(space.taxonomy.classes), space.taxonomy.free_id
    draw = np.random.default_rng(1)
    labels = np.full((4, *space.grid.shape), free_id, np.uint8)
    seen = draw.random(labels.shape) < 0.05
    labels[seen] = draw.integers(classes, size=int(seen.sum()))
    labels[draw.random(labels.shape) < 0.1] = UNKNOWN
    confidence = draw.integers(256, size=labels.shape).astype(np.uint8)
    poses = [np.eye(4) for _ in range(4)]
    for number, pose in enumerate(poses):
        pose[:2, 3] = 0.7 * number, -0.3 * number
    window = glimpse(Window((0, 1, 2), (3,)), labels, confidence, poses, [0.1, 0.2, 0.3, 0.9], space.grid, classes)
    torch.manual_seed(0)
    network = DualFlow4D(space.grid.shape[2], classes, free_id, Parts(unlabelled=unlabelled))
    quick, plain = Refiner(network, "cpu"), Refiner(network, "cpu", layer_by_layer=True)
    columns = quick.look(window, 1)
    pairs = list(zip(quick.scores(window, 1, columns), plain.scores(window, 1, columns), strict=True))
    for (rows, scores, chosen), (same_rows, expected, same) in pairs:
        assert rows == same_rows
        torch.testing.assert_close(chosen, same)
        torch.testing.assert_close(scores, expected, rtol=1e-4, atol=1e-5)
    assert sum(len(chosen) for (_, _, chosen), _ in pairs) > 1000
    before = window.labels[1]
    after, sure = Refiner(network, "cpu", Verdict(gate=0.8)).refine(window, 1, columns)
    assert (after[before != UNKNOWN] != UNKNOWN).all()
    open_ = before == UNKNOWN
    if not unlabelled:
        assert (after[open_] == UNKNOWN).all()
        return
    decided = after[open_] != UNKNOWN
    assert decided.mean() > 0.5 and (sure[open_][decided] > 0).all(), "next to something, nothing stays open"
