"""Learning from few labels, or from none: what is held out, what counts, and what is not forgotten."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from tiny_streets import BUILDING, FENCE, GRID, SPACE, TinyStreets

from occlabel.schemas.drive_log import Truth
from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.labelled import Labelled, Pupil, split_few
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import SHIPPED, Options
from occlabel.stages.completion.point_teacher import PointTeacher
from occlabel.stages.completion.remembered import Remembered
from occlabel.stages.completion.samples import Crops, Draft, WholeFrames
from occlabel.stages.completion.statistics import re_estimate
from occlabel.stages.completion.teacher import Ask, Lesson, SilentTeacher
from occlabel.stages.completion.training import start_of, train_completion, write_weights
from occlabel.stages.completion.weight_file import load_network
from occlabel.stages.learning.rarity import Sought, rarity
from occlabel.stages.learning.weight_header import read_facts

LABELLED = Truth(points=Path("labels"))
FEW = Options(truth="points", steps=2, epoch=1, batch=1, crop=12.8, sweeps=1, voxels=16 * 1024, held_out_frames=1)


def points_of(street: TinyStreets) -> PointTeacher:
    return PointTeacher(street, SPACE)


def network() -> LMSCNet:
    torch.manual_seed(0)
    return LMSCNet(GRID, len(SPACE.taxonomy.classes), SPACE.taxonomy.free_id)


@pytest.mark.parametrize(
    ("logs", "frames", "held_out"), [(1, 10, 2), (1, 2, 1), (3, 10, 6), (3, 1, 1), (2, 3, 1), (6, 4, 4)]
)
def test_of_few_logs_the_last_frames_are_held_out(logs: int, frames: int, held_out: int) -> None:
    street = TinyStreets(logs, frames, truth=LABELLED)
    split = split_few(street, SPACE, 10, points_of(street))
    assert (len(split.learned), len(split.held_out)) == (logs * frames - held_out, held_out)
    names = [
        {(str(p.frame.sweep.path)) for p in part.pupils if p.frame.sweep} for part in (split.learned, split.held_out)
    ]
    assert not names[0] & names[1]
    assert bool(split.remark) == (logs < 5)
    if frames == 10:
        assert {name.split("-")[1] for name in names[1]} == {"8", "9"}


def test_too_few_labels_are_said() -> None:
    for street, said in (
        (TinyStreets(2), "has no frames with"),
        (TinyStreets(1, 1, truth=LABELLED), "has 1 frame with"),
    ):
        with pytest.raises(BadLog, match=f"{said} LiDAR and labelled points.*--truth none"):
            split_few(street, SPACE, 10, points_of(street))


def test_labels_of_points_outside_of_the_grid_teach_nothing(tmp_path: Path) -> None:
    far = LabelSpace(GRID.model_copy(update={"origin": (100.0, -6.4, -2.0)}), SPACE.taxonomy)
    with pytest.raises(BadLog, match="nothing is to be learned of 3 frames"):
        train_completion(far, TinyStreets(1, 4, truth=LABELLED), tmp_path / "w.safetensors", FEW, "command")


def test_what_is_typed_together_makes_sense() -> None:
    assert (Options().steps, Options().epoch, Options().rate) == (6000, 500, 3e-3)
    points = Options(truth="points", start=SHIPPED)
    assert (points.steps, points.epoch, points.rate, points.halfway) == (50, 50, 5e-4, True)
    alone = Options(truth="points")
    assert (alone.steps, alone.epoch, alone.rate, alone.halfway) == (6000, 500, 3e-3, False), "nothing is known yet"
    for steps in (7, 60):
        few = Options(truth="points", start=SHIPPED, steps=steps)
        assert (few.steps, few.epoch) == (steps, min(steps, 50))
    for truth in ("voxels", "points"):
        with pytest.raises(ValidationError, match="that begin from nothing cannot end half-way; give --start"):
            Options(truth=truth, halfway=True)
    with pytest.raises(ValidationError, match="can be one cell of the network"):
        Options(crop=3.2, batch=1)
    assert Options(crop=3.2).crop == Options(crop=6.4, batch=1).crop / 2
    for wrong in ({"steps": 0}, {"truth": "none"}):
        with pytest.raises(ValidationError):
            Options(**wrong)
    assert Options(truth="none", start=SHIPPED, steps=0).whole_steps == 0
    with pytest.raises(BadWeights, match="--start shipped: no completion weights"):
        start_of(Options(start=SHIPPED), SPACE)


def test_trust_enters_samples_and_columns_nobody_trusts_do_not() -> None:
    street = TinyStreets(1, 2)
    (log,) = street.logs()
    plain = Labelled.of_logs(street, [log], SPACE)
    half = np.zeros(GRID.shape, np.uint8)
    half[:16] = 51

    def of(pupil: Pupil) -> Ask:
        return lambda: Lesson(pupil.ask().semantics, half)

    draft = Draft(12.8, 256, 0, 1, Sought(rarity(np.ones(20), 0), np.zeros((4, 256), bool)), 0)
    assert "trust" not in Crops(plain, draft)[0]
    mixed = plain + plain.taught(of)
    found = [Crops(mixed, draft)[number]["trust"] for number in range(4)]
    values = [set(np.unique(trust[trust > 0].double()).round(3).tolist()) for trust in found]
    assert sorted(map(tuple, values)) == [(0.2,), (0.2,), (1.0,), (1.0,)]


def test_what_labels_are_silent_of_is_remembered() -> None:
    street = TinyStreets(1, 2, truth=LABELLED)
    (log,) = street.logs()
    learned = Labelled.of_logs(street, [log], SPACE, points_of(street))
    said = np.full(GRID.shape, FENCE, np.uint8), np.full(GRID.shape, 200, np.uint8)
    asked: list[int] = []

    def predict(frames: object) -> list[tuple[np.ndarray, np.ndarray]]:
        asked.append(1)
        return [said]

    reminded = learned.taught(Remembered(predict, learned, 1).ask)
    plain, lesson = learned.lesson(0).semantics, reminded.lesson(0)
    assert lesson.trust is not None
    np.testing.assert_array_equal(lesson.semantics, np.where(plain == UNKNOWN, FENCE, plain))
    np.testing.assert_array_equal(lesson.trust, np.where(plain == UNKNOWN, 50, 255))
    reminded.lesson(0)
    assert len(asked) == 1, "a frame is looked at once"


def test_statistics_become_those_of_the_logs_and_weights_stay() -> None:
    net = network().eval()
    street = TinyStreets(2, 4)
    seen = Labelled.of_logs(street, list(street.logs()), SPACE, SilentTeacher(SPACE))
    volumes = [WholeFrames(seen, 8, 0)[n]["volume"] for n in range(8)]
    with torch.no_grad():
        net.stem[1].get_buffer("running_mean").fill_(7.0)
        first = torch.stack([net.stem[0](v[None])[0].mean(dim=(1, 2)) for v in volumes]).mean(dim=0)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert re_estimate(net, volumes) == 8
    torch.testing.assert_close(
        net.stem[1].get_buffer("running_mean"), 7 * 64 / 72 + first * 8 / 72, rtol=1e-4, atol=1e-4
    )
    weights = {name for name, value in before.items() if not torch.equal(value, net.state_dict()[name])}
    assert weights and all("running" in name or "num_batches" in name for name in weights)
    assert not net.training


def test_points_move_a_network_and_the_file_says_so(tmp_path: Path) -> None:
    """Walls that the start calls buildings are fences to who labelled: after a few steps more so than before."""
    start, out = tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    net = network()
    with torch.no_grad():
        net.classify.bias[BUILDING] = 3.0
    write_weights(net, 1.7, start, SPACE, {})
    street = TinyStreets(1, 5, truth=LABELLED, wall=FENCE)
    options = FEW.model_copy(update={"start": start, "halfway": True, "steps": 30, "epoch": 30, "rate": 1e-2})
    facts = train_completion(SPACE, street, out, options, "command")
    assert facts == read_facts(out)
    assert facts["truth"] == "points" and facts["start"].startswith("start.safetensors, digest ")
    assert facts["held_out"] == "the last frames of the log, 1 of 5"
    assert float(facts["temperature"]) >= 1.7
    first, last = (load_network(path, SPACE)[0].state_dict() for path in (start, out))
    assert all(torch.equal(first[name], last[name]) for name in first if "running" in name)
    frames = WholeFrames(Labelled.of_logs(street, list(street.logs()), SPACE, points_of(street)), 1, 0)
    walls, margins = torch.from_numpy(frames.truth(0)) == FENCE, []
    for path in (start, out):
        with torch.inference_mode():
            scores = load_network(path, SPACE)[0](frames[0]["volume"][None])[0][walls]
        margins.append(float((scores[:, FENCE] - scores[:, BUILDING]).mean()))
    assert margins[0] < -2 and margins[1] > margins[0] + 0.5


def test_frames_without_labels_are_seen_around_those_with(tmp_path: Path) -> None:
    street = TinyStreets(1, 3, truth=LABELLED)
    (log,) = street.logs()
    one = replace(log, frames=(log.frames[0], *(replace(f, truth=Truth()) for f in log.frames[1:])))
    learned = Labelled.of_logs(street, [one], SPACE, points_of(street))
    assert len(learned) == 1 and learned.there(0) == 2
