"""Every stage passes the same contract: declared arrays, same bytes for the same input, clip borders do not matter."""

from pathlib import Path

import numpy as np
import pytest

from occlabel.schemas.arrays import ARRAYS
from occlabel.schemas.drive_log import Camera, Frame, Sweep
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.stage import Arrays, Clip, Inputs, LabelSpace, Stage
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.completion.trained import Trained
from occlabel.stages.instances.learned import ObjectQueries
from occlabel.stages.instances.touching import ConnectedComponents
from occlabel.stages.tracking.stage import Association
from occlabel.stages.voting.stage import Registration

FRAMES = 5
SPACES = {name: LabelSpace(GRIDS[name], TAXONOMIES[name]) for name in GRIDS}
CASES = [
    pytest.param(Trained(), "semantickitti", id="lmscnet-semantickitti"),
    pytest.param(Trained(), "occ3d", id="lmscnet-occ3d"),
    pytest.param(Registration(kind="registration", radius=2, sensor="lidar"), "occ3d", id="registration-lidar"),
    pytest.param(Registration(kind="registration", radius=2, sensor="camera"), "occ3d", id="registration-camera"),
    pytest.param(ConnectedComponents(), "occ3d", id="components"),
    pytest.param(ObjectQueries(score=0.1), "occ3d", id="offsetocc"),
    pytest.param(ObjectQueries(unclaimed="empty"), "semantickitti", id="offsetocc-emptied"),
    pytest.param(Association(remembered=1), "occ3d", id="association"),
]


def log_frames() -> tuple[Frame, ...]:
    result = []
    for index in range(FRAMES):
        pose = np.eye(4)
        pose[0, 3] = 0.9 * index
        intrinsics = np.array([[100.0, 0, 80], [0, 100, 45], [0, 0, 1]])
        ego_from_camera = np.eye(4)
        ego_from_camera[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        camera = Camera("front", Path("none.png"), intrinsics, ego_from_camera, index / 10, (160, 90))
        lidar = np.eye(4)
        lidar[2, 3] = 1.8
        result.append(Frame(f"{index:06d}", index / 10, pose, (camera,), Sweep(Path("none.bin"), lidar, index / 10)))
    return tuple(result)


def inputs_for(stage: Stage, space: LabelSpace, clip: Clip, before: Arrays | None = None) -> Inputs:
    """The same log whatever the clip: a noisy street, and one frame whose scan is missing.

    ``before`` is what the stage wrote for the frames before the clip.
    """
    first, stop = max(0, clip.start - stage.halo), min(FRAMES, clip.stop + stage.lookahead)
    rows = range(first, stop)
    points: list[np.ndarray | None] = []
    arrays: Arrays = {}
    for index in rows:
        generator = np.random.default_rng(index)
        cloud = generator.normal(size=(4000, 4)) * [15, 8, 0.4, 0.2] + [8, 0, -1.6, 0.3]
        points.append(None if index == 3 else cloud.astype(np.float32))
    if "semantics" in stage.reads:
        volumes = [np.random.default_rng(100 + i).integers(0, 17, space.grid.shape).astype(np.uint8) for i in rows]
        arrays["semantics"] = np.stack(volumes)
        arrays["semantics"][:, ::3] = space.taxonomy.free_id
    if "confidence" in stage.reads:
        arrays["confidence"] = np.full((len(rows), *space.grid.shape), 180, np.uint8)
    if "instance" in stage.reads:
        blocks = np.arange(1, 1 + space.grid.voxels // 64, dtype=np.uint32) % 3000
        ids = np.repeat(blocks, 64).reshape(space.grid.shape).astype(np.uint16)
        arrays["instance"] = np.stack([np.where(arrays["semantics"][i] % 5 == 0, ids, 0) for i in range(len(rows))])
    past = {name: array[-stage.memory :] for name, array in (before or {}).items() if stage.memory}
    return Inputs(first, log_frames()[first:stop], arrays, tuple(points), past=past)


@pytest.mark.parametrize(("stage", "space_name"), CASES)
def test_contract(stage: Stage, space_name: str) -> None:
    space = SPACES[space_name]
    assert stage.refuse(space) is None
    process = stage.setup(space, "cpu")
    whole = Clip("log", 0, FRAMES)
    outputs = process(whole, inputs_for(stage, space, whole))
    assert set(outputs) == set(stage.written)
    for name, array in outputs.items():
        ARRAYS[name].check(array, FRAMES, space.grid)
    if "semantics" in stage.written:
        known = outputs["semantics"] != UNKNOWN
        assert (outputs["semantics"][known] < len(space.taxonomy.classes)).all()
    if "confidence" in stage.written:
        assert (outputs["confidence"][~known] == 0).all()

    again = stage.setup(space, "cpu")(whole, inputs_for(stage, space, whole))
    early, late = Clip("log", 0, 2), Clip("log", 2, FRAMES)
    begin = process(early, inputs_for(stage, space, early))
    end = process(late, inputs_for(stage, space, late, begin))
    for name, array in outputs.items():
        np.testing.assert_array_equal(array, again[name], err_msg=f"{name}: same input, other bytes")
        joined = np.concatenate([begin[name], end[name]])
        np.testing.assert_array_equal(array, joined, err_msg=f"{name}: clip borders change the result")
