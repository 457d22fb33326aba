"""All cameras of a frame together say what is occupied and what is free; what none of them saw nobody knows."""

from __future__ import annotations

import numpy as np
from box_street import Thing, drive, images
from contract import BLIND, SPACES, facts_of, made_up, run, street

from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, HIT, MEASURED, OBSERVED, PASSED, resolved
from occlabel.schemas.rig import Rig
from occlabel.stages.evidence.depth import DepthOfCameras

SPACE = SPACES["occ3d"]


def test_the_mask_is_where_depth_ends_and_free_is_where_it_has_come_through() -> None:
    log, face = drive(2), (Thing("building", (10.1, -3, 0), (12, 3, 4)),)
    found = run(DepthOfCameras(), SPACE, log, images(log, face, SPACE.taxonomy))[OBSERVED.name]
    # The grid begins at -12.8, -12.8, -1.0, in steps of 0.4.
    assert (found[0, 57, 26:38, 4:8] == HIT).all(), "its face"
    assert (found[0, 53:56, 28:36, 2:4] == HIT).any(axis=-1).all(), "the road before it"
    assert (found[0, 45:56, 30:34, 5:6] == PASSED).all()
    assert (found[0, :30] == 0).all() and (found[0, 59:62, 26:38] == 0).all(), "nothing behind the car or the face"
    assert (found[1, 54, 28:36, 4:6] == HIT).all(), "a frame later it is a metre nearer"


def test_a_hit_of_one_camera_wins_over_the_rays_of_another() -> None:
    log, _ = street()
    depth = {spec.name: made_up(spec, SPACE, log) for spec in resolved((DEPTH,), log.rig)}
    front, back = DEPTH.on("front").name, DEPTH.on("back").name
    none = np.full_like(depth[front], np.nan)
    alone = [
        run(DepthOfCameras(), SPACE, log, depth | change)[OBSERVED.name] for change in ({back: none}, {front: none})
    ]
    both = run(DepthOfCameras(), SPACE, log, depth)
    assert ((both[OBSERVED.name] == HIT) == ((alone[0] == HIT) | (alone[1] == HIT))).all()
    assert (both[MEASURED.name] == (both[OBSERVED.name] == HIT)).all()
    depth[front][BLIND], depth[back][BLIND] = np.nan, np.nan
    assert (run(DepthOfCameras(), SPACE, log, depth)[OBSERVED.name][BLIND] == 0).all()


def test_what_may_be_off_by_more_than_a_voxel_hits_none() -> None:
    log, face = drive(1), (Thing("building", (10.1, -3, 0), (12, 3, 4)),)
    seen = images(log, face, SPACE.taxonomy)
    sure, unsure = (
        run(DepthOfCameras(deviation=True), SPACE, log, seen | {DEPTH_DEVIATION.on("front").name: off})[OBSERVED.name]
        for off in (np.full(seen[DEPTH.on("front").name].shape, share, np.float16) for share in (0.01, 0.1))
    )
    assert (sure[0, 57, 26:38, 4:8] == HIT).all()
    assert not (unsure[0, 56:59, 26:38, 4:8] == HIT).any() and (unsure == PASSED).any()


def test_cameras_without_calibration_are_said() -> None:
    facts = facts_of(street()[0])
    lost = tuple(camera.model_copy(update={"intrinsics": False}) for camera in facts.rig.cameras)
    one = facts.model_copy(update={"rig": Rig(cameras=(facts.rig.cameras[0], lost[1]))})
    assert DepthOfCameras().doubts(SPACE, one) == "log log: back without a calibration observe nothing"
    assert "no camera is calibrated" in (DepthOfCameras().refuse(SPACE, Rig(cameras=lost)) or "")
    assert DepthOfCameras(deviation=True).without("depth_deviation") == DepthOfCameras()
