"""Sweeps as witnesses of a vote: what was hit is never free, and what nobody saw is told from what somebody did."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import contract
import numpy as np
import pytest
import torch
from contract import SPACES, log_of

from occlabel.schemas.arrays import HIT, OBSERVED, PASSED, SAW, SUPPORT, VOTED
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.voting.fitting import Tally, fit
from occlabel.stages.voting.gather import Gather
from occlabel.stages.voting.gather_torch import GatherTorch
from occlabel.stages.voting.methods import Ballots, Method, Voters, cell_from_voxel
from occlabel.stages.voting.rolling import Rolling
from occlabel.stages.voting.splat import Splat
from occlabel.stages.voting.stage import Registration

GRID = Grid(origin=(0.0, -3.2, -0.8), voxel_size=0.4, shape=(20, 16, 5), frame="lidar")
"""Its voxels are those of the world, so that voting in a grid of the world rounds nothing."""
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
CAR, ROAD, WALL = 1, 9, 13
FRAMES, NOW = 9, 4


def standing() -> tuple[tuple[Frame, ...], Arrays]:
    """A car that stands; all frames say free, and their sweeps passed through every voxel but the last rows."""
    frames = tuple(Frame(f"{n:06d}", 0.1 * n, np.eye(4)) for n in range(FRAMES))
    shape = (FRAMES, *GRID.shape)
    observed = np.full(shape, PASSED, np.uint8)
    observed[:, 16:] = 0
    return frames, {
        "semantics": np.zeros(shape, np.uint8),
        "confidence": np.full(shape, 200, np.uint8),
        "observed": observed,
    }


def voted(arrays: Arrays, frames: tuple[Frame, ...], **options: object) -> Arrays:
    """The outcome of the frame NOW, [X, Y, Z] each."""
    stage = Registration.model_validate({"radius": 4, "hidden_divisor": 1, **options})
    found = contract.run(stage, SPACE, log_of(frames, "a"), arrays, Clip("a", NOW, NOW + 1))
    return {name: array[0] for name, array in found.items()}


@pytest.mark.parametrize("method", ["gather", "splat", "rolling"])
def test_what_the_own_sweep_hit_is_never_free(method: str) -> None:
    frames, arrays = standing()
    arrays["semantics"][NOW, 5, 5, 1] = WALL
    arrays["semantics"][2, 6, 5, 1] = ROAD
    arrays["observed"][NOW, 5:7, 5, 1] = HIT
    assert voted(arrays, frames, method=method, evidence=False)["semantics"][5, 5, 1] == 0, "the others outvote it"
    found = voted(arrays, frames, method=method)
    assert found["semantics"][5, 5, 1] == WALL
    assert found["semantics"][6, 5, 1] == ROAD, "one other frame knows what it is"
    assert (found["semantics"] != 0).sum() == 2
    assert (found["confidence"][5:7, 5, 1] == 255).all(), "nobody named another class"


def test_how_sure_a_frame_is_of_what_it_hit_is_counted_by_the_margin() -> None:
    frames, arrays = standing()
    arrays["semantics"][:, 5, 5, 1:3] = WALL
    arrays["semantics"][: NOW - 1, 6, 5, 1] = ROAD  # as many again say otherwise, or nothing
    arrays["observed"][NOW, 5:7, 5, 1:3] = HIT
    arrays["observed"][NOW - 1, 5, 6, 1] = HIT  # another frame's
    arrays["confidence"][NOW, 5, 5, 1:3] = 200, 90
    found = voted(arrays, frames)
    hits, sums = found["sureness"]
    assert (hits[-1], sums[-1]) == (3, 200 + 90 + 200), "all agree: of the third, that it is road"
    assert (hits[0], sums[0]) == (1, 200) and hits.sum() == 4, "the fourth is named by what lies around it"
    assert "sureness" not in voted(arrays, frames, evidence=False)
    arrays["semantics"][NOW] = UNKNOWN
    assert not voted(arrays, frames)["sureness"].any(), "a frame without labels is sure of nothing"


def test_a_frame_that_is_less_sure_makes_occupied_labels_doubtful(tmp_path: Path) -> None:
    frames, arrays = standing()
    arrays["semantics"][:, 0:10, :, 1] = WALL
    arrays["observed"][NOW, 0:10, :, 1] = HIT
    tally = Tally.empty(20)
    labels, margin = np.repeat(np.array([0, WALL], np.uint8), 1000), np.full(2000, 255, np.uint8)
    tally.add(labels, margin, np.arange(2000) % 5 > 0)
    tally.sureness[:, -1] = 1000, 200_000
    fit(tally, SPACE.taxonomy, "walls").save(tmp_path / "c.json")
    named = {"calibration": str(tmp_path / "c.json")}
    plain = voted(arrays, frames, **named)
    arrays["confidence"][NOW] = 150
    doubted, left = voted(arrays, frames, **named), voted(arrays, frames, log_shift=False, **named)
    wall = (5, 5, 1)
    assert plain["confidence"][wall] == pytest.approx(0.8 * 255, abs=1) == left["confidence"][wall]
    doubt = 160 / (160 + 500) * 50 / 255  # 160 hits, against 500 that say nothing
    assert doubted["confidence"][wall] == pytest.approx(255 / (1 + np.exp(8 * doubt) / 4), abs=2)
    free = (plain["semantics"] == 0) & (doubted["semantics"] == 0)
    np.testing.assert_array_equal(doubted["confidence"][free], plain["confidence"][free])
    told = [
        {s.name: s.meaning for s in Registration(log_shift=on, **named).written}["confidence"] for on in (True, False)
    ]
    assert told[0].endswith("calibrated to walls, corrected by how sure each frame is")
    assert told[1].endswith("calibrated to walls, not corrected for the log")


def test_what_is_hit_and_was_never_named_is_what_lies_around_it() -> None:
    frames, arrays = standing()
    arrays["semantics"][:, 5:8, 5, 1] = ROAD
    arrays["observed"][NOW, 6, 5, 2] = arrays["observed"][NOW, 12, 12, 3] = HIT
    found = voted(arrays, frames)
    assert found["semantics"][6, 5, 2] == ROAD and found["confidence"][6, 5, 2] == 0
    assert found["semantics"][12, 12, 3] == UNKNOWN and found["observed"][12, 12, 3] == HIT


def test_a_hit_is_not_cleared_by_a_frame_that_is_sure_of_free() -> None:
    frames, arrays = standing()
    arrays["semantics"][:, 5, 5, 1] = CAR
    arrays["semantics"][NOW, 5, 5, 1] = 0
    assert voted(arrays, frames)["semantics"][5, 5, 1] == 0, "the car has left"
    arrays["observed"][NOW, 5, 5, 1] = HIT
    assert voted(arrays, frames)["semantics"][5, 5, 1] == CAR


def test_support_counts_who_saw_and_the_rest_is_marked() -> None:
    frames, arrays = standing()
    arrays["observed"][2:5, 18] = PASSED
    arrays["observed"][1, 18, 3, 2] = HIT
    found = voted(arrays, frames)
    np.testing.assert_array_equal(found["support"][:16], FRAMES)
    assert not found["support"][16:18].any() and not found["observed"][16:18].any()
    assert (found["support"][18, 4:] == 3).all() and found["support"][18, 3, 2] == 4
    assert (found["observed"][18, 4:] == PASSED).all() and found["observed"][18, 3, 2] == HIT
    assert (found["semantics"][16:18] == 0).all(), "completed all the same"
    alone = voted(arrays, frames, observed_only=True)
    assert (alone["semantics"][16:18] == UNKNOWN).all() and not alone["confidence"][16:18].any()
    np.testing.assert_array_equal(alone["semantics"][:16], found["semantics"][:16])


def test_where_something_drove_through_nothing_stands() -> None:
    frames, arrays = standing()
    for n in range(FRAMES):  # a car that drives, and one that is parked
        arrays["semantics"][n, 2 + n, 5, 1] = arrays["semantics"][n, 3, 12, 1] = CAR
        arrays["observed"][n, 2 + n, 5, 1] = arrays["observed"][n, 3, 12, 1] = HIT
    arrays["observed"][NOW, 3, 12, 1] = 0
    found = voted(arrays, frames)
    np.testing.assert_array_equal(found["observed"][2:11, 5, 1] == HIT, np.arange(2, 11) == 2 + NOW)
    assert found["observed"][3, 12, 1] == HIT and found["semantics"][3, 12, 1] == CAR


def test_what_most_of_those_hit_who_saw_it_stands() -> None:
    frames, arrays = standing()
    arrays["observed"][:3, 5:7, 5, 1] = HIT
    arrays["observed"][3:, 5, 5, 1] = 0
    arrays["semantics"][0, 5:7, 5, 1] = WALL
    found = voted(arrays, frames)
    assert found["semantics"][5:7, 5, 1].tolist() == [WALL, 0], "three of three, and three of nine"
    assert (found["observed"][5:7, 5, 1] == HIT).all()


METHODS: dict[str, Callable[[Ballots], Method]] = {
    "splat": Splat,
    "rolling": Rolling,
    "torch": lambda ballots: GatherTorch(ballots, "cuda" if torch.cuda.is_available() else "cpu"),
}


@pytest.mark.parametrize("free_id", [0, 6])
@pytest.mark.parametrize("name", METHODS)
def test_methods_agree_on_what_is_solid(name: str, free_id: int) -> None:
    """A drive by whole voxels, so that all of them look up the same."""
    draw = np.random.default_rng(3)
    shape, poses = (16, 18, 10), [yaw_rotation(0.0) for _ in range(5)]
    for n, pose in enumerate(poses):
        pose[:3, 3] = (2 * n, n % 2, n // 4)
    labels = np.where(draw.random((5, *shape)) < 0.8, free_id, draw.integers(0, 7, (5, *shape))).astype(np.uint8)
    labels[1, :5] = UNKNOWN
    places = np.stack([cell_from_voxel(pose, 0.0, 1.0, 0.0, 1.0) for pose in poses])
    weights = draw.integers(1, 9000, (5, *shape)).astype(np.uint16)
    ballots = Ballots(labels, weights, np.arange(5), 7, free_id, places)
    maps = np.stack([cell_from_voxel(np.linalg.inv(poses[2]) @ pose, 0.0, 1.0, 0.0, 1.0) for pose in poses])
    multipliers = np.full((5, 7), 16, np.int32)
    multipliers[2, 3] = 160
    solid = draw.random(shape) < 0.3
    voters = Voters(np.arange(5), maps, multipliers, 2, solid)
    method: Method = METHODS[name](ballots)
    found, expected = method.vote(voters, shape), Gather(ballots).vote(voters, shape)
    for field in ("winner", "margin", "support"):
        np.testing.assert_array_equal(getattr(found, field), getattr(expected, field))
    assert not (expected.winner[solid] == free_id).any()
    assert (expected.winner[solid] == UNKNOWN).any() and (expected.winner[~solid] == free_id).any()
    plain = Gather(ballots).vote(Voters(np.arange(5), maps, multipliers, 2), shape)
    np.testing.assert_array_equal(expected.winner[~solid], plain.winner[~solid])
    named = solid & (plain.winner != free_id) & (plain.winner != UNKNOWN)
    np.testing.assert_array_equal(expected.winner[named], plain.winner[named])


def test_without_evidence_it_neither_reads_nor_writes_any() -> None:
    heard, deaf = Registration(), Registration(evidence=False)
    assert OBSERVED in heard.needed and OBSERVED not in deaf.needed
    support = [{spec.name: spec for spec in stage.written}[SUPPORT.name].meaning for stage in (heard, deaf)]
    assert support == [SAW, VOTED]
    assert heard.without(OBSERVED.name) == deaf and heard.without("poses") is None
    assert deaf.without(OBSERVED.name) is None
    refusal = Registration(evidence=False, observed_only=True).refuse(SPACES["occ3d"], None)
    assert refusal and "voting.observed_only" in refusal
