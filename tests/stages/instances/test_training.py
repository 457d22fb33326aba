"""Training on car parks: it learns to part what touches, can be resumed, and its file says what it is for."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from car_parks import CAR, car_park, parked
from safetensors.torch import load_file

from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.instances.damage import Damage
from occlabel.stages.instances.lattice import Lattice
from occlabel.stages.instances.object_losses import Truth, losses
from occlabel.stages.instances.offsetocc import Finder, OffsetOcc
from occlabel.stages.instances.options import Options
from occlabel.stages.instances.samples import MOST_OBJECTS, Crops, Scene, Scenes, alike, census_of, scene
from occlabel.stages.instances.training import check_options, recognised, train_instances
from occlabel.stages.instances.weight_file import load_network, things_of
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.learning.weights import save_weights

TWO_EPOCHS = Options(seed=3, steps=2, epoch=1, batch=2, crop=12.8, queries=12, held_out_frames=2)


def changed(**options: object) -> Options:
    return TWO_EPOCHS.model_copy(update=options)


def test_a_resumed_run_gives_the_weights_of_an_undisturbed_one(
    tmp_path: Path, space: LabelSpace, logs: list[Scenes], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train_instances(space, logs, whole, TWO_EPOCHS, {"command": "a command"})

    def killed_in_the_second_epoch(self: Crops, number: int) -> dict[str, torch.Tensor]:
        if number >= 2:
            raise KeyboardInterrupt
        return original(self, number)

    original = Crops.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(Crops, "__getitem__", killed_in_the_second_epoch)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train_instances(space, logs, parts, TWO_EPOCHS, {"command": "a command"})
    assert not parts.exists()
    with pytest.raises(OcclabelError, match="--resume"):
        train_instances(space, logs, parts, TWO_EPOCHS, {})
    train_instances(space, logs, parts, changed(resume=True), {"command": "a command"})
    assert whole.read_bytes() == parts.read_bytes()
    said = read_facts(whole)
    assert said["command"] == "a command"
    assert json.loads(said["objects"])["car"] > 20 and json.loads(said["objects"])["truck"] == 0
    curves = (tmp_path / "whole.training/curves/version_0/metrics.csv").read_text().splitlines()[0]
    assert "val_rq" in curves


@pytest.mark.slow
def test_training_learns_to_part_cars_that_touch(tmp_path: Path, space: LabelSpace, logs: list[Scenes]) -> None:
    out = tmp_path / "w.safetensors"
    options = changed(steps=250, epoch=250, batch=4)
    train_instances(space, logs, out, options, {})
    finder = Finder(load_network(out, space), space, things_of(space))
    counts = [_recognised(finder, parked(seed, space)()) for seed in range(900, 906)]
    right, found, true = np.sum(counts, axis=0)
    assert 2 * right / (found + true) > 0.4, counts  # connected components find none


def crops_of(scenes: Scenes, lattice: Lattice, *damage: Any) -> Crops:
    return Crops(scenes, alike(census_of(scenes, 8)), lattice, 32, 0, *damage)


def _recognised(finder: Finder, frame: Scene) -> np.ndarray:
    return recognised(finder.find(frame.labels, 20, 0.5).ids * (frame.labels == CAR), frame)


def test_an_error_of_the_centre_does_not_teach_the_shape(
    space: LabelSpace,
) -> None:
    lattice = Lattice(0.4, 6.0, 2.0)
    scenes = Scenes([parked(5, space)], space.grid, 20)
    sample = {name: value[None] for name, value in crops_of(scenes, lattice)[0].items()}
    truth = Truth(sample["classes"], sample["centres"], sample["phase"], sample["filled"])
    network = OffsetOcc(7, 20, 8, lattice)
    objects = network(sample["labels"].long(), sample["low"], sample["high"], 12)
    moved = replace(objects, layers=tuple(replace(f, centres=f.centres + 3.0) for f in objects.layers))
    everywhere: dict[str, Any] = {"draw": lambda n: torch.zeros(n)}
    here, there = (
        losses(network.objects, found, truth, sample["low"], sample["high"], **everywhere) for found in (objects, moved)
    )
    coupled = losses(
        network.objects, moved, truth, sample["low"], sample["high"], decoupled=False, **everywhere
    )  # fmt: skip
    assert there["distance"] > here["distance"]
    assert coupled["offset"] > 2 * there["offset"]


def test_a_crop_holds_the_objects_in_it_however_it_is_turned(space: LabelSpace) -> None:
    lattice = Lattice(0.4, 6.0, 2.0)
    scenes = Scenes([parked(5, space)], space.grid, 20)
    crops = crops_of(scenes, lattice)
    for number in range(8):
        sample = crops[number]
        low = sample["low"].numpy()
        for slot in np.flatnonzero(sample["classes"].numpy() >= 0):
            voxels = lattice.rest[sample["filled"][slot].numpy()] + (sample["centres"] + sample["phase"])[slot].numpy()
            cells = np.floor((voxels - low) / 0.4).astype(int)
            assert (sample["labels"].numpy()[tuple(cells.T)] == CAR).all()
            np.testing.assert_allclose(voxels.mean(axis=0), sample["centres"][slot], atol=1e-4)


def test_damage_is_done_to_the_labels_and_not_to_the_truth(space: LabelSpace) -> None:
    scenes, lattice = Scenes([parked(5, space)], space.grid, 20), Lattice(0.4, 6.0, 2.0)
    damage = Damage(np.arange(256) == CAR, 0, 0.4)
    whole, spared, damaged = (
        crops_of(scenes, lattice, damage, share)[0] if share >= 0 else crops_of(scenes, lattice)[0]
        for share in (-1, 0, 1)
    )
    assert (whole["labels"] == spared["labels"]).all()
    assert (whole["labels"] != damaged["labels"]).any()
    assert all((whole[name] == damaged[name]).all() for name in ("classes", "centres", "filled"))


def test_what_cannot_be_found_is_not_learned(space: LabelSpace) -> None:
    semantics, owners = car_park(5)
    unseen, unlabelled = owners == 1, owners == 2
    labels = np.where(unlabelled, 0, semantics).astype(np.uint8)
    found = scene(labels, semantics, ~unseen, owners, things_of(space))
    assert len(found.classes) == owners.max() - 2
    assert not unseen[tuple(found.voxels.T)].any() and not unlabelled[tuple(found.voxels.T)].any()


def test_more_objects_than_a_crop_has_room_for_are_left_out(space: LabelSpace) -> None:
    semantics, owners = np.zeros((40, 36, 7), np.uint8), np.zeros((40, 36, 7), np.int64)
    semantics[::2, ::2, 2] = 6  # people everywhere
    owners[::2, ::2, 2] = np.arange(1, 361).reshape(20, 18)
    frame = scene(semantics, semantics, np.ones(semantics.shape, bool), owners, things_of(space))
    scenes = Scenes([lambda: frame], space.grid, 20)
    sample = crops_of(scenes, Lattice(0.4, 6.0, 2.0))[0]
    assert int((sample["classes"] >= 0).sum()) == MOST_OBJECTS


def test_bad_input_gets_a_sentence(tmp_path: Path, space: LabelSpace, logs: list[Scenes]) -> None:
    out = tmp_path / "w.safetensors"
    with pytest.raises(BadLog, match="0 frames to learn from"):
        train_instances(space, logs[:1], out, TWO_EPOCHS, {})
    empty = np.zeros(space.grid.shape, np.uint8)
    nothing = scene(empty, empty, empty == 0, empty.astype(np.int64), things_of(space))
    bare = [Scenes([lambda: nothing], space.grid, 20)] * 1 + [Scenes([lambda: nothing], space.grid, 20)]
    with pytest.raises(BadLog, match="no object of a thing class"):
        train_instances(space, bare, out, TWO_EPOCHS, {})
    with pytest.raises(OcclabelError, match="less than 8 voxels"):
        train_instances(space, logs, out, changed(crop=2.0), {})
    with pytest.raises(OcclabelError, match=r"one cell of the encoder.*; give 6\.4 or more, or --batch 2"):
        train_instances(space, logs, out, changed(crop=3.2, batch=1), {})
    train_instances(space, logs, out, changed(steps=1), {})
    finer = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    with pytest.raises(BadWeights, match="made for the grid"):
        load_network(out, finer)
    with pytest.raises(BadWeights, match="made for the grid"):
        check_options(changed(start=out), finer)
    check_options(changed(start=out), space)
    other = tmp_path / "other.safetensors"
    facts = read_facts(out) | {"lattice": json.dumps({"pitch": 0.4, "length": 6.0, "height": 2.6})}
    save_weights(other, load_file(out), facts)
    with pytest.raises(BadWeights, match=r"network of the Lattice\(.*length=6\.0.*the recipe needs Lattice\("):
        check_options(changed(start=other), space)
