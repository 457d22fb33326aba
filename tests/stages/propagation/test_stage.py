"""The stage on a small log: clips, frames without labels or poses, the gate, and weights that do not fit."""

from dataclasses import replace
from pathlib import Path

import contract
import numpy as np
import pytest
import torch
from contract import log_of

from occlabel.schemas.arrays import HIT
from occlabel.schemas.drive_log import Frame, Sweep
from occlabel.schemas.errors import BadLog, BadWeights
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays, Clip
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.learning.weights import save_weights
from occlabel.stages.propagation.dualflow4d import DualFlow4D
from occlabel.stages.propagation.parts import Parts
from occlabel.stages.propagation.stage import LocalPropagation
from occlabel.stages.propagation.weight_file import facts_of
from occlabel.stages.propagation.windows import Reach


def frames_every(step: float, count: int) -> tuple[Frame, ...]:
    result = []
    for index in range(count):
        pose = np.eye(4)
        pose[0, 3] = step * index
        result.append(Frame(f"{index:06d}", 0.1 * index, pose, (), Sweep(Path(), np.eye(4), 0.1 * index)))
    return tuple(result)


def noise(space: LabelSpace, count: int) -> Arrays:
    draw = np.random.default_rng(5)
    labels = np.where(draw.random((count, *space.grid.shape)) < 0.2, draw.integers(1, 20, space.grid.shape), 0)
    return {
        "semantics": labels.astype(np.uint8),
        "confidence": draw.integers(60, 255, labels.shape).astype(np.uint8),
        "observed": np.zeros(labels.shape, np.uint8),
    }


@pytest.fixture
def weights(tmp_path: Path, space: LabelSpace) -> Path:
    """A network that was trained on nothing and says something anyway."""
    torch.manual_seed(0)
    network = DualFlow4D(space.grid.shape[2], len(space.taxonomy.classes), space.taxonomy.free_id)
    with torch.no_grad():
        network.head.classify.weight.mul_(300)
    path = tmp_path / "weights.safetensors"
    save_weights(path, network.state_dict(), facts_of(space, Parts(), Reach()) | {"temperature": "1.5"})
    return path


def run(stage: LocalPropagation, space: LabelSpace, clip: Clip, frames: tuple[Frame, ...], arrays: Arrays) -> Arrays:
    return contract.run(stage, space, log_of(frames, clip.log), arrays, clip)


def test_clip_borders_change_nothing(weights: Path, space: LabelSpace) -> None:
    frames, arrays = frames_every(0.6, 50), noise(space, 50)
    stage = LocalPropagation(weights=weights, radius=6, distance=2.0)
    whole = run(stage, space, Clip("a", 0, 50), frames, arrays)
    parts = [run(stage, space, Clip("a", a, b), frames, arrays) for a, b in ((0, 17), (17, 34), (34, 50))]
    for name, array in whole.items():
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, np.concatenate([part[name] for part in parts]))
    changed = (whole["semantics"] != arrays["semantics"]).mean()
    assert 0.002 < changed < 0.9, "otherwise this would prove nothing"


def test_frames_without_pose_or_labels_hurt_nobody(weights: Path, space: LabelSpace) -> None:
    frames, arrays = list(frames_every(0.6, 9)), noise(space, 9)
    frames[2] = replace(frames[2], world_from_ego=None)
    arrays["semantics"][5], arrays["confidence"][5] = UNKNOWN, 0
    stage = LocalPropagation(weights=weights, distance=1.0)
    found = run(stage, space, Clip("a", 0, 9), tuple(frames), arrays)
    assert (found["semantics"][5] == UNKNOWN).all(), "voting fills it"
    assert (found["confidence"][5] == 0).all()
    alone = run(stage, space, Clip("a", 0, 1), (frames[2],), {name: part[2:3] for name, part in arrays.items()})
    np.testing.assert_array_equal(found["semantics"][2], alone["semantics"][0])
    holes = arrays["semantics"].copy()
    holes[0, :3] = UNKNOWN
    kept = run(stage, space, Clip("a", 0, 9), tuple(frames), arrays | {"semantics": holes})
    assert (kept["semantics"][0, :3] == UNKNOWN).all()
    assert (kept["semantics"][0, 3:] != UNKNOWN).all()


