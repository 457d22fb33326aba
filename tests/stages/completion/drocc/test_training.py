"""A few steps lower the loss, a file holds what was trained, and logs that teach nothing are refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_drocc import SIZES, SPACE, drive, weights

from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.stages.completion.drocc.network import DrOcc
from occlabel.stages.completion.drocc.options import Options
from occlabel.stages.completion.drocc.parts import Parts
from occlabel.stages.completion.drocc.samples import Lesson, Samples, Scenes
from occlabel.stages.completion.drocc.training import (
    DrOccTask,
    begun_with,
    check_options,
    depth_loss,
    judged,
    train_drocc,
)
from occlabel.stages.completion.drocc.weight_file import check, load_network
from occlabel.stages.learning.weight_header import read_facts

_CHOSEN = ("encoder", "stem", "rows", "columns", "width", "step")
SMALL = Options(steps=2, epoch=1, rate=3e-3, **{name: getattr(SIZES, name) for name in _CHOSEN})
LEARNED, APART = [drive(3, far=7.0), drive(2, far=6.0)], [drive(2, far=6.5)]


def changed(**options: Any) -> Options:
    return SMALL.model_copy(update=options)


def task(parts: Parts) -> tuple[DrOccTask, dict[str, torch.Tensor]]:
    """And a sample to learn from."""
    torch.manual_seed(0)
    network, free = DrOcc(SPACE, parts, SIZES), SPACE.taxonomy.free_id
    sample = Samples(Scenes(tuple(LEARNED), SPACE.grid, SIZES, 1), free, 4, seed=0)[0]
    counts = torch.bincount(sample["target"].long(), minlength=256)[:18]
    return DrOccTask(network, Scenes((), SPACE.grid, SIZES, 1), counts, free, (1e-3, 1)), sample


@pytest.mark.parametrize(
    "parts", [Parts(False, "none"), Parts(True, "none"), Parts(True, "regions"), Parts(True, "recursive", True)]
)
def test_a_few_steps_lower_every_loss_with_any_parts(parts: Parts) -> None:
    trained, sample = task(parts)
    optimizer, curve = torch.optim.AdamW(trained.network.parameters(), lr=5e-3), []
    for _ in range(8):
        losses = trained.losses(sample)
        optimizer.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimizer.step()
        curve.append({name: float(loss) for name, loss in losses.items()})
    assert set(curve[0]) == {"entropy", "lovasz", "semantic", "geometric", "depth"}
    first, last = curve[0], curve[-1]
    assert last["entropy"] < 0.8 * first["entropy"] and last["semantic"] < 0.8 * first["semantic"]
    # Where depth is given nothing is learned of where features belong, but what a pixel shows is still asked.
    assert all(last[name] < first[name] for name in first), (first, last)


def test_the_parts_are_those_that_were_asked_for() -> None:
    for parts, said in (
        (Parts(False, "none"), set()),
        (Parts(True, "none"), {"D2VFormer"}),
        (Parts(True, "regions"), {"D2VFormer", "REFormer"}),
        (Parts(False, "recursive"), {"R2EFormer"}),
    ):
        names = {type(module).__name__ for module in DrOcc(SPACE, parts, SIZES).modules()}
        assert names & {"D2VFormer", "REFormer", "R2EFormer"} == said


def test_a_file_holds_the_network_that_was_judged(tmp_path: Path) -> None:
    out = tmp_path / "out.safetensors"
    facts = train_drocc(SPACE, Lesson(LEARNED, APART, {}), out, SMALL, {"command": "typed"})
    scores = json.loads(facts["held_out"])
    assert facts == read_facts(out) and facts["command"] == "typed" and facts["frames"] == "5"
    assert check(out, SPACE)[:2] == (Parts(), SMALL.sizes)
    network, temperature = load_network(out, SPACE)
    found = judged(network, Scenes(tuple(APART), SPACE.grid, network.sizes, 1), SPACE.taxonomy.free_id, 9)
    assert found[1]["frames"] == scores["frames"] == 2
    assert found[1]["miou"] == pytest.approx(scores["miou"], abs=0.02), "but for the 16 bits of the file"
    assert temperature == pytest.approx(found[0], rel=0.2)
    metrics = (out.with_suffix(".training") / "curves/version_0/metrics.csv").read_text()
    assert "val_miou" in metrics.splitlines()[0]


def test_a_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train_drocc(SPACE, Lesson(LEARNED, APART, {}), whole, SMALL)

    class Stopped(Exception):
        pass

    read = Samples.__getitem__

    def failing(self: Samples, number: int) -> dict[str, torch.Tensor]:
        if number > 0:
            raise Stopped
        return read(self, number)

    with monkeypatch.context() as patch:
        patch.setattr(Samples, "__getitem__", failing)
        with pytest.raises(Stopped):
            train_drocc(SPACE, Lesson(LEARNED, APART, {}), stopped, SMALL)
    train_drocc(SPACE, Lesson(LEARNED, APART, {}), stopped, changed(resume=True))
    one, other = load_file(whole), load_file(stopped)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_start_with_other_parts_or_sizes_is_refused(tmp_path: Path) -> None:
    start = weights(tmp_path / "start.safetensors", SPACE, Parts(), SMALL.sizes)
    check_options(changed(start=start), SPACE)
    for other in ({"experts": "none"}, {"width": 24}):
        with pytest.raises(BadWeights, match=r"holds a network with the Parts\(.*, the training asks for Parts\("):
            check_options(changed(start=start, **other), SPACE)
    facts = train_drocc(SPACE, Lesson(LEARNED, APART, {}), tmp_path / "out.safetensors", changed(start=start, steps=1))
    assert facts["start"].startswith("start.safetensors, digest ")
    base = weights(tmp_path / "base.safetensors", SPACE, Parts(refined=False, experts="none"), SMALL.sizes, seed=5)
    for parts in ({}, {"experts": "regions"}, {"refined": False, "experts": "none", "direct": True}):
        check_options(changed(start=base, **parts), SPACE)
    with pytest.raises(BadLog, match="5 frames to learn from and 0 held out are too few"):
        train_drocc(SPACE, Lesson(LEARNED, [], {}), tmp_path / "none.safetensors", SMALL)


def test_parts_that_a_start_lacks_begin_with_the_seed(tmp_path: Path) -> None:
    base = weights(tmp_path / "base.safetensors", SPACE, Parts(refined=False, experts="none"), SMALL.sizes, seed=5)
    begun, before = begun_with(SPACE, changed(start=base)).state_dict(), load_network(base, SPACE)[0].state_dict()
    assert all(torch.equal(begun[name], tensor) for name, tensor in before.items())
    fresh = begun_with(SPACE, changed()).state_dict()
    new = set(fresh) - set(before)
    assert new and all(torch.equal(begun[name], fresh[name]) for name in new)


def test_depth_that_nobody_knows_is_not_learned() -> None:
    scores = torch.randn(1, 4, 2, 2, requires_grad=True)
    assert depth_loss(scores, torch.full((1, 2, 2), -1)) == 0
    bins = torch.tensor([[[2, -1], [-1, -1]]])
    expected = -scores[0, :, 0, 0].log_softmax(dim=0)[2]
    torch.testing.assert_close(depth_loss(scores, bins), expected)
