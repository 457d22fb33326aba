"""Depth of every kind, with weights in the hub's formats, through a whole recipe on Ray and into a version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import made_up_town as town
import numpy as np
import pytest
import tiny_glance
from chain import GRID, Voxelise
from kept_hands import OneRay
from PIL import Image

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.stage import Stage
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.priors.alignment.lidar import LidarAlignment
from occlabel.stages.priors.depth.depth_anything import DepthAnything
from occlabel.stages.priors.depth.depth_anything_3 import DepthAnything3
from occlabel.stages.priors.depth.lidar import LidarDepth
from occlabel.stages.priors.depth.moge import Moge2
from occlabel.stages.priors.depth.prompt_depth_anything import PromptDepthAnything
from occlabel.stages.priors.depth.stereo import Stereo
from occlabel.stages.priors.depth.stored import StoredDepth
from occlabel.stages.priors.glance.depth import GlanceDepth
from occlabel.stages.town.sensors.recording import CameraModel, Rig
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.workers.store import Store

pytest.importorskip("transformers")
tiny = pytest.importorskip("tiny_checkpoints")

FRAMES, CLIP, CAMERA, DARK = 4, 2, "image_2", 3
WALL = 4
"""Pixels by which a wall 5.4 m ahead is further left in the right image."""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> KittiReader:
    """Two cameras side by side, before a wall at 5.4 m; the last image of the first is black."""
    root, rig = tmp_path_factory.mktemp("drive"), town.rig("kitti", (CAMERA,))
    first = rig.cameras[0]
    beside = first.ego_from_camera.copy()
    beside[:3, 3] += 0.54 * beside[:3, 0]
    second = CameraModel("image_3", first.size, first.intrinsics, beside)
    rig = Rig(rig.lidar, (first, second), rig.grid, rig.rate, rig.ego_height)
    write_kitti("00", town.frames(rig, FRAMES), rig, root)
    for index in range(FRAMES):
        left, place = np.random.default_rng(index).integers(0, 256, (48, 68, 3), np.uint8), f"{index:06d}.png"
        Image.fromarray(left[:, :64]).save(root / "sequences/00" / CAMERA / place)
        Image.fromarray(left[:, WALL : 64 + WALL]).save(root / "sequences/00/image_3" / place)
    Image.new("RGB", first.size).save(root / f"sequences/00/{CAMERA}/{DARK:06d}.png")
    return KittiReader(root)


@pytest.fixture(scope="module")
def priors(reader: KittiReader, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Stage]]:
    folder = tmp_path_factory.mktemp("weights")
    for index in range(FRAMES):
        np.save(folder / f"{index:06d}.npy", known(index))
    stored = StoredDepth(path=folder / "{frame}.npy")
    moge = Moge2(weights=str(tiny.moge2(folder / "moge")))
    metric = DepthAnything(weights=str(tiny.depth_anything(folder / "da", "metric")), side=56)
    prompted = PromptDepthAnything(weights=str(tiny.prompt_depth_anything(folder / "pda")), side=56)
    relative = DepthAnything(weights=str(tiny.depth_anything(folder / "dar")), estimates="relative", side=56)
    third = DepthAnything3(weights=str(tiny.depth_anything_3(folder / "da3")), side=56)
    return {
        "depth_anything": {"depth": metric},
        "relative depth_anything": {"depth": relative, "metric": LidarAlignment(of="relative_depth")},
        "depth_anything_3": {"depth": third},
        "glance_depth": {"depth": GlanceDepth(weights=tiny_glance.weights(folder / "glance.safetensors"))},
        "stereo": {"depth": Stereo()},
        "moge2": {"depth": moge},
        "prompt_depth_anything": {"known": stored, "depth": prompted},
        "stored_depth": {"depth": stored},
        "lidar": {"depth": LidarDepth(sweeps=1, gap=0)},
    }


LEARNED = (
    "depth_anything",
    "relative depth_anything",
    "depth_anything_3",
    "glance_depth",
    "moge2",
    "prompt_depth_anything",
)
KINDS = (*LEARNED, "stereo", "stored_depth", "lidar")


def known(index: int) -> np.ndarray:
    """Depth of a frame's images in a file."""
    return np.linspace(4 + index, 36 + index, 48 * 64, dtype=np.float32).reshape(48, 64)


def recipe(stages: dict[str, Any]) -> Recipe:
    space = {"grid": GRID, "taxonomy": TAXONOMIES["semantickitti"], "clip_frames": CLIP}
    return Recipe.model_validate({**space, "priors": stages, "completion": Voxelise()})


def label(stages: dict[str, Any], reader: KittiReader, store: Path, place: Workplace) -> Report:
    return label_logs(recipe(stages), reader, Store(store), "v1", workplace=place, quiet=True)


