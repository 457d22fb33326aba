"""What images say joins the LiDAR network's input, and without them it is the LiDAR network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from box_street import STREET, drive, images, sweeps
from contract import SPACES, facts_of, run
from tiny_streets import GRID, ROAD, SPACE, TinyStreets
from torch import Tensor

from occlabel.schemas.arrays import CONFIDENCE, SEGMENT_CLASS, SEGMENT_SCORE
from occlabel.schemas.drive_log import Frame
from occlabel.schemas.errors import BadRecipe, BadWeights
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Arrays
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.augment import random_paint
from occlabel.stages.completion.lidar_features import channels, lidar_volume
from occlabel.stages.completion.lmscnet import LMSCNet
from occlabel.stages.completion.options import Options
from occlabel.stages.completion.paint_features import paint_shares
from occlabel.stages.completion.paint_network import renamed
from occlabel.stages.completion.trained import Trained
from occlabel.stages.completion.training import refuse_paint, train_completion, write_weights
from occlabel.stages.completion.weight_file import PAINTED, load_network
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.sensing.painting import NOTHING, SegmentImage
from occlabel.stages.sensing.scan import Scan, moved

OCC3D = SPACES["occ3d"]
CLASSES = len(OCC3D.taxonomy.classes)


def network(painted: bool, loud: float = 0.0) -> LMSCNet:
    """Untrained, the same body whether or not it is ``painted``; what paint adds is as ``loud``."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        result = LMSCNet(OCC3D.grid, CLASSES, OCC3D.taxonomy.free_id, painted)
        if result.paint is not None:
            torch.nn.init.normal_(result.paint.last.weight, std=loud)
    return result.eval()


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Of the network without and with paint."""
    folder = tmp_path_factory.mktemp("weights")
    paths = {painted: folder / f"{painted}.safetensors" for painted in (False, True)}
    for painted, path in paths.items():
        write_weights(network(painted, loud=30.0), 1.5, path, OCC3D, {})
    return paths


def cloud(paint: list[int] | None = None) -> Scan:
    points = np.random.default_rng(0).uniform([-14, -14, -1.5, 0], [14, 14, 2, 1], (4000, 4)).astype(np.float32)
    scan = Scan(points, np.zeros(3))
    return scan if paint is None else replace(scan, paint=np.tile(np.array(paint, np.uint8), (4000, 1)))


def volume(scan: Scan) -> Tensor:
    return torch.from_numpy(lidar_volume(scan, [], OCC3D.grid, CLASSES))[None]


def test_shares_are_of_what_images_say_of_a_pillar_each_by_its_score() -> None:
    paint = np.array([[1, 255], [1, 51], [2, 255], [UNKNOWN, 0], [0, 102], [2, 255]], np.uint8)
    pillar, flat = np.array([4, 4, 4, 4, 4, 6]), np.array([True, True, True, True, False, False])
    shares = paint_shares(paint, pillar, flat, 8, 3)
    expected = np.zeros((6, 8), np.float32)
    expected[[1, 2, 3], 4] = 1.2 / 3, 1 / 3, 0.4
    expected[5, 6] = 1
    np.testing.assert_allclose(shares, expected, rtol=1e-6)


def test_paint_stands_behind_what_the_network_knew_before() -> None:
    plain, painted = (lidar_volume(cloud(), [], OCC3D.grid, classes) for classes in (0, CLASSES))
    assert painted.shape[0] == channels(OCC3D.grid, CLASSES) == plain.shape[0] + 4 * CLASSES
    np.testing.assert_array_equal(painted[: len(plain)], plain)
    assert not painted[len(plain) :].any(), "nothing painted is nothing at all"
    seen = lidar_volume(cloud([3, 255]), [cloud([5, 255])], OCC3D.grid, CLASSES)[len(plain) :]
    own, every = seen[: 2 * CLASSES], seen[2 * CLASSES :]
    assert set(np.flatnonzero(own.any(axis=(1, 2)))) == {3, CLASSES + 3}
    assert set(np.flatnonzero(every.any(axis=(1, 2)))) == {3, 5, CLASSES + 3, CLASSES + 5}


def test_without_images_it_is_the_lidar_network_to_the_last_bit() -> None:
    plain, painted = network(False), network(True, loud=1.0)
    with torch.inference_mode():
        expected = plain(torch.from_numpy(lidar_volume(cloud(), [], OCC3D.grid))[None])
        assert torch.equal(painted(volume(cloud())), expected)
        assert torch.equal(network(True)(volume(cloud([3, 255]))), expected), "nor before it has learned anything"
        assert not torch.equal(painted(volume(cloud([3, 255]))), expected)


def test_images_say_what_it_is_and_not_whether_something_is_there() -> None:
    draw = torch.Generator().manual_seed(0)
    scores, told = (3 * torch.randn(50, 5, generator=draw, dtype=torch.float64) for _ in range(2))
    one, other = scores.softmax(-1), renamed(scores, told, 2).softmax(-1)
    torch.testing.assert_close(one[:, 2], other[:, 2])
    occupied = [0, 1, 3, 4]
    product = one[:, occupied] * told[:, occupied].exp()
    expected = product / product.sum(-1, keepdim=True) * (1 - one[:, 2:3])
    torch.testing.assert_close(other[:, occupied], expected)
    assert torch.equal(renamed(scores, torch.zeros_like(told), 2), scores)


def test_paint_is_heard_of_near_by_alone() -> None:
    scan = cloud()
    paint = np.tile(NOTHING, (4000, 1))
    paint[scan.points[:, 0] > 10] = 3, 255
    plain, told = volume(scan), volume(replace(scan, paint=paint))
    with torch.inference_mode():
        one, other = (network(True, loud=1.0)(part)[0] for part in (plain, told))
    changed = (one != other).any(dim=-1).any(dim=-1).any(dim=-1)
    first = int(torch.nonzero(changed)[0])
    assert OCC3D.grid.origin[0] + 0.4 * first == pytest.approx(10 - 8 * 0.4, abs=0.41)
    assert changed[first:].all()


def test_paint_moves_with_its_points_and_is_lost_with_them() -> None:
    paint = np.stack([np.arange(4000) % 7, np.full(4000, 200)], axis=1).astype(np.uint8)
    scan = replace(cloud(), paint=paint)
    there = np.eye(4)
    there[0, 3] = 5
    again = moved(scan, there).picked(np.arange(4000) % 2 == 1)
    np.testing.assert_array_equal(again.paint, paint[1::2])
    shares = []
    for seed in range(200):
        left = random_paint(scan, np.random.default_rng(seed)).paint
        assert left is not None
        kept = left[:, 1] > 0
        assert (left[kept] == paint[kept]).all() and (left[~kept] == NOTHING).all()
        shares.append(kept.mean())
    gone, part = np.mean(np.array(shares) == 0), np.mean((np.array(shares) > 0) & (np.array(shares) < 1))
    assert 0.02 < gone < 0.2 and 0.15 < part < 0.45
    assert random_paint(cloud(), np.random.default_rng(0)).paint is None


def test_the_stage_reads_segments_and_is_as_without_them_where_they_say_nothing(weights: dict[bool, Path]) -> None:
    log = drive(2)
    points, seen = sweeps(log, STREET), images(log, STREET, OCC3D.taxonomy)

    def confidence(stage: Trained, arrays: Arrays) -> np.ndarray:
        return run(stage, OCC3D, log, arrays, sensors=points)[CONFIDENCE.name].astype(int)

    plain = confidence(Trained(weights=weights[False]), {})
    stage = Trained(weights=weights[True], paint=True)
    told = confidence(stage, seen)
    front = SEGMENT_CLASS.on("front").name, SEGMENT_SCORE.on("front").name
    silent = {front[0]: np.full_like(seen[front[0]], UNKNOWN), front[1]: np.zeros_like(seen[front[1]])}
    np.testing.assert_array_equal(confidence(stage, silent), plain)
    assert (told != plain)[:, 52:].mean() > 0.3, "ahead, where the camera looks"
    np.testing.assert_array_equal(told[:, :24], plain[:, :24])
    with_others = confidence(stage.model_copy(update={"sweeps": 1}), seen)
    assert (with_others != told).any()


def test_what_cannot_paint_is_said(weights: dict[bool, Path]) -> None:
    stage = Trained(weights=weights[True], paint=True)
    assert {spec.name for spec in stage.needed} == {"segment_class", "segment_score", "intrinsics", "extrinsics"}
    assert stage.without("segment_class") == Trained()
    assert stage.without("poses") is None
    assert "was made for the network lmscnet-4," in (
        Trained(weights=weights[False], paint=True).refuse(OCC3D, None) or ""
    )
    assert f"was made for the network {PAINTED}" in (Trained(weights=weights[True]).refuse(OCC3D, None) or "")
    facts = facts_of(drive(1))
    blind = facts.rig.model_copy(update={"cameras": (facts.rig.cameras[0].model_copy(update={"extrinsics": False}),)})
    said = stage.doubts(OCC3D, facts.model_copy(update={"rig": blind})) or ""
    assert said == "log log: images of front without a calibration paint no points"
    assert stage.doubts(OCC3D, facts) is None
    coarse = OCC3D.grid.model_copy(update={"voxel_size": 0.5})
    refused = Trained(paint=True).refuse(LabelSpace(coarse, OCC3D.taxonomy), None) or ""
    assert "no built-in weights that read paint" in refused and "--start shipped" in refused


def test_training_moves_what_paint_adds_and_nothing_else(tmp_path: Path) -> None:
    logs, start, out = TinyStreets(2), tmp_path / "start.safetensors", tmp_path / "out.safetensors"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = LMSCNet(GRID, len(SPACE.taxonomy.classes), SPACE.taxonomy.free_id)
    write_weights(body, 1.5, start, SPACE, {})
    k, ahead = np.array([[20.0, 0, 32], [0, 20, 24], [0, 0, 1]]), np.eye(4)
    ahead[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    image = SegmentImage(np.full((12, 16), ROAD, np.uint8), np.full((12, 16), 255, np.uint8), k, ahead)

    def look(frame: Frame) -> list[SegmentImage]:
        return [image]

    few: dict[str, Any] = {"start": start, "steps": 3, "epoch": 3, "batch": 1, "crop": 12.8, "sweeps": 0, "rate": 1e-3}
    options = Options(**few).model_copy(update={"voxels": 8 * 1024, "held_out_frames": 1})
    train_completion(SPACE, logs, out, options, "command", look)
    assert read_facts(out)["network"] == PAINTED and float(read_facts(out)["temperature"]) == 1.5
    before, (after, temperature) = load_network(start, SPACE)[0].state_dict(), load_network(out, SPACE, painted=True)
    learned = after.state_dict()
    assert all(torch.equal(value, learned[name]) for name, value in before.items()) and temperature == 1.5
    assert learned["paint.last.weight"].abs().max() > 0
    with pytest.raises(BadWeights, match="was made for the network"):
        load_network(out, SPACE)
    refused = (
        ({"start": None}, "give --start shipped"),
        ({"truth": "none"}, "set paint: false"),
        ({"halfway": True}, "--halfway: .* leave it out"),
    )
    for changes, said in refused:
        with pytest.raises(BadRecipe, match=said):
            refuse_paint(options.model_copy(update=changes), SPACE)
