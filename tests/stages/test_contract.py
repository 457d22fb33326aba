"""Every kind of stage that a recipe can name passes the same contract, and so do stages that occlabel does not have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stage_files as given
from box_street import STREET, drive, photographs, sweeps
from contract import BLIND, FRAMES, LOST, SPACES, ScriptedSensors, check_contract, log_of, run, street, without_poses
from stereo_car import before_a_wall
from toy_stages import BrightIsNear, BrightnessOdometer, Careless

from occlabel.pipeline.planning.kinds import KINDS, stage_class
from occlabel.schemas.arrays import DEPTH, MARGIN, POSES, PROBABILITY, SUPPORT
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Stage
from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.voting.stage import Registration


def coarser(name: str) -> LabelSpace:
    """A space that nothing has been trained for."""
    space = SPACES[name]
    return LabelSpace(space.grid.model_copy(update={"voxel_size": 0.5}), space.taxonomy)


def stuff() -> LabelSpace:
    """A space without things."""
    classes = (LabelClass(id=0, name="free", colour=(0, 0, 0)), LabelClass(id=1, name="road", colour=(9, 9, 9)))
    return LabelSpace(SPACES["occ3d"].grid, Taxonomy(name="bare", free_id=0, classes=classes))


@dataclass(frozen=True)
class Case:
    """A kind with some options, in a space that it serves; a space that it must refuse, if there is any; and the log
    that it is run on."""

    space: str
    options: dict[str, Any]
    refuses: Callable[[], LabelSpace] | None = None
    files: given.Files = lambda folder: {}
    log: Callable[[], tuple[DriveLog, ScriptedSensors]] = street


def between_walls() -> tuple[DriveLog, ScriptedSensors]:
    """Of which nobody has said yet what is far."""
    log = drive(FRAMES)
    return log, sweeps(log, STREET)


def photographed() -> tuple[DriveLog, ScriptedSensors]:
    log = drive(FRAMES)
    return log, photographs(log, STREET)


def photographed_for_colmap() -> tuple[DriveLog, ScriptedSensors]:
    pytest.importorskip("pycolmap", reason="the extra colmap is not installed")
    return photographed()


CASES: dict[str, list[Case]] = {
    "priors.grounded_sam": [Case("semantickitti", {}, files=given.detector_and_segmenter)],
    "priors.depth_anything": [
        Case("occ3d", {"side": 70}, files=given.depth_anything("metric")),
        Case("semantickitti", {"side": 56, "estimates": "relative"}, files=given.depth_anything("relative")),
    ],
    "priors.depth_anything_3": [Case("occ3d", {"side": 70}, files=given.depth_anything_3)],
    "priors.prompt_depth_anything": [Case("occ3d", {"side": 70}, files=given.prompted)],
    "priors.moge2": [
        Case("occ3d", {}, files=given.moge2),
        Case("semantickitti", {"field_of_view": "guessed", "level": 0}, files=given.moge2),
    ],
    "priors.lidar": [Case("semantickitti", {}), Case("occ3d", {"sweeps": 2, "gap": 0})],
    "priors.lidar_alignment": [Case("occ3d", {"steadied": 2}, log=between_walls)],
    "priors.motion_alignment": [Case("occ3d", {"steadied": 1}, log=photographed)],
    "priors.ground_alignment": [Case("semantickitti", {"of": "relative_depth"}, log=between_walls)],
    "priors.residual_alignment": [Case("occ3d", {}, files=given.residual)],
    "priors.stereo": [Case("occ3d", {}, log=before_a_wall)],
    "priors.glance_depth": [Case("occ3d", {}, files=given.glance)],
    "priors.glance_segments": [Case("semantickitti", {}, stuff, given.glance), Case("occ3d", {}, stuff, given.glance)],
    "priors.stored_depth": [
        Case("occ3d", {}, files=given.depths("png")),
        Case("semantickitti", {}, files=given.depths("npy")),
    ],
    "priors.panoptic": [Case("semantickitti", {"threshold": 0.1}, files=given.segmenter("mask2former"))],
    "priors.semantic": [Case("occ3d", {}, files=given.segmenter("segformer"))],
    "priors.stored_segments": [Case("occ3d", {}, files=given.pixels_named)],
    "evidence.rays": [Case("semantickitti", {}), Case("occ3d", {})],
    "evidence.depth": [Case("semantickitti", {}), Case("occ3d", {"deviation": True})],
    "completion.lmscnet": [
        Case("semantickitti", {}, lambda: coarser("semantickitti")),
        Case("occ3d", {"mirror": False}, lambda: coarser("occ3d")),
        Case("occ3d", {"paint": True, "sweeps": 1, "mirror": False}, files=given.painted),
    ],
    "completion.accumulated": [
        Case("semantickitti", {"radius": 2}, lambda: coarser("semantickitti")),
        Case("occ3d", {"radius": 1, "stride": 2}, files=given.points_named),
    ],
    "completion.depth_lifting": [
        Case("semantickitti", {"radius": 1, "stride": 1}),
        Case("occ3d", {"radius": 2, "stride": 2, "deviation": True}),
    ],
    "completion.drocc": [Case("occ3d", {}, lambda: coarser("occ3d"), given.drocc)],
    "completion.vipocc": [
        Case("occ3d", {}, files=given.vipocc),
        Case("semantickitti", {"segments": False, "unnamed": "building"}, lambda: SPACES["occ3d"], files=given.vipocc),
    ],
    "completion.occany": [
        Case("occ3d", {"radius": 1, "stride": 1, "deviation": True}, files=given.occany("occ3d")),
        Case("semantickitti", {"radius": 0}, lambda: SPACES["occ3d"], given.occany("semantickitti", forced=False)),
    ],
    "completion.stored": [Case("semantickitti", {"confidence": 0.5}, files=given.predicted)],
    "completion.torch_export": [Case("semantickitti", {}, files=given.exported)],
    "completion.onnx": [Case("semantickitti", {}, files=given.onnx)],
    "completion.entry_point": [Case("semantickitti", {}, files=given.installed)],
    "geometry.registration": [
        Case("occ3d", {"where": "always"}),
        Case("semantickitti", {"where": "always", "keep": "nothing"}),
        Case("occ3d", {}),
    ],
    "geometry.odometry": [Case("occ3d", {"camera_height": 1.6}, log=photographed)],
    "geometry.colmap": [Case("occ3d", {"camera_height": 1.6}, log=photographed_for_colmap)],
    "geometry.depth_anything_3": [
        Case("occ3d", {"camera_height": 1.6, "side": 70}, files=given.network_of_views(True), log=given.filmed),
    ],
    "geometry.occany": [Case("occ3d", {"side": 70}, files=given.network_of_views(False), log=given.filmed)],
    "geometry.stored": [
        Case("occ3d", {"deviation": 0.1}, files=given.trajectory),
        Case("semantickitti", {"of": "front", "scale": 2.0}, files=given.trajectory),
        Case("occ3d", {"camera_height": 1.6}, files=given.model_of_images, log=given.filmed),
    ],
    "propagation.dualflow4d": [
        Case("semantickitti", {"distance": 1.0}, lambda: coarser("semantickitti")),
        Case("occ3d", {"distance": 1.0, "radius": 2, "local": 3}, lambda: coarser("occ3d")),
    ],
    "voting.registration": [
        Case("occ3d", {"radius": 2}),
        Case("occ3d", {"radius": 2, "evidence": False}),
        Case("occ3d", {"radius": 2, "sensor": "camera", "method": "splat"}),
        Case("semantickitti", {"radius": 2, "sensor": "uniform", "method": "rolling"}),
        Case(
            "semantickitti", {"radius": 2, "calibration": "semantickitti_lidar"}, lambda: SPACES["occ3d"]
        ),
    ],
    "ground.intensity": [Case("semantickitti", {"radius": 2}), Case("occ3d", {"radius": 0})],
    "ground.segments": [Case("semantickitti", {"radius": 2}), Case("occ3d", {"radius": 0})],
    "review.corrections": [Case("occ3d", {}, stuff, given.corrected), Case("semantickitti", {}, files=given.corrected)],
    "instances.components": [Case("occ3d", {}, stuff)],
    "instances.offsetocc": [
        Case("occ3d", {"score": 0.1}, stuff),
        Case("semantickitti", {"unclaimed": "empty"}, lambda: coarser("semantickitti")),
    ],
    "tracking.association": [Case("occ3d", {"remembered": 1})],
    "audit.tracks": [
        Case("occ3d", {"window": 2}),
        Case("occ3d", {"window": 1, "evidence": 1, "present": 1, "relabel": False, "flow": False}),
    ],
}  # fmt: skip
"""By slot and kind. A kind without a case fails."""

EVERY = [
    pytest.param(kind, case, id=f"{kind}-{number}")
    for kind in (f"{slot}.{kind}" for slot, kinds in KINDS.items() for kind in kinds)
    for number, case in enumerate(CASES.get(kind, [None]))
]


@pytest.mark.parametrize(("kind", "case"), EVERY)
def test_contract(kind: str, case: Case | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert case is not None, f"the kind {kind} has no case in CASES: it must show that it holds the contract"
    monkeypatch.syspath_prepend(tmp_path)
    found = stage_class(*kind.split("."))
    stage = found.model_validate({**case.options, **case.files(tmp_path)})
    assert (stage.slot, stage.kind) == tuple(kind.split("."))
    check_contract(stage, SPACES[case.space], *case.log())
    if case.refuses is not None:
        assert stage.refuse(case.refuses(), None), "it serves a space that it cannot serve"


@pytest.mark.parametrize("space", sorted(SPACES))
def test_a_camera_prior_writes_an_array_for_each_camera(space: str) -> None:
    stage = BrightIsNear()
    depth = check_contract(stage, SPACES[space])
    assert {name: array.shape for name, array in depth.items()} == {
        "depth/front": (FRAMES, 12, 20),
        "depth/back": (FRAMES, 12, 20),
    }
    front = depth[DEPTH.on("front").name]
    assert np.isnan(front[BLIND]).all() and np.isfinite(np.delete(front, BLIND, axis=0)).all()
    assert (np.diff(np.delete(front, BLIND, axis=0), axis=0) < 0).all(), "brighter by the frame"
    blind = Rig(cameras=(RigCamera(name="front", size=(80, 46), intrinsics=False),))
    assert "front" in (stage.refuse(SPACES[space], blind) or "")


def test_poses_may_come_from_a_stage_where_the_log_has_none() -> None:
    space, (log, sensors) = SPACES["occ3d"], street()
    lost = without_poses(log)
    poses = check_contract(BrightnessOdometer(), space, lost, sensors)
    assert np.isnan(poses[POSES.name][BLIND]).all()
    np.testing.assert_allclose(np.diff(poses[POSES.name][:BLIND, 0, 3]), 1.0, atol=0.1)
    assert BrightnessOdometer().refuse(space, Rig()) is not None

    vote, labels = Registration(radius=2, sensor="uniform", evidence=False), labels_of(lost, space)
    alone, together = (run(vote, space, lost, {**labels, **more})[SUPPORT.name] for more in ({}, poses))
    assert alone.max() == 1
    assert together.max() == 4 and together[BLIND].max() == 1


def labels_of(log: DriveLog, space: LabelSpace) -> dict[str, np.ndarray]:
    shape = (len(log.frames), *space.grid.shape)
    return {"semantics": np.full(shape, 4, np.uint8), "confidence": np.full(shape, 200, np.uint8)}


def test_what_a_stage_does_not_declare_it_does_not_get() -> None:
    with pytest.raises(OcclabelError, match="reads 'poses' and does not say so in `reads`"):
        check_contract(Careless(), SPACES["occ3d"])


@pytest.mark.parametrize("stage", [Registration(radius=1), Registration(radius=1, sensor="camera")])
def test_needs_follow_the_options(stage: Stage) -> None:
    geometry = {spec.name for spec in stage.needed} - {"semantics", "confidence", "observed"}
    cameras = {"intrinsics", "extrinsics"} if stage.model_dump()["sensor"] == "camera" else set()
    assert geometry == {"poses"} | cameras


def test_cameras_that_cannot_weigh_votes_are_named() -> None:
    space, stage = SPACES["occ3d"], Registration(sensor="camera")
    assert Registration().refuse(space, Rig()) is None
    assert "where there are none" in (stage.refuse(space, Rig()) or "")
    good = {"name": "front", "size": (80, 46)}
    for field, value in (("size", None), ("intrinsics", False), ("extrinsics", False)):
        rig = Rig(cameras=(RigCamera(**good), RigCamera(**{**good, "name": "back", field: value})))
        assert f"camera back without knowing its {field};" in (stage.refuse(space, rig) or "")
    assert stage.refuse(space, street()[0].rig) is None


def test_a_version_tells_a_margin_from_a_probability() -> None:
    margin, probability = (
        {spec.name: spec.meaning for spec in stage.written}["confidence"]
        for stage in (Registration(), Registration(calibration="nuscenes_lidar"))
    )
    assert margin == MARGIN
    assert probability.startswith(f"{PROBABILITY}; calibrated to voxels of")


def test_a_frame_whose_pose_nobody_knows_votes_alone() -> None:
    space, (log, _) = SPACES["occ3d"], street()
    stage = Registration(radius=2, sensor="uniform", evidence=False)
    assert run(stage, space, log_of(log.frames), labels_of(log, space))[SUPPORT.name][LOST].max() == 1
