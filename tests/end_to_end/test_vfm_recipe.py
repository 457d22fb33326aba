"""The recipe ``nuscenes_vfm`` as a whole: checkpoints in the official formats, found in the hub's cache by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import made_up_town as town
import numpy as np
import pytest

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import DEPTH, DEPTH_DEVIATION, OBSERVED, SEGMENT_CLASS, SEMANTICS
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.nuscenes import NuScenesReader
from occlabel.stages.town.sensors.recording import TownFrame
from occlabel.stages.town.writers.nuscenes import write_nuscenes
from occlabel.workers.store import Store

pytest.importorskip("transformers")
tiny_checkpoints = pytest.importorskip("tiny_checkpoints")
tiny_detectors = pytest.importorskip("tiny_detectors")

CAMERA, FRAMES, POINTS = "CAM_FRONT", 2, 1500


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two frames with a camera of 64x48, and a sweep of level ground and of a wall 18 m ahead."""
    rig = town.rig("nuscenes", (CAMERA,))
    lidar_from_ego = np.linalg.inv(rig.lidar.ego_from_lidar)
    frames: list[TownFrame] = []
    for frame in town.frames(rig, FRAMES, truth=False):
        rng = np.random.default_rng(len(frames))
        across, along = rng.uniform(-9, 9, POINTS), 1 + 17 / rng.uniform(1, 8, POINTS)
        on_wall = np.arange(POINTS) % 2 == 0
        ego = np.stack([np.where(on_wall, 19, along), across, np.where(on_wall, rng.uniform(0, 6, POINTS), 0)], axis=1)
        points = np.zeros((POINTS, 4), np.float32)
        points[:, :3] = ego @ lidar_from_ego[:3, :3].T + lidar_from_ego[:3, 3]
        kept = {name: np.resize(getattr(frame.scan, name), POINTS) for name in ("kinds", "objects", "moving", "rings")}
        frames.append(replace(frame, scan=replace(frame.scan, points=points, **kept)))
    write_nuscenes("scene-0001", frames, rig, tmp_path / "logs", seed=1, split="val")
    return tmp_path / "logs"


@pytest.mark.slow
@pytest.mark.usefixtures("tried_out_here")
def test_the_recipe_labels_a_log_with_what_lies_in_the_cache(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "hub"
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    with pytest.raises(OcclabelError, match=r"priors\.depth .* does not hold Ruicheng.* occlabel fetch-weights"):
        make_plan(load_recipe("nuscenes_vfm"), NuScenesReader(root), Store(tmp_path / "store"))
    tiny_checkpoints.moge2(tiny_checkpoints.cached(cache, "Ruicheng/moge-2-vitl-normal"))
    tiny_detectors.grounding_dino(tiny_checkpoints.cached(cache, "IDEA-Research/grounding-dino-base"))
    tiny_detectors.sam2_video(tmp_path / "own")
    sets = [f"priors.segments.segmenter={tmp_path / 'own'}", "priors.segments.box_threshold=0.01", "clip_frames=2"]
    recipe, reader = load_recipe("nuscenes_vfm", sets), NuScenesReader(root)
    report = label_logs(recipe, reader, Store(tmp_path / "store"), "v1", workplace=Workplace("local"), quiet=True)
    assert report.state == "complete"
    version = open_version(f"{tmp_path / 'store'}@v1")
    depth, deviation, classes = (spec.on(CAMERA) for spec in (DEPTH, DEPTH_DEVIATION, SEGMENT_CLASS))
    stages = {version.info.arrays[spec.name].stage for spec in (depth, deviation)}
    assert stages == {"priors.metric"}
    assert version.info.arrays[classes.name].stage == "priors.segments"
    for frame in version.frames():
        known = np.isfinite(frame[depth])
        assert known.any() and (np.isfinite(frame[deviation]) == known).all()
        assert (frame[classes] != UNKNOWN).any()
        semantics = frame[SEMANTICS]
        assert ((semantics != UNKNOWN) & (semantics != recipe.taxonomy.free_id)).any() and frame[OBSERVED].any()
