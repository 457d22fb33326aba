"""Training on a small street: it learns to correct, can be resumed, and its file says what it is for."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from occlabel.schemas.errors import BadLog, BadWeights, OcclabelError
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.stages.learning.rarity import Sought, rarity
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.propagation.options import Options
from occlabel.stages.propagation.refine import Refiner
from occlabel.stages.propagation.samples import Crops, Labelled, _flipped, views
from occlabel.stages.propagation.training import check_options, train_propagation
from occlabel.stages.propagation.weight_file import load_network
from occlabel.stages.propagation.windows import Reach

REACH = Reach(distance=2.0)
TWO_EPOCHS = Options(
    seed=3, steps=2, epoch=1, batch=2, crop=32, patches=40, held_out_windows=1, calibration_windows=2, distance=2.0
)


def changed(**options: object) -> Options:
    return TWO_EPOCHS.model_copy(update=options)


def street(frames: int, seed: int) -> np.ndarray:
    """What is true in frames [frame, X, Y, Z] that lie two voxels apart: road, and walls of changing height."""
    draw = np.random.default_rng(seed)
    world = np.zeros((40 + 2 * frames, 32, 8), np.uint8)
    world[:, :, 1] = 9
    for start in range(0, len(world), 8):
        for side in (3, 28):
            world[start : start + 8, side : side + 2, 1 : draw.integers(2, 8)] = 13
    return np.stack([world[2 * n : 2 * n + 40] for n in range(frames)])


def labelled(frames: int, seed: int) -> Labelled:
    """An onboard model that takes a quarter of what is occupied for something else or free, in each frame anew."""
    truth, draw = street(frames, seed), np.random.default_rng(seed + 100)
    wrong = (truth > 0) & (draw.random(truth.shape) < 0.25)
    labels = np.where(wrong, draw.choice([0, 0, 15, 17], truth.shape), truth).astype(np.uint8)
    confidence = np.full(truth.shape, 200, np.uint8)
    poses = [np.eye(4) for _ in range(frames)]
    for n, pose in enumerate(poses):
        pose[0, 3] = 0.8 * n
    times = [0.1 * n for n in range(frames)]
    return Labelled(poses, times, lambda row: (labels[row], confidence[row]), lambda row: truth[row])


@pytest.fixture(scope="module")
def logs() -> list[Labelled]:
    return [labelled(16, seed) for seed in range(3)]


@pytest.mark.slow
def test_a_resumed_run_gives_the_weights_of_an_undisturbed_one(
    tmp_path: Path, space: LabelSpace, logs: list[Labelled], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, parts = tmp_path / "whole.safetensors", tmp_path / "parts.safetensors"
    facts = {"onboard": "a model", "command": "a command"}
    train_propagation(space, logs, whole, TWO_EPOCHS, facts)

    def killed_in_the_second_epoch(self: Crops, number: int) -> dict[str, torch.Tensor]:
        if number >= 2:
            raise KeyboardInterrupt
        return original(self, number)

    original = Crops.__getitem__
    with monkeypatch.context() as patch:
        patch.setattr(Crops, "__getitem__", killed_in_the_second_epoch)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            train_propagation(space, logs, parts, TWO_EPOCHS, facts)
    assert not parts.exists()
    with pytest.raises(OcclabelError, match="--resume"):
        train_propagation(space, logs, parts, TWO_EPOCHS, facts)
    train_propagation(space, logs, parts, changed(resume=True), facts)
    assert whole.read_bytes() == parts.read_bytes()
    said = read_facts(whole)
    assert said["onboard"] == "a model"
    assert json.loads(said["reach"])["distance"] == 2.0
    assert "onboard_miou" in (tmp_path / "whole.training/curves/version_0/metrics.csv").read_text().splitlines()[0]


@pytest.mark.slow
def test_training_learns_to_correct(tmp_path: Path, space: LabelSpace, logs: list[Labelled]) -> None:
    out = tmp_path / "w.safetensors"
    options = changed(steps=30, epoch=15, rate=1e-2, patches=200)
    train_propagation(space, logs, out, options, {})
    network, _ = load_network(out, space)
    apart = views([labelled(16, 77)], space.grid, 20, REACH)
    glimpse = apart.glimpse(1)
    frame = glimpse.pivot
    refiner = Refiner(network, "cpu")
    refined, confidence = refiner.refine(glimpse, frame, refiner.look(glimpse, frame))
    truth = apart.truth(1, frame)
    seen = truth != 255
    before, after = ((labels[seen] != truth[seen]).sum() for labels in (glimpse.labels[frame], refined))
    assert after < before / 2
    named = seen & (refined > 0)  # most free voxels are not in question, and keep the onboard confidence
    right, wrong = named & (refined == truth), named & (refined != truth)
    assert confidence[right].mean() > confidence[wrong].mean() + 10


def test_a_crop_is_what_the_frames_hold(space: LabelSpace, logs: list[Labelled]) -> None:
    seen = views(logs, space.grid, 20, REACH)
    sought = Sought(rarity(np.ones(20), 0), np.ones((len(seen.windows), 256), bool), (0, 255))
    crops = Crops(seen, 32, 30, 0, 4, sought, seed=1)
    for number in range(6):
        sample = crops[number]
        assert sample["labels"].shape == (6, 32, 32, 8)
        assert sample["around"].shape == (4, 30, 4, 4, 8, 6)
        for frame in range(4):
            cells = sample["cells"][frame]
            x, y = cells // 16 * 2, cells % 16 * 2
            inner = sample["around"][frame, :, 1:3, 1:3, :, 0]
            for dx in (0, 1):
                for dy in (0, 1):
                    torch.testing.assert_close(inner[:, dx, dy].byte(), sample["labels"][frame, x + dx, y + dy])
        known = sample["target"] != 255
        right = (sample["around"][:, :, 1:3, 1:3, :, 0] == sample["target"])[known].float().mean()
        assert right > 0.6, "the onboard model is right more often than not, after any flip"
        others = sample["around"][:, :, 1:3, 1:3, :, 1][known]
        agree = (others == sample["target"][known])[others != 20].float().mean()
        assert agree > 0.6, "and so are the other frames at the same place"


def test_a_flipped_scene_is_the_same_scene(space: LabelSpace, logs: list[Labelled]) -> None:
    glimpse = views(logs, space.grid, 20, REACH).glimpse(0)
    turned = _flipped(glimpse, [0, 1])
    corners = np.array([[10, 12]])
    size = glimpse.grid.shape
    mirrored = np.array([[size[0] - 10 - 2, size[1] - 12 - 2]])
    here, _ = glimpse.around(1, corners, (2, 2))
    there, _ = turned.around(1, mirrored, (2, 2))
    np.testing.assert_array_equal(here, there[:, ::-1, ::-1])


def test_logs_that_hold_no_window_are_refused(tmp_path: Path, space: LabelSpace) -> None:
    short = [labelled(3, seed) for seed in range(2)]
    with pytest.raises(BadLog, match=r"1 log to learn from and 1 held out have 0 and 0 windows.* needs 6 frames"):
        train_propagation(space, short, tmp_path / "w.safetensors", TWO_EPOCHS, {})
    with pytest.raises(BadLog, match="1 log to learn from and 2 held out have 0 and"):
        train_propagation(space, short[:1], tmp_path / "w.safetensors", TWO_EPOCHS, {}, [labelled(16, 5), short[1]])


def test_one_log_is_learned_from_where_others_are_held_out(
    tmp_path: Path, space: LabelSpace, logs: list[Labelled]
) -> None:
    out = tmp_path / "w.safetensors"
    train_propagation(space, logs[:1], out, changed(steps=1), {}, logs[1:2])
    assert out.is_file()


def test_a_crop_that_is_one_cell_is_refused(tmp_path: Path, space: LabelSpace, logs: list[Labelled]) -> None:
    """One value of a channel has no spread."""
    least = changed(crop=16, batch=1, local=1, references=0, steps=1)
    with pytest.raises(OcclabelError, match="a crop of 16 columns of one frame is one cell"):
        check_options(least, space)
    two = least.model_copy(update={"local": 2})
    check_options(two, space)
    train_propagation(space, logs[:2], tmp_path / "w.safetensors", two, {})


def test_grids_that_do_not_halve_four_times_are_padded(tmp_path: Path, logs: list[Labelled], space: LabelSpace) -> None:
    assert isinstance(space.grid, Grid)
    assert space.grid.shape[0] % 16 != 0
    glimpse = views(logs, space.grid, 20, REACH).glimpse(0)
    assert glimpse.grid.shape == (48, 32, 8)
    assert (glimpse.labels[:, 40:] == 255).all()


@pytest.mark.slow
def test_a_training_goes_on_from_other_weights(tmp_path: Path, space: LabelSpace, logs: list[Labelled]) -> None:
    first = train_propagation(space, logs, tmp_path / "a.safetensors", TWO_EPOCHS, {})
    assert "start" not in first
    start = tmp_path / "a.safetensors"
    gentle = changed(start=start, rate=1e-9)
    facts = train_propagation(space, logs, tmp_path / "b.safetensors", gentle, {})
    assert facts["start"].startswith("a.safetensors, digest ")
    (before, _), (after, _) = (load_network(tmp_path / f"{name}.safetensors", space) for name in "ab")
    for old, new in zip(before.encode.parameters(), after.encode.parameters(), strict=True):
        torch.testing.assert_close(old, new, rtol=0, atol=1e-3)


def test_a_start_with_other_parts_is_refused(tmp_path: Path, space: LabelSpace, logs: list[Labelled]) -> None:
    start = tmp_path / "a.safetensors"
    train_propagation(space, logs, start, TWO_EPOCHS, {})
    with pytest.raises(BadWeights, match="the training asks for"):
        check_options(changed(start=start, temporal=True), space)
    check_options(changed(start=start, unlabelled=True), space)


@pytest.mark.slow
def test_weights_end_half_way_where_that_is_asked(tmp_path: Path, space: LabelSpace, logs: list[Labelled]) -> None:
    start, learned, between = (tmp_path / f"{name}.safetensors" for name in ("start", "learned", "between"))
    train_propagation(space, logs, start, TWO_EPOCHS, {})
    for out, halfway in ((learned, False), (between, True)):
        train_propagation(space, logs, out, changed(start=start, seed=4, rate=1e-2, halfway=halfway), {})
    first, last, middle = (load_network(path, space)[0].state_dict() for path in (start, learned, between))
    name = max(first, key=lambda name: (last[name] - first[name]).float().abs().mean() if first[name].ndim > 1 else 0.0)
    assert (last[name] - first[name]).abs().mean() > 1e-3
    torch.testing.assert_close(middle[name], (first[name] + last[name]) / 2, atol=1e-3, rtol=1e-2)


def test_from_nothing_no_weights_end_half_way() -> None:
    with pytest.raises(ValueError, match="give --start"):
        Options(halfway=True)
