"""What a track says of its object: its class, whether there is one, and how each voxel of it moves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from driving_boxes import CAR, GRID, TRUCK, Driver, pose, straight, view
from numpy.typing import NDArray
from pydantic import ValidationError

from occlabel.schemas.arrays import FLOW, INSTANCE, MEASURED, POSES, SEMANTICS, TRACKS
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip, Hands, Inputs
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.tracking.audit import Tracks
from occlabel.stages.tracking.flow import rigid_flow

SPACE = LabelSpace(GRID, TAXONOMIES["occ3d"])
TIMES = [n / 2 for n in range(7)]


def drive(drivers: list[Driver], hit: float = 1.0, turning: float = 0.0) -> Inputs:
    """Driver n has the track n + 1; the sweep hits a share of each object's voxels; the grid turns as it goes."""
    poses = [pose(2 * time, 0.0, turning * time) for time in TIMES]
    volumes = [[view([driver], time, place) for driver in drivers] for time, place in zip(TIMES, poses, strict=True)]
    instance = np.array([sum((n + 1) * (i > 0) for n, (i, _) in enumerate(frame)) for frame in volumes], np.uint16)
    semantics = np.array([np.min([s for _, s in frame], axis=0) for frame in volumes], np.uint8)
    observed = np.where(
        (instance > 0) & (np.random.default_rng(0).random(instance.shape) < hit), np.uint8(1), np.uint8(0)
    )
    arrays: dict[str, NDArray[Any]] = {
        SEMANTICS.name: semantics, INSTANCE.name: instance, MEASURED.name: observed, POSES.name: np.array(poses),
        TRACKS.name: np.full(len(TIMES), len(drivers), np.uint32),
    }  # fmt: skip
    return Inputs(0, tuple(Moment(str(n), time) for n, time in enumerate(TIMES)), arrays)


def audited(stage: Tracks, inputs: Inputs) -> Arrays:
    return stage.setup(SPACE, Rig(), Hands())(Clip("log", 0, len(TIMES)), inputs)


def test_an_object_is_what_most_of_its_voxels_are_in_all_frames() -> None:
    lorry = Driver(straight(2, 4), (8.0, 2.4, 2.4), lambda t: CAR if t in (1.0, 2.5) else TRUCK)
    inputs = drive([lorry])
    found = audited(Tracks(), inputs)
    held = inputs[INSTANCE] > 0
    assert set(np.unique(inputs[SEMANTICS][held])) == {CAR, TRUCK}
    assert set(np.unique(found["semantics"][held])) == {TRUCK}
    np.testing.assert_array_equal(found["semantics"][~held], inputs[SEMANTICS][~held])
    assert SEMANTICS not in Tracks(relabel=False).written


def test_what_nobody_measured_and_what_was_seen_once_is_no_object() -> None:
    once = Driver(straight(8, -4), hidden=lambda t: t != 1.0)
    inputs = drive([Driver(straight(2, 4)), once])
    kept = audited(Tracks(evidence=3), inputs)
    assert set(np.unique(kept["instance"])) == {0, 1}
    np.testing.assert_array_equal(kept["semantics"], inputs[SEMANTICS], "something may be there")
    assert set(np.unique(audited(Tracks(seen=1), inputs)["instance"])) == {0, 1, 2}
    assert not audited(Tracks(evidence=1), drive([Driver(straight(2, 4))], hit=0.0))["instance"].any()
    assert MEASURED not in Tracks().needed and MEASURED in Tracks(present=1).needed


def test_evidence_of_another_frame_is_evidence_unless_it_is_asked_for_in_each() -> None:
    inputs = drive([Driver(straight(2, 4))])
    observed = inputs[MEASURED].copy()
    observed[2:] = 0
    seen_early = Inputs(0, inputs.frames, {**inputs.arrays, MEASURED.name: observed})
    there = audited(Tracks(evidence=3), seen_early)["instance"].any(axis=(1, 2, 3))
    here = audited(Tracks(evidence=3, present=1), seen_early)["instance"].any(axis=(1, 2, 3))
    assert there.all() and here.tolist() == [True] * 2 + [False] * 5


