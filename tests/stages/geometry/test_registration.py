"""Poses from scans: what is wrong is found again, what is right stays as it is to the bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from contract import ScriptedSensors, inputs_of, run
from hilly_street import drive, posed, without_height
from numpy.typing import NDArray

from occlabel.pipeline.planning.catalogue import facts_of, seen_of
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.schemas.arrays import POSES
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog
from occlabel.schemas.geometry import Matrix, inverse, transform_points
from occlabel.schemas.log_arrays import log_array
from occlabel.schemas.pose_facts import ground_step
from occlabel.schemas.scan_facts import ScanFacts
from occlabel.schemas.stage import Clip, Hands
from occlabel.stages.geometry.registration.stage import PosesFromScans
from occlabel.stages.ingest.recognise import open_logs

SPACE = load_recipe("nuscenes_lidar").space


def seen(log: DriveLog, sensors: ScriptedSensors) -> ScanFacts:
    return seen_of(log, sensors)  # type: ignore[arg-type]


def registered(stage: PosesFromScans, log: DriveLog, sensors: ScriptedSensors) -> NDArray[np.float64]:
    """What the stage makes of the whole log."""
    whole = Clip(log.id, 0, len(log.frames))
    inputs = replace(inputs_of(stage, log, whole, {}, sensors), seen=seen(log, sensors))
    poses = stage.setup(SPACE, log.rig, Hands())(whole, inputs)[POSES.name]
    return poses.astype(np.float64)


def off(poses: NDArray[np.float64], true: DriveLog) -> NDArray[np.float64]:
    """[n, 3]: how far a point 10 m ahead of each frame is off [m] as the frame ten later sees it."""
    right = log_array(POSES, true.frames, true.rig)
    point = [10.0, 0, 0, 1]
    return np.array(
        [
            (inverse(poses[i + 10]) @ poses[i] @ point - inverse(right[i + 10]) @ right[i] @ point)[:3]
            for i in range(len(poses) - 10)
        ]
    )


@pytest.fixture(scope="module")
def street() -> tuple[DriveLog, ScriptedSensors]:
    return drive(30)


def test_height_that_the_log_does_not_know_is_found(street: tuple[DriveLog, ScriptedSensors]) -> None:
    true, sensors = street
    flat = without_height(true)
    fault = seen(flat, sensors).poses.fault
    assert fault is not None and fault.startswith("z is 0.00 m in every frame, and the ground that two frames 1")
    assert np.abs(off(log_array(POSES, flat.frames, flat.rig), true)[:, 2]).max() > 1.0
    for keep in ("course", "nothing"):
        poses = registered(PosesFromScans(keep=keep), flat, sensors)
        assert np.abs(off(poses, true)).max() < 0.12, keep
        np.testing.assert_allclose(poses[0], flat.frames[0].world_from_ego, atol=1e-9)
    kept = registered(PosesFromScans(), flat, sensors)
    assert np.abs(kept[:, :2, 3] - log_array(POSES, true.frames, true.rig)[:, :2, 3]).max() < 0.2


def test_poses_that_run_backwards_are_noticed_and_made_anew(street: tuple[DriveLog, ScriptedSensors]) -> None:
    true, sensors = street
    poses = [frame.world_from_ego for frame in true.frames]
    assert not seen(true, sensors).poses.backwards
    turned = replace(
        true, frames=tuple(replace(f, world_from_ego=p) for f, p in zip(true.frames, poses[::-1], strict=True))
    )
    fault = seen(turned, sensors).poses.fault
    assert fault == "they run backwards: the scans fit them from the last frame to the first"
    assert np.abs(off(log_array(POSES, turned.frames, turned.rig), true)[:, 0]).max() > 10
    for keep in ("course", "nothing"):
        made = registered(PosesFromScans(keep=keep), turned, sensors)
        assert np.abs(off(made, true)).max() < 0.12, keep


def test_poses_that_can_be_right_stay_to_the_bit(street: tuple[DriveLog, ScriptedSensors]) -> None:
    log, sensors = street
    assert seen(log, sensors).poses.fault is None
    stage, whole = PosesFromScans(), Clip(log.id, 0, len(log.frames))
    blind = ScriptedSensors()  # no scan is asked for
    inputs = replace(inputs_of(stage, log, whole, {}, blind), seen=seen(log, sensors))
    poses = stage.setup(SPACE, log.rig, Hands())(whole, inputs)[POSES.name]
    assert poses.tobytes() == log_array(POSES, log.frames, log.rig).tobytes()


def test_good_poses_are_hardly_touched_when_all_are_registered(street: tuple[DriveLog, ScriptedSensors]) -> None:
    log, sensors = street
    assert np.abs(off(registered(PosesFromScans(where="always"), log, sensors), log)).max() < 0.12


def test_a_leap_is_found_and_bridged(street: tuple[DriveLog, ScriptedSensors]) -> None:
    true, sensors = street
    poses = [np.array(frame.world_from_ego) for frame in true.frames]
    for pose in poses[17:]:
        pose[:2, 3] += -3.0, 4.0
    torn = posed(true, poses)
    facts = seen(torn, sensors).poses
    assert (facts.fault, facts.leaps_at) == ("they leap by 5.0 m at frame 000017", "000017")
    assert np.abs(off(registered(PosesFromScans(), torn, sensors), true)).max() < 0.12


@pytest.mark.parametrize(("metres", "rate"), [(1.2, 10.0), (5.0, 2.0)])
def test_a_log_without_poses_gets_them(metres: float, rate: float) -> None:
    true, sensors = drive(20, metres, rate)
    lost = posed(true, [None] * 20)
    assert not seen(lost, sensors).poses.known
    poses = registered(PosesFromScans(), lost, sensors)
    np.testing.assert_array_equal(poses[0], np.eye(4))
    assert np.abs(off(poses, true)).max() < 0.25


def test_frames_without_a_pose_or_a_scan_are_bridged(street: tuple[DriveLog, ScriptedSensors]) -> None:
    true, sensors = street
    flat = without_height(true)
    poses = [None if index in (9, 10) else frame.world_from_ego for index, frame in enumerate(flat.frames)]
    holes = posed(flat, poses)
    blind = ScriptedSensors(
        {name: points for name, points in sensors.scans.items() if name not in ("000014", "000009")}
    )
    found = registered(PosesFromScans(), holes, blind)
    assert np.flatnonzero(np.isnan(found).any(axis=(1, 2))).tolist() == [9], "neither a pose nor a scan"
    away = np.abs(off(found, true))
    assert np.nanmax(np.delete(away, [4, 9, 14], axis=0)) < 0.15
    assert np.nanmax(away) < 0.4, "it moves on as the log says"


def test_a_log_in_which_nothing_can_be_found_is_refused(street: tuple[DriveLog, ScriptedSensors]) -> None:
    log, sensors = street
    few = ScriptedSensors({name: points[:60] for name, points in sensors.scans.items()})
    with pytest.raises(
        BadLog, match=r"log log has no poses, and none can be made: no scan up to frame 000029 has enough"
    ):
        registered(PosesFromScans(), posed(log, [None] * len(log.frames)), few)
    same = registered(PosesFromScans(where="always"), log, few)
    np.testing.assert_allclose(same, log_array(POSES, log.frames, log.rig), atol=1e-9)


def test_what_is_done_is_part_of_the_fingerprint(street: tuple[DriveLog, ScriptedSensors]) -> None:
    log, sensors = street
    logs = [log, without_height(log), posed(log, [None] * len(log.frames))]
    stage = PosesFromScans()
    facts = [facts_of(log, "content", seen(log, sensors)) for log in logs]
    assert len({stage.fingerprint_extra(SPACE, known) for known in facts}) == 3
    assert [stage.doubts(SPACE, known) is None for known in facts] == [True, False, False]


def test_poses_of_a_log_that_are_rigid_to_a_thousandth_do_not_end_the_process(
    street: tuple[DriveLog, ScriptedSensors],
) -> None:
    log, sensors = street
    short: list[Matrix | None] = [
        np.asarray(np.round(np.array(frame.world_from_ego), 4), np.float64) for frame in log.frames[:3]
    ]
    poses = run(
        PosesFromScans(where="always"), SPACE, posed(replace(log, frames=log.frames[:3]), short), None, None, sensors
    )
    assert np.isfinite(poses[POSES.name]).all()


def test_the_ground_of_a_real_hill_meets_itself_after_registration(shared) -> None:  # type: ignore[no-untyped-def]
    root = shared / "data/nuscenes_hill"
    if not root.is_dir():
        pytest.skip(f"no {root}")
    reader = open_logs(root)
    (log,) = reader.logs()
    facts = seen_of(log, reader)
    assert facts.poses.level == 0 and facts.poses.step is not None and facts.poses.step > 0.5
    stage, whole = PosesFromScans(), Clip(log.id, 0, len(log.frames))
    inputs = replace(inputs_of(stage, log, whole, {}, reader), seen=facts)  # type: ignore[arg-type]
    poses = stage.setup(SPACE, log.rig, Hands())(whole, inputs)[POSES.name].astype(np.float64)
    scans = [
        transform_points(frame.sweep.ego_from_lidar, reader.points(frame.sweep))
        for frame in log.frames
        if frame.sweep is not None
    ]
    steps = [ground_step(scans[i], scans[i + 5], poses[i], poses[i + 5]) for i in range(len(scans) - 5)]
    assert max(step for step in steps if step is not None) < 0.06
    assert 1.5 < abs(poses[-1, 2, 3]) < 2.5, "the street rises by 5% over 41 m"
