"""Training on tiny logs: reproducible, resumable, and its file says what it is for."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.completion import training
from occlabel.stages.completion.fitting import calibrate
from occlabel.stages.completion.labelled import Labelled, split_by_log
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import Options
from occlabel.stages.completion.samples import Crops, Draft, WholeFrames
from occlabel.stages.completion.training import train_completion
from occlabel.stages.completion.weight_file import load_network
from occlabel.stages.learning.fitting import Sample, best_biases, scores_of
from occlabel.stages.learning.rarity import Rarity, Sought, alike, any_voxel, rarity
from occlabel.stages.learning.weight_header import read_facts

TWO_EPOCHS = Options(seed=3, steps=2, epoch=1, batch=2, crop=6.4, voxels=64 * 128, held_out_frames=2)
EVEN = rarity(np.ones(20), 0)


def crops_of(learned: Labelled, crop: float, columns: int, *, thinning: int, rarity: Rarity, seed: int) -> Crops:
    holds = np.zeros((len(learned), 256), bool)
    for number, pupil in enumerate(learned.pupils):
        holds[number, np.unique(learned.truth(number))] = not pupil.believed
    return Crops(learned, Draft(crop, columns, 2, thinning, Sought(rarity, holds, (0, 255)), seed))


def changed(**options: object) -> Options:
    return TWO_EPOCHS.model_copy(update=options)


def tensors(path: Path, space: LabelSpace) -> dict[str, torch.Tensor]:
    return load_network(path, space)[0].state_dict()


@pytest.mark.slow
def test_a_resumed_run_gives_the_weights_of_an_undisturbed_one(
    tmp_path: Path, space: LabelSpace, street_logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    train_completion(space, street_logs, whole, TWO_EPOCHS, "command")

    def killed_in_the_second_epoch(self: Crops, number: int) -> dict[str, torch.Tensor]:
        if number >= 2:
            raise KeyboardInterrupt
        return original(self, number)

    original = Crops.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(Crops, "__getitem__", killed_in_the_second_epoch)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train_completion(space, street_logs, parts, TWO_EPOCHS, "command")
    assert not parts.exists()
    with pytest.raises(OcclabelError, match="--resume"):
        train_completion(space, street_logs, parts, TWO_EPOCHS, "command")
    train_completion(space, street_logs, parts, changed(resume=True), "command")
    assert whole.read_bytes() == parts.read_bytes()
    train_completion(space, street_logs, parts, changed(resume=True), "command")
    assert whole.read_bytes() == parts.read_bytes(), "a finished run is only written out again"

    facts = read_facts(whole)
    assert facts["seed"] == "3"
    assert facts["logs"].startswith("3 logs, digest ")
    assert json.loads(facts["classes"])[9] == "road"
    curves = (tmp_path / "whole.training/curves/version_0/metrics.csv").read_text()
    assert "val_miou" in curves.splitlines()[0]

    occ3d = LabelSpace(GRIDS["occ3d"], space.taxonomy)
    with pytest.raises(BadWeights, match="was made for the grid"):
        load_network(whole, occ3d)
    fields = space.taxonomy.model_dump()
    shorter = Taxonomy.model_validate(
        fields | {"classes": fields["classes"][:-1], "learning_map": {}, "inverse_map": {}}
    )
    with pytest.raises(BadWeights, match="was made for the classes"):
        load_network(whole, LabelSpace(space.grid, shorter))


def test_training_learns_a_street(tmp_path: Path, space: LabelSpace, street_logs: Any) -> None:
    out = tmp_path / "w.safetensors"
    options = changed(steps=40, epoch=20, rate=5e-3)
    train_completion(space, street_logs, out, options, "command")
    network, temperature = load_network(out, space)
    _, held_out, _ = split_by_log(street_logs, space, 10)
    sample = WholeFrames(held_out, 1, 0)[0]
    with torch.inference_mode():
        predicted = network(sample["volume"][None])[0].argmax(-1).numpy()
    truth = sample["truth"].numpy()
    scored = truth != 255
    occupied = scored & (truth > 0)
    assert 0.25 <= temperature <= 4
    assert (predicted == truth)[occupied].mean() > 0.5
    assert (predicted == truth)[scored].mean() > 0.9


def test_samples_depend_on_seed_and_number_alone(space: LabelSpace, street_logs: Any) -> None:
    learned, held_out, logs = split_by_log(street_logs, space, 10)
    assert (len(learned), len(held_out), len(logs)) == (6, 3, 3)
    crops = crops_of(learned, 6.4, 64, thinning=4, rarity=EVEN, seed=1)
    for number in (0, 5, 6, 17):
        first, again = crops[number], crops_of(learned, 6.4, 64, thinning=4, rarity=EVEN, seed=1)[number]
        assert all(torch.equal(first[name], again[name]) for name in first)
    other = crops_of(learned, 6.4, 64, thinning=4, rarity=EVEN, seed=2)
    assert not torch.equal(crops[0]["volume"], other[0]["volume"])


def test_truth_moves_with_the_points(space: LabelSpace, street_logs: Any) -> None:
    """Whatever the augmentation, most voxels with points are occupied in the truth of the same sample."""
    learned, _, _ = split_by_log(street_logs, space, 10)
    crops = crops_of(learned, 12.8, 1024, thinning=1, rarity=EVEN, seed=0)
    agreements = []
    for number in range(12):
        sample = crops[number]
        volume = sample["volume"][:32].reshape(32, 32, 2, 32, 2)
        hits = volume.permute(1, 3, 2, 4, 0).reshape(1024, -1)[sample["cells"]] > 0
        target = sample["target"]
        scored = hits & (target != 255)
        agreements.append(float((target[scored] > 0).float().mean()))
        assert not set(np.unique(target)) - {0, 9, 13, 255}
    assert np.mean(agreements) > 0.8


def test_thinning_takes_free_voxels_alone(space: LabelSpace, street_logs: Any) -> None:
    learned, _, _ = split_by_log(street_logs, space, 10)
    every, thinned = (
        crops_of(learned, 12.8, 1024, thinning=n, rarity=EVEN, seed=0)[0]["target"].numpy() for n in (1, 4)
    )
    np.testing.assert_array_equal(every[every > 0], thinned[every > 0])
    assert (thinned[every == 0] == 0).mean() == pytest.approx(0.25, abs=0.02)


def test_rare_classes_are_looked_for(space: LabelSpace, street_logs: Any) -> None:
    """With the wall (13) taken for rare, more of the samples hold it and less of what they learn is road (9)."""
    learned, _, _ = split_by_log(street_logs, space, 10)
    counts = np.ones(20)
    counts[9] = 256
    shares = []
    for looked_for in (EVEN, rarity(counts, 0)):
        crops = crops_of(learned, 6.4, 48, thinning=1, rarity=looked_for, seed=0)
        found = np.concatenate([crops[number]["target"].numpy().ravel() for number in range(12)])
        shares.append((found == 13).sum() / np.isin(found, (9, 13)).sum())
    assert shares[1] > 1.3 * shares[0]


def test_nothing_rare_is_looked_for_where_nobody_checked_the_labels(space: LabelSpace, street_logs: Any) -> None:
    learned, _, _ = split_by_log(street_logs, space, 10)
    counts = np.ones(20)
    counts[9] = 256
    believed = replace(learned, pupils=tuple(replace(pupil, believed=True) for pupil in learned.pupils))
    asked = (crops_of(believed, 6.4, 48, thinning=1, rarity=r, seed=0) for r in (EVEN, rarity(counts, 0)))
    for one, other in zip(*(([crops[n] for n in range(6)]) for crops in asked), strict=True):
        assert one["believed"] and all(torch.equal(one[name], other[name]) for name in one)
    some = replace(learned, pupils=(*learned.pupils[:3], *believed.pupils[3:]))
    crops = crops_of(some, 6.4, 48, thinning=1, rarity=EVEN, seed=0)
    shares = np.mean([bool(crops[number]["believed"]) for number in range(60)])
    assert 0.4 < shares < 0.6, "half of the frames, whatever is looked for in the others"


def test_rarity_is_bounded_and_never_of_free_or_unknown() -> None:
    found = rarity(np.array([9e9, 400.0, 100.0, 1.0, 0.0]), 0)
    np.testing.assert_allclose(found[:5], [0.5, 1, 2, 16, 16])
    assert found[255] == 0


def test_frames_that_hold_what_few_do_come_up_more_often() -> None:
    """Class 2 is as rare as class 1 and in one frame of 16, so it is looked for a quarter as often, in that frame; free
    (0), what is unknown, and what no frame holds never are."""
    census = np.zeros((16, 256))
    census[:, [0, 1, 255]] = 1e6, 100, 1e6
    census[5, 2] = 1600
    sought, draw = Sought.of(census, 4, 0), np.random.default_rng(0)
    drawn = [sought.drawn(draw) for _ in range(2000)]
    frames = {class_id: [frame for frame, found in drawn if found == class_id] for class_id in (1, 2)}
    assert len(frames[1]) + len(frames[2]) == 2000
    assert len(frames[2]) / len(frames[1]) == pytest.approx(0.25, abs=0.03)
    assert set(frames[2]) == {5}
    assert set(frames[1]) == set(range(16))


def test_nothing_is_sought_where_all_is_free_or_unknown() -> None:
    census = np.zeros((2, 256))
    census[:, [0, 255]] = 100
    assert Sought.of(census, 4, 0).drawn(np.random.default_rng(0)) is None
    assert alike(free_id=0)[[0, 1, 3, 255]].tolist() == [0.5, 1, 1, 0]


def test_a_voxel_of_a_class_is_any_of_them() -> None:
    truth = np.zeros((4, 3, 2), np.uint8)
    truth[1, 2, 0] = truth[3, 0, 1] = 7
    draw = np.random.default_rng(0)
    assert {tuple(any_voxel(truth, 7, draw)) for _ in range(50)} == {(1, 2, 0), (3, 0, 1)}
    assert any_voxel(truth, 8, draw) is None


def test_scores_of_a_known_confusion() -> None:
    confusion = torch.tensor([[50, 0, 0], [10, 30, 0], [0, 0, 0]])
    iou, miou = scores_of(confusion, 0)
    assert iou == pytest.approx(30 / 40)
    assert miou == pytest.approx(30 / 40), "a class that the truth does not hold does not count"


@pytest.mark.parametrize("skew", [1.5, 5.0])
def test_biases_undo_what_favours_a_class_and_leave_the_rest_alone(skew: float) -> None:
    draw = torch.Generator().manual_seed(0)
    targets = torch.randint(0, 3, (4000,), generator=draw)
    fair = torch.randn(4000, 3, generator=draw) + 3 * torch.nn.functional.one_hot(targets, 3)
    skewed = fair - torch.tensor([0.0, skew, 0.0])
    biases = best_biases(Sample(skewed, targets, torch.ones(3)), 0)
    assert biases[1] - biases[[0, 2]].mean() == pytest.approx(skew, abs=0.6)
    right = ((skewed + biases).argmax(1) == targets).float().mean()
    assert right > (skewed.argmax(1) == targets).float().mean() + 0.03
    sure = 8 * torch.nn.functional.one_hot(targets, 3).float()
    assert not best_biases(Sample(sure, targets, torch.ones(3)), 0).any()


def test_biases_weigh_voxels_by_what_they_stand_for() -> None:
    """Where one voxel of class 1 in ten is in the sample, naming it more often costs its neighbours ten times less."""
    draw = torch.Generator().manual_seed(0)
    targets = torch.randint(1, 3, (8000,), generator=draw)
    scores = torch.randn(8000, 3, generator=draw) + 1.0 * torch.nn.functional.one_hot(targets, 3)
    even, rare = (best_biases(Sample(scores, targets, torch.tensor([1, w, 1])), 0) for w in (1, 10))
    assert rare[1] - rare[2] > even[1] - even[2] + 0.5


@pytest.mark.slow
def test_weights_end_half_way_where_that_is_asked(tmp_path: Path, space: LabelSpace, street_logs: Any) -> None:
    begun, learned, between = (tmp_path / f"{name}.safetensors" for name in ("begun", "learned", "between"))
    train_completion(space, street_logs, begun, TWO_EPOCHS, "command")
    for out, halfway in ((learned, False), (between, True)):
        train_completion(space, street_logs, out, changed(start=begun, halfway=halfway, rate=1e-2), "command")
    first, last, middle = (tensors(path, space)["stem.0.weight"] for path in (begun, learned, between))
    assert (last - first).abs().mean() > 1e-3
    torch.testing.assert_close(middle, (first + last) / 2, atol=1e-3, rtol=1e-2)


def test_biases_that_were_fitted_are_not_fitted_again_to_few_frames(
    tmp_path: Path, space: LabelSpace, street_logs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def seen(network: LMSCNet, frames: WholeFrames, biased: bool) -> float:
        asked.append(biased)
        return calibrate(network, frames, biased)

    monkeypatch.setattr(training, "calibrate", seen)
    begun, on = tmp_path / "begun.safetensors", tmp_path / "on.safetensors"
    train_completion(space, street_logs, begun, TWO_EPOCHS, "command")
    train_completion(space, street_logs, on, changed(start=begun, rate=1e-6), "command")
    assert asked == [True, False], "three frames are held out"
    torch.testing.assert_close(
        tensors(on, space)["classify.bias"], tensors(begun, space)["classify.bias"], rtol=1e-4, atol=1e-4
    )
    monkeypatch.setattr(training, "_ENOUGH", 3)
    train_completion(space, street_logs, tmp_path / "more.safetensors", changed(start=begun), "command")
    assert asked[2]


def test_from_nothing_no_weights_end_half_way() -> None:
    with pytest.raises(ValidationError, match="give --start"):
        Options(halfway=True)
    assert not Options().halfway
    assert Options(truth="none", start=Path("shipped")).halfway


def test_truth_that_scores_nothing_teaches_nothing(tmp_path: Path, space: LabelSpace, street_logs: Any) -> None:
    with pytest.raises(BadLog, match="nothing is to be learned of 6 frames"):
        train_completion(space, replace(street_logs, scored=False), tmp_path / "w.safetensors", TWO_EPOCHS, "command")


def test_too_few_logs(tmp_path: Path, space: LabelSpace, street_logs: Any) -> None:
    with pytest.raises(BadLog, match="at least two"):
        split_by_log(replace(street_logs, count=1), space, 10)
    with pytest.raises(BadLog, match="the recipe's grid is"):
        train_completion(
            LabelSpace(GRIDS["semantickitti"], space.taxonomy),
            street_logs, tmp_path / "w.safetensors", TWO_EPOCHS, "command",
        )  # fmt: skip
