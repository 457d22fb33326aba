"""Training lowers the error on what is held out, goes on where it was stopped, and says what it cannot learn from."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tiny_glance
import torch
from safetensors.torch import load_file
from simulated import ONE_WITH_PRIORS, TWO_SWEPT, Simulated, resembling

from occlabel.pipeline.teaching.train_glance import train
from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.stages.learning.weight_header import check_content, read_facts
from occlabel.stages.priors.glance.network import Said
from occlabel.stages.priors.glance.options import Options
from occlabel.stages.priors.glance.pictures import Picture
from occlabel.stages.priors.glance.training import depth_losses, mean_iou, train_glance

SMALL = Options(steps=2, epoch=1, batch=2, height=32, width=48, rate=1e-3)


@pytest.fixture
def roads(tmp_path: Path) -> tuple[list[Picture], list[Picture]]:
    return tiny_glance.pictures(tmp_path / "learned", 3), tiny_glance.pictures(tmp_path / "held_out", 1, "occ3d")


def curve(out: Path, name: str) -> list[float]:
    with (out.with_suffix(".training") / "curves/version_0/metrics.csv").open() as file:
        return [float(row[name]) for row in csv.DictReader(file) if row[name]]


def test_a_few_steps_lower_the_held_out_error(tmp_path: Path, roads: tuple[list[Picture], list[Picture]]) -> None:
    out = tmp_path / "out.safetensors"
    facts = train_glance(*roads, out, SMALL.model_copy(update={"steps": 40, "epoch": 5}), {"command": "typed"})
    errors, ious = curve(out, "val_abs_rel"), curve(out, "val_miou")
    assert len(errors) == 8 and min(errors) < 0.75 * errors[0]
    assert ious[-1] > 0.9, "a road is told from the sky"
    assert facts == read_facts(out) and facts["command"] == "typed" and facts["images"] == "3"
    check_content(out)
    assert out.stat().st_size < 12e6


def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    tmp_path: Path, roads: tuple[list[Picture], list[Picture]], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, stopped = tmp_path / "whole.safetensors", tmp_path / "stopped.safetensors"
    train_glance(*roads, whole, SMALL, {})

    class Stopped(Exception):
        pass

    read, asked = Picture.read, []

    def failing(self: Picture, meanings: object) -> object:
        asked.append(self)
        if len(asked) > 7:  # three are counted, two learned from, one scored: in the second epoch
            raise Stopped
        return read(self, meanings)  # type: ignore[arg-type]

    monkeypatch.setattr(Picture, "read", failing)
    with pytest.raises(Stopped):
        train_glance(*roads, stopped, SMALL, {})
    monkeypatch.setattr(Picture, "read", read)
    train_glance(*roads, stopped, SMALL.model_copy(update={"resume": True}), {})
    one, other = load_file(whole), load_file(stopped)
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_training_starts_from_weights_of_its_own_network_alone(
    tmp_path: Path, roads: tuple[list[Picture], list[Picture]]
) -> None:
    start = tiny_glance.weights(tmp_path / "start.safetensors")
    few = SMALL.model_copy(update={"steps": 1, "start": start, "rate": 1e-6})
    facts = train_glance(*roads, tmp_path / "out.safetensors", few, {})
    assert facts["start"].startswith("start.safetensors, digest ")
    before, after = load_file(start), load_file(tmp_path / "out.safetensors")
    np.testing.assert_allclose(after["labels.bias"], before["labels.bias"], atol=1e-4)
    other = SMALL.model_copy(update={"start": tmp_path / "lost.safetensors"})
    with pytest.raises(BadWeights, match=r"lost\.safetensors"):
        train_glance(*roads, tmp_path / "second.safetensors", other, {})


def test_losses_of_depth_know_what_is_not_known() -> None:
    said = Said(torch.full((1, 2, 2), 3.0), torch.zeros(1, 2, 2), torch.zeros(1, 25, 2, 2))
    losses = depth_losses(said, torch.tensor([[[4.0, torch.nan], [torch.nan, 3.0]]]))
    assert losses["depth"] == pytest.approx(0.5) and losses["spread"] == pytest.approx(0.1)
    assert all(loss == 0 for loss in depth_losses(said, torch.full((1, 2, 2), torch.nan)).values())
    assert mean_iou(torch.tensor([[3, 1, 0], [0, 2, 0], [0, 0, 0]])) == pytest.approx((3 / 4 + 2 / 3) / 2)


def test_logs_from_which_nothing_can_be_learned_are_refused_by_name(
    tmp_path: Path, roads: tuple[list[Picture], list[Picture]], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadLog, match=r"3 images to learn from and 0 held out are too few: give two logs or more"):
        train_glance(roads[0], [], tmp_path / "out.safetensors", SMALL, {})


def test_simulated_logs_are_learned_from_and_others_are_refused(simulated: Simulated, tmp_path: Path) -> None:
    learned = simulated("kitti", ONE_WITH_PRIORS)
    bare = resembling(learned, tmp_path / "bare")
    shutil.rmtree(bare / "priors")
    dark = simulated("kitti", TWO_SWEPT)
    out = tmp_path / "out.safetensors"
    facts = train([learned], [resembling(learned, tmp_path / "others")], out, SMALL, "typed")
    assert (facts["logs"], facts["images"], facts["command"]) == ("1", "1", "typed")
    refusals: list[tuple[Callable[[], object], str]] = [
        (
            lambda: train([learned], [bare], out, SMALL, ""),
            r"log 00 of .*bare has no priors/exact/depth/00/image_2/.*png",
        ),
        (lambda: train([dark], [learned], out, SMALL, ""), rf"log 00 of .*{dark.name} has no cameras"),
    ]
    for act, said in refusals:
        with pytest.raises(BadLog, match=said):
            act()
    with pytest.raises(OcclabelError, match="log 00 of --held-out is log 00 of --logs"):
        train([dark, learned], [learned], out, SMALL, "")
