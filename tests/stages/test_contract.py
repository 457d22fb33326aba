"""Every kind of stage that a recipe can name passes the same contract, and so do stages that occlabel does not have."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import own_models
import pytest
from box_street import STREET, drive, photographs, sweeps
from contract import BLIND, FRAMES, LOST, SPACES, ScriptedSensors, check_contract, log_of, run, street, without_poses
from PIL import Image
from stereo_car import before_a_wall
from toy_stages import BrightIsNear, BrightnessOdometer, Careless

from occlabel.pipeline.planning.kinds import KINDS, stage_class
from occlabel.schemas.arrays import DEPTH, MARGIN, POSES, PROBABILITY, SUPPORT
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.formats import semantickitti
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Stage
from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.voting.stage import Registration

Files = Callable[[Path], dict[str, Any]]
"""Writes what a stage needs into a folder and returns the options that name it."""


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
    files: Files = lambda folder: {}
    log: Callable[[], tuple[DriveLog, ScriptedSensors]] = street


def between_walls() -> tuple[DriveLog, ScriptedSensors]:
    """Of which nobody has said yet what is far."""
    log = drive(FRAMES)
    return log, sweeps(log, STREET)


def photographed() -> tuple[DriveLog, ScriptedSensors]:
    log = drive(FRAMES)
    return log, photographs(log, STREET)


def exported(folder: Path) -> dict[str, Any]:
    return {"path": own_models.export(folder / "model.pt2", SPACES["semantickitti"])}


def onnx(folder: Path) -> dict[str, Any]:
    pytest.importorskip("onnxruntime")
    path = folder / "model.onnx"
    path.write_bytes(own_models.onnx_that_marks_hits(SPACES["semantickitti"]))
    return {"path": path}


def installed(folder: Path) -> dict[str, Any]:
    own_models.install(folder)
    return {"model": "mine"}


def predicted(folder: Path) -> dict[str, Any]:
    """Of every frame but one."""
    space, place = SPACES["semantickitti"], folder / "sequences/log/predictions"
    place.mkdir(parents=True)
    for index in range(FRAMES - 1):
        volume = np.random.default_rng(index).integers(0, 20, space.grid.shape)
        semantickitti.write_volume(place / f"{index:06d}.label", space.taxonomy.to_raw[volume])
    return {"path": folder}


def points_named(folder: Path) -> dict[str, Any]:
    """Of the sweeps of every frame but one, 4000 points each."""
    place = folder / "lidarseg/test"
    place.mkdir(parents=True)
    for index in range(FRAMES - 1):
        classes = np.random.default_rng(index).integers(0, 17, 4000).astype(np.uint8)
        classes.tofile(place / f"sweep{index}_lidarseg.bin")
    return {"labels": folder}


def pixels_named(folder: Path) -> dict[str, Any]:
    """Of every image of one camera but one."""
    for index in range(FRAMES - 1):
        draw = np.random.default_rng(index)
        arrays = {"class": draw.integers(0, 17, (46, 80)), "instance": draw.integers(0, 9, (46, 80))}
        np.savez(folder / f"front_{index:06d}.npz", **arrays)
    return {"path": folder / "{camera}_{frame}.npz"}


def segmenter(name: str) -> Files:
    """A network for the labels of Cityscapes, with random weights."""

    def files(folder: Path) -> dict[str, Any]:
        pytest.importorskip("transformers")
        import tiny_segmenters

        return {"weights": str(tiny_segmenters.EVERY[name](folder)), "classes": "cityscapes"}

    return files


def depths(suffix: str) -> Files:
    """Of every image of one camera but one."""

    def write(folder: Path) -> dict[str, Any]:
        for index in range(FRAMES - 1):
            metres = np.random.default_rng(index).uniform(1, 80, (46, 80)).astype(np.float32)
            place = folder / f"front_{index:06d}.{suffix}"
            if suffix == "png":
                Image.fromarray((256 * metres).astype(np.uint16)).save(place)
            else:
                np.save(place, metres)
        return {"path": folder / f"{{camera}}_{{frame}}.{suffix}"}

    return write


def depth_anything(estimates: Literal["relative", "metric"]) -> Files:
    def write(folder: Path) -> dict[str, Any]:
        pytest.importorskip("transformers")
        from tiny_checkpoints import depth_anything

        return {"weights": str(depth_anything(folder / "weights", estimates))}

    return write


def detector_and_segmenter(folder: Path) -> dict[str, Any]:
    """With random weights."""
    pytest.importorskip("transformers")
    import tiny_detectors

    detector, segmenter = tiny_detectors.grounding_dino(folder / "dino"), tiny_detectors.sam2(folder / "sam")
    return {"detector": str(detector), "segmenter": str(segmenter)}


def prompted(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers")
    from tiny_checkpoints import prompt_depth_anything

    return {"weights": str(prompt_depth_anything(folder / "weights"))}


def moge2(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers")
    from tiny_checkpoints import moge2

    return {"weights": str(moge2(folder / "weights"))}


def depth_anything_3(folder: Path) -> dict[str, Any]:
    pytest.importorskip("transformers")
    from tiny_checkpoints import depth_anything_3

    return {"weights": str(depth_anything_3(folder / "weights"))}


def glance(folder: Path) -> dict[str, Any]:
    from tiny_glance import weights

    return {"weights": weights(folder / "glance.safetensors")}


def painted(folder: Path) -> dict[str, Any]:
    """With random weights."""
    import torch

    from occlabel.stages.completion.lmscnet import LMSCNet
    from occlabel.stages.completion.training import write_weights

    space = SPACES["occ3d"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = LMSCNet(space.grid, len(space.taxonomy.classes), space.taxonomy.free_id, painted=True)
        assert network.paint is not None
        torch.nn.init.normal_(network.paint.last.weight)
    write_weights(network, 1.0, folder / "painted.safetensors", space, {})
    return {"weights": folder / "painted.safetensors"}


def drocc(folder: Path) -> dict[str, Any]:
    """With random weights."""
    from tiny_drocc import weights

    return {"weights": weights(folder / "drocc.safetensors", SPACES["occ3d"])}


def residual(folder: Path) -> dict[str, Any]:
    """With random weights."""
    import torch

    from occlabel.stages.learning.weights import save_weights
    from occlabel.stages.priors.alignment.residual.network import Residual
    from occlabel.stages.priors.alignment.residual.weight_file import PURPOSE, Shares

    torch.manual_seed(0)
    network = Residual()
    torch.nn.init.normal_(network.last.weight, std=0.3)
    save_weights(folder / "residual.safetensors", dict(network.state_dict()), PURPOSE | Shares().fact())
    return {"weights": folder / "residual.safetensors"}


def vipocc(folder: Path) -> dict[str, Any]:
    """With random weights."""
    import torch

    from occlabel.stages.completion.vipocc.field import ViPOcc
    from occlabel.stages.completion.vipocc.sizes import Sizes
    from occlabel.stages.completion.vipocc.weight_file import facts_of
    from occlabel.stages.learning.weights import save_weights

    sizes = Sizes(stem=8, rows=64, columns=96, channels=8)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = ViPOcc(sizes)
        torch.nn.init.normal_(network.second.weight, std=3)
    save_weights(folder / "vipocc.safetensors", dict(network.state_dict()), facts_of(sizes))
    return {"weights": folder / "vipocc.safetensors"}


CASES: dict[str, list[Case]] = {
    "priors.grounded_sam": [Case("semantickitti", {}, files=detector_and_segmenter)],
    "priors.depth_anything": [
        Case("occ3d", {"side": 70}, files=depth_anything("metric")),
        Case("semantickitti", {"side": 56, "estimates": "relative"}, files=depth_anything("relative")),
    ],
    "priors.depth_anything_3": [Case("occ3d", {"side": 70}, files=depth_anything_3)],
    "priors.prompt_depth_anything": [Case("occ3d", {"side": 70}, files=prompted)],
    "priors.moge2": [
        Case("occ3d", {}, files=moge2),
        Case("semantickitti", {"field_of_view": "guessed", "level": 0}, files=moge2),
    ],
    "priors.lidar": [Case("semantickitti", {}), Case("occ3d", {"sweeps": 2, "gap": 0})],
    "priors.lidar_alignment": [Case("occ3d", {"steadied": 2}, log=between_walls)],
    "priors.motion_alignment": [Case("occ3d", {"steadied": 1}, log=photographed)],
    "priors.ground_alignment": [Case("semantickitti", {"of": "relative_depth"}, log=between_walls)],
    "priors.residual_alignment": [Case("occ3d", {}, files=residual)],
    "priors.stereo": [Case("occ3d", {}, log=before_a_wall)],
    "priors.glance_depth": [Case("occ3d", {}, files=glance)],
    "priors.glance_segments": [Case("semantickitti", {}, stuff, glance), Case("occ3d", {}, stuff, glance)],
    "priors.stored_depth": [Case("occ3d", {}, files=depths("png")), Case("semantickitti", {}, files=depths("npy"))],
    "priors.panoptic": [Case("semantickitti", {"threshold": 0.1}, files=segmenter("mask2former"))],
    "priors.semantic": [Case("occ3d", {}, files=segmenter("segformer"))],
    "priors.stored_segments": [Case("occ3d", {}, files=pixels_named)],
    "evidence.rays": [Case("semantickitti", {}), Case("occ3d", {})],
    "evidence.depth": [Case("semantickitti", {}), Case("occ3d", {"deviation": True})],
    "completion.lmscnet": [
        Case("semantickitti", {}, lambda: coarser("semantickitti")),
        Case("occ3d", {"mirror": False}, lambda: coarser("occ3d")),
        Case("occ3d", {"paint": True, "sweeps": 1, "mirror": False}, files=painted),
    ],
    "completion.accumulated": [
        Case("semantickitti", {"radius": 2}, lambda: coarser("semantickitti")),
        Case("occ3d", {"radius": 1, "stride": 2}, files=points_named),
    ],
    "completion.depth_lifting": [
        Case("semantickitti", {"radius": 1, "stride": 1}),
        Case("occ3d", {"radius": 2, "stride": 2, "deviation": True}),
    ],
    "completion.drocc": [Case("occ3d", {}, lambda: coarser("occ3d"), drocc)],
    "completion.vipocc": [
        Case("occ3d", {}, files=vipocc),
        Case("semantickitti", {"segments": False, "unnamed": "building"}, lambda: SPACES["occ3d"], files=vipocc),
    ],
    "completion.stored": [Case("semantickitti", {"confidence": 0.5}, files=predicted)],
    "completion.torch_export": [Case("semantickitti", {}, files=exported)],
    "completion.onnx": [Case("semantickitti", {}, files=onnx)],
    "completion.entry_point": [Case("semantickitti", {}, files=installed)],
    "geometry.registration": [
        Case("occ3d", {"where": "always"}),
        Case("semantickitti", {"where": "always", "keep": "nothing"}),
        Case("occ3d", {}),
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
