"""The stage on a small log: clips, frames without labels or poses, and what it says where nobody voted."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import contract
import numpy as np
import pytest
from contract import log_of
from pydantic import ValidationError

from occlabel.schemas.drive_log import Camera, Frame, Sweep
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.voting.stage import Registration

GRID = Grid(origin=(0.0, -3.2, -1.0), voxel_size=0.4, shape=(20, 16, 5), frame="lidar")
SPACE = LabelSpace(GRID, TAXONOMIES["semantickitti"])
FRAMES = 32
OPEN = {"kind": "registration", "radius": 10, "hidden_divisor": 1, "evidence": False}
"""Nothing counts less for being behind something: in these scenes all sides of things are seen."""
PLAIN = {"kind": "registration", "sensor": "uniform", "movable_boost": 1, "hidden_divisor": 1, "evidence": False}


def log(step: float = 0.55) -> tuple[tuple[Frame, ...], Arrays]:
    """A drive past random boxes of classes 1 to 19; a tenth of the voxels is wrong in each frame."""
    generator = np.random.default_rng(11)
    world = np.where(generator.random((80, 16, 5)) < 0.3, generator.integers(1, 20, (80, 16, 5)), 0).astype(np.uint8)
    frames, volumes = [], []
    for index in range(FRAMES):
        pose = np.eye(4)
        pose[0, 3] = step * index
        frames.append(Frame(f"{index:06d}", 0.1 * index, pose, (), Sweep(Path(), np.eye(4), 0.1 * index)))
        first = int(np.floor(step * index / 0.4 + 0.5))
        noise = generator.random(GRID.shape) < 0.1
        volumes.append(
            np.where(noise, generator.integers(0, 20, GRID.shape), world[first : first + 20]).astype(np.uint8)
        )
    semantics = np.stack(volumes)
    return tuple(frames), {"semantics": semantics, "confidence": np.full_like(semantics, 100)}


def run(stage: Registration, clip: Clip, frames: tuple[Frame, ...], arrays: Arrays) -> Arrays:
    return contract.run(stage, SPACE, log_of(frames, clip.log), arrays, clip)


@pytest.mark.parametrize("method", ["gather", "splat", "rolling"])
def test_clip_borders_change_nothing(method: str) -> None:
    frames, arrays = log()
    options = {"sensor": "lidar", "radius": 3, "stride": 2, "min_overlap": 0.2, "method": method}
    stage = Registration(**{**PLAIN, **options})
    whole = run(stage, Clip("a", 0, FRAMES), frames, arrays)
    halves = [run(stage, Clip("a", start, start + 16), frames, arrays) for start in (0, 16)]
    for name, array in whole.items():
        np.testing.assert_array_equal(array, np.concatenate([half[name] for half in halves]))
    assert whole["support"].max() == 7


def test_neighbours_correct_noise() -> None:
    frames, arrays = log(step=0.4)
    clean = {**arrays}
    result = run(Registration(**PLAIN, radius=5), Clip("a", 10, 20), frames, arrays)
    reference = run(Registration(**PLAIN, radius=25), Clip("a", 10, 20), frames, clean)["semantics"]
    before = (arrays["semantics"][10:20] == reference).mean()
    assert (result["semantics"] == reference).mean() > 0.99 > 0.92 > before


def crossing() -> tuple[tuple[Frame, ...], Arrays]:
    """A standing car watches road on which another, of 3 x 3 x 2 voxels, drives a voxel a frame along y."""
    frames, _ = log(step=0.0)
    semantics = np.zeros((FRAMES, *GRID.shape), np.uint8)
    semantics[:, :, :, 0] = 9
    for index in range(FRAMES):
        semantics[index, 8:11, max(index // 2 - 3, 0) : index // 2, 1:3] = 1
    return frames, {"semantics": semantics, "confidence": np.full_like(semantics, 230)}


@pytest.mark.parametrize("method", ["splat", "gather"])
def test_what_moves_stays_where_it_is_and_leaves_no_trail(method: str) -> None:
    frames, arrays = crossing()
    stage = Registration(**OPEN, method=method)
    result = run(stage, Clip("a", 10, 20), frames, arrays)
    np.testing.assert_array_equal(result["semantics"], arrays["semantics"][10:20])
    plain = run(stage.model_copy(update={"movable_boost": 1}), Clip("a", 10, 20), frames, arrays)
    assert not np.array_equal(plain["semantics"], arrays["semantics"][10:20]), "the scene would prove nothing"


@pytest.mark.parametrize("method", ["splat", "gather"])
@pytest.mark.parametrize(("boost", "kept"), [(1, False), (5, False), (7, True)])
def test_a_frame_outvotes_as_many_others_as_its_own_votes_are_worth(method: str, boost: int, kept: bool) -> None:
    """One of seven frames sees a wall and lacks a piece of road, and the six others see it the other way round."""
    frames, arrays = log(step=0.0)
    arrays["semantics"][:] = 0
    arrays["semantics"][:, :, :, 0] = 9
    arrays["semantics"][14, 8:11, 5:8, 1:3] = 13
    arrays["semantics"][14, 2:4, 2:4, 0] = 0
    stage = Registration(**{**PLAIN, "radius": 3, "method": method, "own_boost": boost})
    mine, other = (run(stage, Clip("a", row, row + 1), frames, arrays)["semantics"] for row in (14, 12))
    assert np.array_equal(mine, arrays["semantics"][14:15]) == kept
    assert np.array_equal(mine, arrays["semantics"][12:13]) != kept
    np.testing.assert_array_equal(other, arrays["semantics"][12:13], "elsewhere its votes are worth no more")


def test_a_movable_thing_of_which_a_frame_is_not_sure_is_voted_away() -> None:
    frames, arrays = crossing()
    arrays["semantics"][14, 2:5, 2:5, 1:3] = 6
    arrays["confidence"][14, 2:5, 2:5, 1:3] = 150
    result = run(Registration(**OPEN), Clip("a", 14, 15), frames, arrays)
    assert not (result["semantics"] == 6).any()
    arrays["confidence"][14, 2:5, 2:5, 1:3] = 160
    sure = run(Registration(**OPEN), Clip("a", 14, 15), frames, arrays)
    assert (sure["semantics"] == 6).sum() == 18


def test_the_place_that_a_car_has_left_is_road_again() -> None:
    """Something stands there in all frames but a few, so the votes alone would keep it."""
    frames, arrays = log(step=0.0)
    arrays["semantics"][:] = 0
    arrays["semantics"][:, :, :, 0] = 9
    there = np.r_[0:20, 24:FRAMES]
    arrays["semantics"][there, 8:11, 5:8, 0:2] = 1
    arrays["confidence"][:] = 200
    stage, clip = Registration(**OPEN), Clip("a", 22, 23)
    kept = run(stage.model_copy(update={"cleared_confidence": None}), clip, frames, arrays)
    assert (kept["semantics"] == 1).sum() == 18
    cleared = run(stage, clip, frames, arrays)
    np.testing.assert_array_equal(cleared["semantics"], arrays["semantics"][22:23])
    arrays["confidence"][22] = 100  # not sure: the votes decide
    assert (run(stage, clip, frames, arrays)["semantics"] == 1).sum() == 18


def test_empty_votes_have_a_weight_of_their_own() -> None:
    frames, arrays = log(step=0.0)
    arrays["semantics"][:] = 0
    arrays["semantics"][:12, 5, 5, 2] = 15  # seen in 12 of 32 frames
    for weight, expected in ((1.0, 0), (0.5, 15)):
        stage = Registration(**PLAIN, radius=40, empty_weight=weight)
        assert run(stage, Clip("a", 16, 17), frames, arrays)["semantics"][0, 5, 5, 2] == expected


@pytest.mark.parametrize(
    ("options", "largest"),
    [
        ({}, 195),
        ({"empty_weight": 12.0}, 16),
        ({"sensor": "uniform", "movable_boost": 1, "empty_weight": 12.0}, 26),
        ({"own_boost": 255}, 83),
    ],
)
def test_a_radius_whose_votes_could_overflow_is_refused_before_anything_runs(
    options: dict[str, Any], largest: int
) -> None:
    """As tightly as the votes themselves are: frames as sure as can be, one after the other in one place, and the LiDAR
    in the centre of a voxel."""
    space = LabelSpace(GRID.model_copy(update={"origin": (-0.2, -0.6, -0.2), "shape": (3, 3, 2)}), SPACE.taxonomy)
    pose = np.eye(4)
    frames = [Frame(f"{i:06d}", 0.1 * i, pose, (), Sweep(Path(), pose, 0.1 * i)) for i in range(2 * largest + 3)]
    semantics = np.zeros((len(frames), *space.grid.shape), np.uint8)
    arrays = {"semantics": semantics, "confidence": np.full_like(semantics, 255)}
    clip = Clip("a", largest + 1, largest + 2)
    fits, over = (Registration(**options, evidence=False, radius=radius) for radius in (largest, largest + 1))
    assert fits.refuse(space, None) is None
    assert (contract.run(fits, space, log_of(frames, "a"), arrays, clip)["support"] == 2 * largest + 1).all()
    assert (over.refuse(space, None) or "").endswith(f"voting.radius can be {largest} at most")
    tall = LabelSpace(space.grid.model_copy(update={"shape": (4, 4, 257)}), space.taxonomy)
    assert "a grid of 257 heights cannot be voted on by the method gather" in (fits.refuse(tall, None) or "")
    assert fits.model_copy(update={"method": "splat"}).refuse(tall, None) is None
    with pytest.raises(BadRecipe, match="could overflow"):
        contract.run(over, space, log_of(frames, "a"), arrays, clip)


def test_an_empty_weight_that_would_be_none_is_refused() -> None:
    with pytest.raises(ValidationError, match="empty_weight"):
        Registration(empty_weight=0.03)


def test_a_frame_without_labels_is_filled_by_its_neighbours() -> None:
    frames, arrays = log()
    arrays["semantics"][12] = UNKNOWN
    result = run(Registration(**PLAIN, radius=3), Clip("a", 12, 13), frames, arrays)
    assert (result["semantics"] != UNKNOWN).mean() > 0.95
    assert result["support"].max() <= 6


def test_a_frame_without_a_pose_keeps_its_own_labels_and_votes_on_no_other() -> None:
    frames, arrays = log()
    lost = (*frames[:12], replace(frames[12], world_from_ego=None), *frames[13:])
    arrays["semantics"][12, 0, 0, 0] = UNKNOWN
    stage = Registration(**PLAIN, radius=3)
    result = run(stage, Clip("a", 12, 13), lost, arrays)
    np.testing.assert_array_equal(result["semantics"][0], arrays["semantics"][12])
    known = arrays["semantics"][12] != UNKNOWN
    np.testing.assert_array_equal(result["support"][0], known)
    np.testing.assert_array_equal(result["confidence"][0], np.where(known, 255, 0))

    blank = {**arrays, "semantics": arrays["semantics"].copy()}
    blank["semantics"][12] = UNKNOWN
    np.testing.assert_array_equal(
        run(stage, Clip("a", 13, 14), lost, arrays)["semantics"],
        run(stage, Clip("a", 13, 14), lost, blank)["semantics"],
    )


def test_a_frame_whose_image_is_missing_says_less_and_stops_no_clip() -> None:
    """It votes on itself and its neighbours as what no image shows: those that have one are believed."""
    frames, arrays = log(step=0.0)
    ahead = np.array([[0.0, 0, 1, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    camera = Camera("CAM_FRONT", Path(), np.array([[50.0, 0, 50], [0, 50, 50], [0, 0, 1]]), ahead, 0.0, (100, 100))
    filmed = tuple(frame if frame is frames[12] else replace(frame, cameras=(camera,)) for frame in frames)
    arrays["semantics"][:] = 9
    arrays["semantics"][12] = 15
    result = run(Registration(**{**PLAIN, "sensor": "camera"}, radius=1), Clip("a", 8, 16), filmed, arrays)
    seen = result["semantics"][:, 10, 8, 3]  # 4 m ahead, in the middle of the images
    assert (seen == 9).all()
    assert (result["semantics"][4, 0, 0] == 9).all(), "nor elsewhere: two votes of 1 beat one"


def test_unknown_where_nobody_voted() -> None:
    frames, arrays = log()
    arrays["semantics"][:] = UNKNOWN
    result = run(Registration(**PLAIN, radius=3), Clip("a", 4, 6), frames, arrays)
    assert (result["semantics"] == UNKNOWN).all()
    assert not result["support"].any()
    assert not result["confidence"].any()


def test_a_pose_that_is_not_rigid_is_named() -> None:
    frames, arrays = log()
    bent = (*frames[:5], replace(frames[5], world_from_ego=np.diag([2.0, 1, 1, 1])), *frames[6:])
    with pytest.raises(BadLog, match="frame 000005: pose is not a rigid transform"):
        run(Registration(**PLAIN, radius=3), Clip("a", 4, 6), bent, arrays)