def test_a_pose_that_is_not_rigid_is_named(weights: Path, space: LabelSpace) -> None:
    frames, arrays = list(frames_every(0.6, 3)), noise(space, 3)
    frames[1] = replace(frames[1], world_from_ego=np.diag([2.0, 1, 1, 1]))
    with pytest.raises(BadLog, match="frame 000001: pose"):
        run(LocalPropagation(weights=weights), space, Clip("a", 0, 3), tuple(frames), arrays)


def test_the_gate_keeps_what_the_onboard_model_was_surer_of(weights: Path, space: LabelSpace) -> None:
    frames, arrays = frames_every(0.6, 4), noise(space, 4)
    clip = Clip("a", 0, 4)
    free, gated, shut = (
        run(LocalPropagation(weights=weights, gate=gate), space, clip, frames, arrays) for gate in (0.0, 1.0, 100.0)
    )
    np.testing.assert_array_equal(shut["semantics"], arrays["semantics"])
    differs = gated["semantics"] != free["semantics"]
    assert differs.any()
    np.testing.assert_array_equal(gated["semantics"][differs], arrays["semantics"][differs])
    assert (free["confidence"][differs] <= arrays["confidence"][differs].astype(int) + 1).all()
    assert (gated["confidence"][~differs] == free["confidence"][~differs]).all()


def test_what_the_own_sweep_hit_is_not_freed_by_the_network(weights: Path, space: LabelSpace) -> None:
    frames, arrays = frames_every(0.6, 4), noise(space, 4)
    stage, clip = LocalPropagation(weights=weights, gate=0.0), Clip("a", 0, 4)
    free = space.taxonomy.free_id
    deaf = run(stage.model_copy(update={"evidence": False}), space, clip, frames, arrays)
    freed = (deaf["semantics"] == free) & (arrays["semantics"] != free)
    assert freed.any(), "otherwise this would prove nothing"
    arrays["observed"][:2] = HIT
    heard = run(stage, space, clip, frames, arrays)
    kept = freed & (arrays["observed"] == HIT)
    for name, array in heard.items():
        np.testing.assert_array_equal(array, np.where(kept, arrays[name], deaf[name]))
    assert stage.without("observed") == stage.model_copy(update={"evidence": False})


def test_odds_are_heard_and_those_of_no_class_refused(weights: Path, space: LabelSpace) -> None:
    frames, arrays = frames_every(0.6, 6), noise(space, 6)
    names, clip = space.taxonomy.names, Clip("a", 0, 6)
    plain = run(LocalPropagation(weights=weights, gate=0.0), space, clip, frames, arrays)["semantics"]
    for name in ("truck", "fence"):
        stage = LocalPropagation(weights=weights, gate=0.0, odds={name: 1e30})
        told = run(stage, space, clip, frames, arrays)["semantics"]
        asked = told != arrays["semantics"]
        assert asked.any()
        assert (told[asked] == names.index(name)).all()
        assert not (plain[asked] == names.index(name)).all()
    refused = LocalPropagation(weights=weights, odds={"tuck": 2.0}).refuse(space, None) or ""
    assert "has no class 'tuck' (did you mean 'truck'?)" in refused


def test_weights_for_something_else_are_refused(weights: Path, space: LabelSpace) -> None:
    stage = LocalPropagation(weights=weights)
    assert stage.refuse(space, None) is None

    def refusal(space: LabelSpace) -> str:
        return stage.refuse(space, None) or ""

    assert "was made for the grid" in refusal(LabelSpace(GRIDS["semantickitti"], space.taxonomy))
    other = refusal(LabelSpace(space.grid, TAXONOMIES["occ3d"]))
    assert "was made for the classes" in other and "occlabel train propagation" in other
    missing = "no weights of propagation for labels of lidars are shipped for voxels of 0.4 m"
    assert missing in (LocalPropagation().refuse(space, None) or "")
    with pytest.raises(BadWeights, match=missing):
        LocalPropagation().files(space)
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "not a readable weight file" in refusal(space)
