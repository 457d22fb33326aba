"""The kind: it says what the network says, of what the cameras see alone, and refuses what it cannot work with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from contract import BLIND, LOST, SPACES, inputs_of, made_up, run, street
from tiny_drocc import SIZES, weights

from occlabel.schemas.arrays import CONFIDENCE, DEPTH, SEMANTICS, resolved
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.rig import Rig, RigCamera
from occlabel.schemas.stage import Clip
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.drocc.looking import Moment, Taken, views
from occlabel.stages.completion.drocc.stage import DrOccCompletion
from occlabel.stages.completion.drocc.weight_file import load_network

SPACE = SPACES["occ3d"]


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weights(tmp_path_factory.mktemp("drocc") / "w.safetensors", SPACE)


def test_the_stage_says_what_the_network_says(file: Path) -> None:
    log, sensors = street()
    stage = DrOccCompletion(weights=file)
    arrays = {spec.name: made_up(spec, SPACE, log) for spec in resolved((DEPTH,), log.rig)}
    clip = Clip(log.id, 1, 2)
    found = run(stage, SPACE, log, arrays, clip, sensors)
    network, _ = load_network(file, SPACE)
    inputs = inputs_of(stage, log, clip, arrays, sensors)
    assert inputs.first == 0 and len(inputs.frames) == 2, "it reads the frame before, and none after"
    moments = []
    for row in (1, 0):
        cameras = []
        for camera in log.rig.names:
            image, k, place = inputs.image(row, camera), inputs.intrinsics(row, camera), inputs.extrinsics(row, camera)
            assert image is not None and k is not None and place is not None
            cameras.append(Taken(image, k, place, inputs[DEPTH.on(camera)][row]))
        moments.append(Moment(cameras, inputs.pose(row)))
    with torch.inference_mode():
        shown = views(moments, np.eye(4), SPACE.grid, SIZES)
        told = network(shown)
        likely = network.decoder.scores(told.decoded, torch.arange(SPACE.grid.voxels)).softmax(dim=1)
        cell, _ = network.cells.of_voxels(torch.arange(SPACE.grid.voxels))
        seen = network.in_view(shown)[cell].reshape(SPACE.grid.shape).numpy()
    best, classes = (part.reshape(SPACE.grid.shape).numpy() for part in likely.max(dim=1))
    semantics, confidence = found[SEMANTICS.name][0], found[CONFIDENCE.name][0]
    assert 0.2 < seen.mean() < 0.9
    assert (semantics[~seen] == UNKNOWN).all() and (confidence[~seen] == 0).all()
    assert (semantics[seen] == classes[seen]).mean() > 0.999
    np.testing.assert_allclose(confidence[seen], 255 * best[seen], atol=1.01)


def test_frames_without_images_stay_unknown_and_those_without_poses_are_seen_alone(file: Path) -> None:
    log, sensors = street()
    arrays = {spec.name: made_up(spec, SPACE, log) for spec in resolved((DEPTH,), log.rig)}
    found = run(DrOccCompletion(weights=file), SPACE, log, arrays, sensors=sensors)
    assert (found[SEMANTICS.name][BLIND] == UNKNOWN).all() and (found[SEMANTICS.name][LOST] != UNKNOWN).any()
    first = replace(log, frames=log.frames[LOST:])
    rest = {name: array[LOST:] for name, array in arrays.items()}
    alone = run(DrOccCompletion(weights=file), SPACE, first, rest, Clip(log.id, 0, 1), sensors)
    np.testing.assert_array_equal(alone[SEMANTICS.name][0], found[SEMANTICS.name][LOST])


def test_what_it_cannot_work_with_is_said(file: Path, tmp_path: Path) -> None:
    stage, camera = DrOccCompletion(weights=file), RigCamera(name="front", size=(80, 46))
    blind = camera.model_copy(update={"intrinsics": False})
    assert stage.refuse(SPACE, None) is None and stage.refuse(SPACE, Rig(cameras=(camera, blind))) is None
    assert "no cameras" in str(stage.refuse(SPACE, Rig()))
    assert "no camera is calibrated (front)" in str(stage.refuse(SPACE, Rig(cameras=(blind,))))
    other = SPACES["semantickitti"]
    assert "was made for the grid" in str(stage.refuse(other, None)) and "train drocc" in str(stage.refuse(other, None))
    alone = weights(tmp_path / "alone.safetensors", SPACE, sizes=replace(SIZES, frames=1))
    said = DrOccCompletion(weights=alone).refuse(SPACE, None)
    assert said == f"{alone} was trained with 1 frames; set completion.frames: 1"
    single = DrOccCompletion(weights=alone, frames=1)
    assert single.refuse(SPACE, None) is None and "poses" not in {spec.name for spec in single.needed}
    assert "lost.safetensors" in str(DrOccCompletion(weights=tmp_path / "lost.safetensors").refuse(SPACE, None))


def test_scores_that_are_no_numbers_are_no_labels(file: Path) -> None:
    from occlabel.stages.completion.drocc.stage import predictor

    network, _ = load_network(file, SPACE)
    torch.nn.init.constant_(network.get_parameter("decoder.classify.3.bias"), torch.nan)
    image = np.zeros((48, 80, 3), np.uint8)
    place = np.eye(4)
    place[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    moment = Moment([Taken(image, np.array([[60.0, 0, 40], [0, 60, 23], [0, 0, 1]]), place, np.ones((12, 20)))], None)
    with pytest.raises(BadPredictions, match="frame 7: what the network makes"):
        predictor(network, 1.0, SPACE)([moment], np.eye(4), "frame 7")