def test_where_frames_have_no_pose_what_was_seen_once_is_an_object_whose_motion_nobody_knows() -> None:
    """The tracker gives what is in such a frame an id that ends with it."""
    inputs = drive([Driver(straight(-10, -2, 8.0)), Driver(straight(8, -4), hidden=lambda t: t != 0.5)])
    instance, poses = inputs[INSTANCE].copy(), inputs[POSES].copy()
    poses[4], instance[4][instance[4] == 1] = np.nan, 3
    arrays = {**inputs.arrays, INSTANCE.name: instance, POSES.name: poses}
    found = audited(Tracks(), Inputs(0, inputs.frames, arrays))
    assert [np.unique(kept).tolist() for kept in found["instance"]] == [[0, 3 if n == 4 else 1] for n in range(7)]
    flow, there = found[FLOW.name], instance[4] > 0
    assert np.isnan(flow[4][there]).all() and (flow[4][~there] == 0).all()
    np.testing.assert_allclose(np.median(flow[3][instance[3] == 1], axis=0), [8, 0, 0], atol=0.6)
    unseen = {**arrays, MEASURED.name: np.zeros_like(inputs[MEASURED])}
    assert not audited(Tracks(evidence=1), Inputs(0, inputs.frames, unseen))["instance"].any(), "evidence is asked for"


@pytest.mark.parametrize(("posed", "seen", "kept"), [(7, 2, False), (7, 1, True), (1, 2, True), (0, 2, True)])
def test_what_could_not_be_seen_twice_need_not_have_been(posed: int, seen: int, kept: bool) -> None:
    inputs = drive([Driver(straight(8, -4), hidden=lambda t: t != 0.0)])
    poses = np.where(np.arange(7)[:, None, None] < posed, inputs[POSES], np.nan)
    found = audited(Tracks(seen=seen), Inputs(0, inputs.frames, {**inputs.arrays, POSES.name: poses}))
    assert found["instance"].any() == kept


def test_more_frames_than_are_looked_at_cannot_be_asked_for() -> None:
    assert Tracks(window=3, seen=7).seen == 7
    with pytest.raises(ValidationError, match="seen=8 frames are more than the 7 that window=3 looks at"):
        Tracks(window=3, seen=8)


@pytest.mark.parametrize("turning", [0.0, 0.1])
def test_flow_is_the_velocity_in_the_world_along_the_axes_of_the_grid(turning: float) -> None:
    inputs = drive([Driver(straight(-10, -2, 8.0)), Driver(straight(4, 4))], turning=turning)
    unknown = inputs[SEMANTICS].copy()
    unknown[:, :2] = UNKNOWN
    flow = audited(Tracks(), Inputs(0, inputs.frames, {**inputs.arrays, SEMANTICS.name: unknown}))[FLOW.name]
    assert flow.dtype == np.float16 and flow.shape == (*inputs[INSTANCE].shape, 3)
    for n, time in enumerate(TIMES):
        here = inputs[INSTANCE][n][2:]
        assert np.isnan(flow[n][:2][inputs[INSTANCE][n][:2] == 0]).all(), "nothing is known there"
        assert (flow[n][2:][here != 1] == 0).all(), "the parked car and the street"
        if (here == 1).any():
            expected = pose(yaw=-turning * time)[:3, :3] @ [8.0, 0.0, 0.0]
            np.testing.assert_allclose(flow[n][2:][here == 1], np.tile(expected, ((here == 1).sum(), 1)), atol=0.6)
    assert FLOW not in Tracks(flow=False).written and FLOW.name not in audited(Tracks(flow=False), inputs)


def test_a_body_that_turns_swings_its_ends() -> None:
    ends = np.array([[2.0, 0.0, 0.0], [-2.0, 0.0, 1.0]])
    flow = rigid_flow(ends, np.array([5.0, 0.0, 0.0]), 0.5, np.eye(4))
    np.testing.assert_allclose(flow, [[5.0, 1.0, 0.0], [5.0, -1.0, 0.0]])
    # Seen from a grid that looks along the world's y axis.
    np.testing.assert_allclose(rigid_flow(ends, np.array([0.0, 5.0, 0.0]), 0.5, pose(yaw=-np.pi / 2)), flow, atol=1e-12)


def test_of_what_was_seen_twice_nobody_knows_whether_it_moves() -> None:
    twice = Driver(straight(8, -4), hidden=lambda t: t not in (1.0, 1.5))
    inputs = drive([Driver(straight(2, 4)), twice])
    flow = audited(Tracks(), inputs)[FLOW.name]
    for n in (2, 3):
        assert np.isnan(flow[n][inputs[INSTANCE][n] == 2]).all()
        assert not np.isnan(flow[n][inputs[INSTANCE][n] == 1]).any()
