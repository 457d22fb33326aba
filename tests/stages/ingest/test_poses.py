"""Poses that no car can drive cost those frames, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.schemas.geometry import yaw_rotation
from occlabel.stages.ingest.poses import usable_poses

NAMES = [f"{n:06d}" for n in range(10)]
TIMES = np.arange(10) / 10


def drive(step: float = 2.0) -> np.ndarray:
    """Poses [10, 4, 4] of a car that turns a little."""
    poses = np.stack([yaw_rotation(0.05 * n) for n in range(10)])
    poses[:, 0, 3] = 4e6 + step * np.arange(10)
    return poses


def used(poses: np.ndarray, times: np.ndarray = TIMES) -> tuple[str, list[str]]:
    found, sentences = usable_poses(poses, NAMES, times, "a.txt")
    for pose, before in zip(found, poses, strict=True):
        assert pose is None or (pose == before).all()
    return "".join("." if pose is None else "P" for pose in found), sentences


def test_a_drive_stays_as_it_is() -> None:
    for poses in (drive(), drive(0.0), drive(9.0)):
        assert used(poses) == ("P" * 10, [])
    # The same at 2 Hz with a pause in the middle.
    times = np.where(np.arange(10) > 4, 50.0, 0.0) + np.arange(10) / 2
    poses = drive(15.0)
    poses[5:, 0, 3] += 700
    assert used(poses, times) == ("P" * 10, [])


def test_one_that_is_off_costs_its_frame() -> None:
    poses = drive()
    poses[4, 1, 3] += 500
    assert used(poses) == (
        "PPPP.PPPPP",
        [
            "a.txt: from frame 000003 to 000004 the poses move by 500 m and 3 degrees in 0.1 s, which no car does; 1 "
            "of 10 frames is used without a pose: 000004"
        ],
    )
    for first_or_last in (0, 9):
        poses = drive()
        poses[first_or_last, 1, 3] += 500
        assert used(poses)[0].count("P") == 9


@pytest.mark.parametrize(("at", "expected"), [(3, "...PPPPPPP"), (7, "PPPPPPP..."), (5, "PPPPP.....")])
def test_a_leap_that_lasts_costs_the_shorter_side(at: int, expected: str) -> None:
    poses = drive()
    poses[at:, 1, 3] += 500
    found, (sentence,) = used(poses)
    assert found == expected
    assert f"from frame {NAMES[at - 1]} to {NAMES[at]} the poses move by 500 m" in sentence


def test_a_leap_there_and_back_costs_what_lies_between() -> None:
    poses = drive()
    poses[3:6, 1, 3] += 500
    assert used(poses)[0] == "PPP...PPPP"


def test_a_car_does_not_turn_round_in_a_tenth_of_a_second() -> None:
    poses = drive()
    poses[6, :3, :3] = poses[6, :3, :3] @ np.diag([-1.0, -1, 1])
    found, (sentence,) = used(poses)
    assert found == "PPPPPP.PPP"
    assert "177 degrees" in sentence or "183 degrees" in sentence


def test_what_is_no_pose_is_named_once() -> None:
    poses = drive()
    poses[1, 0, 0] = np.nan
    poses[2, :3, :3] *= 2
    poses[5, 0, 3] = 1e300
    found, (sentence,) = used(poses)
    assert found == "P..PP.PPPP"
    assert sentence == (
        "a.txt: the pose of frame 000001-000002, 000005 is missing, NaN or not rigid (its axes have the lengths "
        "2, 2, 2, not 1); 3 of 10 frames are used without a pose"
    )
    poses[2, :3, :3] *= -0.5
    assert "not rigid (it mirrors: its axes are left-handed)" in used(poses)[1][0]
    assert usable_poses(poses, NAMES, TIMES, "a.txt", {1, 2, 5})[1] == []


@pytest.mark.parametrize("step", [1.0, 2.0])
def test_two_rows_that_were_exchanged_cost_two_frames(step: float) -> None:
    poses = drive(step)
    poses[[2, 3]] = poses[[3, 2]]
    which, said = used(poses)
    assert len(said) == 1 and "go back and forth at frame" in said[0]
    assert which != used(drive(step))[0]
    assert used(drive(0.02))[1] == []