@pytest.mark.slow
@pytest.mark.usefixtures("tried_out_here")
@pytest.mark.parametrize("kind", KINDS)
def test_a_version_made_on_ray_holds_the_depth_that_each_kind_sees(
    kind: str, reader: KittiReader, priors: dict[str, dict[str, Stage]], one_ray: OneRay, tmp_path: Path
) -> None:
    stages = priors[kind]
    learned = stages["depth"].resources(recipe(stages).space, next(reader.logs()).rig, CLIP)
    assert learned.gpus == (1 if kind in LEARNED else 0), "models go to the pool of GPUs where there is one"
    report = label(stages, reader, tmp_path / "store", one_ray)
    version = open_version(f"{tmp_path / 'store'}@v1")
    depth = np.stack([frame[DEPTH.on(CAMERA)] for frame in version.frames()]).astype(float)
    assert depth.shape == (FRAMES, 12, 16)
    if kind in ("stored_depth", "lidar"):
        assert report.state == "complete", "no image is needed for it"
        for row in range(FRAMES):
            found = np.isfinite(depth[row])
            assert found.any()
            if kind == "stored_depth":
                np.testing.assert_array_equal(depth[row], known(row)[::4, ::4].astype(np.float16))
        return
    if kind == "relative depth_anything":
        assert np.isnan(depth).all(), "random weights agree with no sweep, so no scale is made up"
    else:  # random weights of Depth Anything 3 take nearly all for sky
        assert np.isfinite(depth[:DARK]).mean() > (0.05 if kind == "depth_anything_3" else 0.3)
    assert (depth[np.isfinite(depth)] > 0).all()
    assert np.isnan(depth[DARK]).all()
    if kind == "stereo":
        assert np.nanmedian(depth) == pytest.approx(5.4, rel=0.02)
    looking = [name for name, stage in stages.items() if "images" in stage.senses]
    assert report.state == "quarantine" and {entry.cause for entry in report.entries} == {"damaged"}
    assert {entry.place for entry in report.entries} == {f"priors.{name} 00 frames 2-3" for name in looking}
    assert all("is black throughout: the camera image_2 saw nothing" in entry.error for entry in report.entries)


def test_weights_that_changed_make_depth_anew_and_moved_ones_do_not(reader: KittiReader, tmp_path: Path) -> None:
    def fingerprint(folder: Path) -> str:
        plan = make_plan(recipe({"depth": DepthAnything(weights=str(folder), side=56)}), reader, Store(tmp_path / "s"))
        return plan.logs[0].fingerprints[0]

    here = fingerprint(tiny.depth_anything(tmp_path / "a", "metric"))
    assert fingerprint((tmp_path / "a").rename(tmp_path / "b")) == here
    assert fingerprint(tiny.depth_anything(tmp_path / "c", "metric", seed=1)) != here


def test_what_cannot_work_is_refused_before_the_work(reader: KittiReader, tmp_path: Path) -> None:
    with pytest.raises(
        OcclabelError, match=r"stage priors\.depth \(depth_anything\): the folder of weights .* does not"
    ):
        make_plan(recipe({"depth": DepthAnything(weights=str(tmp_path / "no"))}), reader, Store(tmp_path))
    with pytest.raises(OcclabelError, match=r"reads 'depth', which nothing before it writes"):
        recipe({"depth": PromptDepthAnything()})


def test_a_log_whose_cameras_nobody_calibrated(reader: KittiReader, tmp_path: Path) -> None:
    bare = tmp_path / "bare/sequences/00"
    bare.mkdir(parents=True)
    for name in ("image_2", "image_3", "velodyne", "times.txt"):
        (bare / name).symlink_to(reader.root / "sequences/00" / name)
    lost = replace(reader, root=tmp_path / "bare")
    weights = str(tiny.moge2(tmp_path / "moge"))
    for stages, said in (
        ({"depth": LidarDepth()}, "no camera is calibrated"),
        ({"depth": Moge2(weights=weights)}, "has no intrinsics"),
    ):
        assert said in make_plan(recipe(stages), lost, Store(tmp_path / "s")).refused["00"]
    said = make_plan(recipe({"depth": Moge2(weights=weights)}), lost, Store(tmp_path / "s")).refused["00"]
    kinds = "(kinds: colmap, depth_anything_3, occany, stored)"
    ways = f"add a geometry block that finds or reads them {kinds}, or set priors.depth.field_of_view=guessed, or"
    assert "there is no calib.txt" in said and ways in said
    guessing = Moge2(weights=weights, field_of_view="guessed")
    assert not make_plan(recipe({"depth": guessing}), lost, Store(tmp_path / "s")).refused
