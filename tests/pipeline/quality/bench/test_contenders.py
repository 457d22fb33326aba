"""The methods: the baselines against the reference ones, and all of them against the baselines."""

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from occlabel.pipeline.quality.bench.baselines import numpy_tuned, paper_faithful
from occlabel.pipeline.quality.bench.contenders import CONTENDERS, DEFAULT
from occlabel.pipeline.quality.bench.quality import quality
from occlabel.pipeline.quality.bench.scene import Scene, read_scene
from occlabel.pipeline.quality.bench.street import street_scene
from occlabel.pipeline.quality.bench.timing import cold_start, step
from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import Grid
from occlabel.schemas.taxonomy import UNKNOWN

GRID = Grid(origin=(0.0, -6.4, -2.0), voxel_size=0.4, shape=(40, 32, 12), frame="lidar")


def scene_of_each_frame_its_weights() -> Scene:
    scene = street_scene(3, GRID)
    weights = np.random.default_rng(3).integers(0, 500, scene.labels.shape).astype(np.uint16)
    return replace(scene, weights=weights)


SCENES = {"one rig": lambda: street_scene(3, GRID), "each frame its weights": scene_of_each_frame_its_weights}


@pytest.fixture(scope="module")
def reference(shared: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", shared / "baselines/voting_baselines.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arguments(scene: Scene) -> tuple[Any, ...]:
    weights = scene.weights.astype(np.int32)
    grid = (scene.target_from_source, scene.origin, scene.voxel_size, scene.classes)
    return (scene.labels, weights if len(weights) > 1 else weights[0], *grid)


@pytest.mark.parametrize("name", SCENES)
def test_baselines_equal_the_reference_on_our_scene(reference: ModuleType, name: str) -> None:
    given = arguments(SCENES[name]())
    np.testing.assert_array_equal(paper_faithful(*given), reference.paper_faithful(*given))
    np.testing.assert_array_equal(numpy_tuned(*given), reference.numpy_tuned(*given))


def test_all_equal_the_reference_on_its_scene(reference: ModuleType, tmp_path: Path) -> None:
    arrays = reference.benchmark_scene(n=5, shape=(48, 40, 16))
    np.savez_compressed(tmp_path / "scene.npz", **arrays)
    scene = read_scene(tmp_path / "scene.npz")
    given = (
        *(arrays[name] for name in ("labels", "weights", "target_from_source", "origin")),
        float(arrays["voxel_size"]),
        int(arrays["n_classes"]),
    )
    expected = reference.paper_faithful(*given)
    for name in ("splat", "paper_faithful"):
        np.testing.assert_array_equal(cold_start(name, scene).vote(), expected)
    np.testing.assert_array_equal(cold_start("numpy_tuned", scene).vote(), reference.numpy_tuned(*given))
    clean = arrays["clean"][2]
    both, either = ((expected > 0) & (clean > 0)).sum(), ((expected > 0) | (clean > 0)).sum()
    assert quality(expected, scene, "expected").iou == pytest.approx(both / either)


@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("kind", SCENES)
def test_every_method_votes_and_a_step_changes_nothing(name: str, kind: str) -> None:
    scene = SCENES[kind]()
    contender = cold_start(name, scene)
    volume = contender.vote()
    assert (volume.dtype, volume.shape) == (np.uint8, scene.shape)
    assert volume.max() < scene.classes
    contender.rewind()
    np.testing.assert_array_equal(step(contender), volume)
    paper = cold_start("paper_faithful", scene).vote()
    # Looked up from the target, a vote is not that of the equations in a few voxels; by way of the world, in more.
    assert (volume != paper).mean() < (0.05 if name == "rolling" else 0.02)


@pytest.mark.parametrize("kind", SCENES)
def test_the_stage_registers_as_the_equations_do(kind: str) -> None:
    scene = SCENES[kind]()
    np.testing.assert_array_equal(cold_start("splat", scene).vote(), cold_start("paper_faithful", scene).vote())


def test_unknown_does_not_vote() -> None:
    scene = street_scene(2, GRID)
    scene.labels[:, :20] = UNKNOWN
    volumes = [cold_start(name, scene).vote() for name in ("splat", "paper_faithful", "numpy_tuned")]
    np.testing.assert_array_equal(volumes[0], volumes[1])
    assert (volumes[0] != volumes[2]).mean() < 1e-3  # single precision
    assert (volumes[0][:10] == 0).all()


def test_votes_are_better_than_the_frame_alone() -> None:
    scene = street_scene(8, GRID)
    voted, alone = quality(cold_start(DEFAULT, scene).vote(), scene, ""), quality(scene.labels[8], scene, "")
    assert voted.iou > alone.iou + 0.02
    assert voted.miou > alone.miou + 0.02


def test_quality() -> None:
    scene = street_scene(0, GRID)
    assert quality(scene.truth, scene, "").iou == quality(scene.truth, scene, "").miou == 1.0
    assert quality(np.zeros(scene.shape, np.uint8), scene, "").iou == 0.0
    nothing = replace(scene, truth=np.full(scene.shape, UNKNOWN, np.uint8))
    assert np.isnan(quality(scene.truth, nothing, "").iou)
    assert np.isnan(quality(scene.truth, nothing, "").miou)
    truth = np.zeros(scene.shape, np.uint8)
    truth[:2, 0, 0], truth[2, 0, 0] = 9, 1
    guess = np.zeros(scene.shape, np.uint8)
    guess[:4, 0, 0] = 9
    half = quality(guess, replace(scene, truth=truth), "")
    assert half.iou == pytest.approx(3 / 4)
    assert half.miou == pytest.approx((2 / 4 + 0) / 2)
    with pytest.raises(BadPredictions, match="my method"):
        quality(np.full(scene.shape, UNKNOWN, np.uint8), scene, "my method")
