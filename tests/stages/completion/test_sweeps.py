"""Several sweeps put together: each where the frame would have seen it, and nothing where there is none."""

from dataclasses import replace

import contract
import numpy as np
import pytest

from occlabel.schemas.geometry import transform_points
from occlabel.schemas.stage import Clip, Inputs
from occlabel.stages.completion.sweeps import sweeps_around
from occlabel.stages.completion.trained import Trained

GRID = contract.SPACES["semantickitti"].grid


def inputs(stage: Trained) -> Inputs:
    log, sensors = contract.street()
    return contract.inputs_of(stage, log, Clip(log.id, 0, len(log.frames)), {}, sensors)


def test_a_fixed_thing_is_seen_at_one_place() -> None:
    """The car drives 0.9 m a frame: a point that both frames measure in the world lies where the first one has it."""
    log, _ = contract.street()
    post = np.array([[9.0, 2.0, 1.0]])
    scans = {}
    for frame in log.frames:
        assert frame.sweep is not None
        pose = np.eye(4) if frame.world_from_ego is None else frame.world_from_ego
        there = transform_points(np.linalg.inv(pose @ frame.sweep.ego_from_lidar), post)
        scans[str(frame.sweep.path)] = np.column_stack([there, [[0.5]]]).astype(np.float32)
    stage = Trained(sweeps=2)
    seen = contract.inputs_of(stage, log, Clip(log.id, 0, len(log.frames)), {}, contract.ScriptedSensors(scans))
    found = sweeps_around(seen, 1, GRID, 2, 1)
    assert found is not None and len(found.others) == 3, "frames 0, 2 and 3; frame -1 does not exist"
    for other in found.others:
        np.testing.assert_allclose(other.points[0, :3], found.own.points[0, :3], atol=1e-5)
        assert other.points[0, 3] == np.float32(0.5)
    assert found.others[0].sensor[0] == pytest.approx(-0.9), "the frame before is looked at first"


@pytest.mark.parametrize(("reach", "stride", "there"), [(0, 1, 0), (1, 1, 1), (2, 1, 2), (1, 2, 1), (5, 1, 3)])
def test_frames_without_a_scan_or_a_pose_are_passed_over(reach: int, stride: int, there: int) -> None:
    """Around frame 2 of 6, of which 3 is blind and 4 lost: 1, 0 and 5."""
    found = sweeps_around(inputs(Trained(sweeps=reach, stride=stride)), 2, GRID, reach, stride)
    assert found is not None and len(found.others) == there


def test_a_lost_frame_is_seen_alone_and_a_blind_one_not_at_all() -> None:
    seen = inputs(Trained(sweeps=2))
    lost = sweeps_around(seen, contract.LOST, GRID, 2, 1)
    assert lost is not None and not lost.others
    assert sweeps_around(seen, contract.BLIND, GRID, 2, 1) is None


def test_an_onboard_model_reads_no_poses_and_an_offboard_one_around_its_clip() -> None:
    assert Trained().needed == () and Trained().halo == 0
    offboard = Trained(sweeps=3, stride=2)
    assert [spec.name for spec in offboard.needed] == ["poses"] and offboard.halo == 6
    log, sensors = contract.street()
    blind = replace(log, frames=tuple(replace(frame, world_from_ego=None) for frame in log.frames))
    space = contract.SPACES["semantickitti"]
    alone, without = (
        contract.run(stage, space, blind, sensors=sensors)["semantics"] for stage in (Trained(), offboard)
    )
    np.testing.assert_array_equal(alone, without)
