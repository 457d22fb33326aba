"""Stages that occlabel has none of run through the whole house: a camera prior, and poses for a log without any."""

from pathlib import Path

import made_up_town as town
import numpy as np
import pytest
from chain import GRID, Smooth, Voxelise
from kept_hands import OneRay
from toy_stages import BrightIsNear, BrightnessOdometer

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.published.version import PublishedVersion, open_version
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import DEPTH, POSES, SEMANTICS
from occlabel.schemas.errors import BadRecipe
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.town.writers.kitti import write_kitti
from occlabel.workers.store import Store

FRAMES, CLIP = 6, 4
CAMERA = "image_2"


def recipe(**changes: object) -> Recipe:
    """Depth, then poses, then a class for each point, then a vote that needs poses."""
    fields = {"priors": {"depth": BrightIsNear()}, "geometry": BrightnessOdometer()}
    fields |= {"completion": Voxelise(), "voting": Smooth()}
    space = {"grid": GRID, "taxonomy": TAXONOMIES["semantickitti"], "clip_frames": CLIP}
    return Recipe.model_validate({**space, **fields, **changes})


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> KittiReader:
    """A log with images, scans and a calibration, and no poses."""
    root, rig = tmp_path_factory.mktemp("drive"), town.rig("kitti", (CAMERA,))
    write_kitti("00", town.frames(rig, FRAMES), rig, root)
    (root / "sequences/00/poses.txt").unlink()
    return KittiReader(root)


def label(reader: KittiReader, store: Path, place: Workplace = Workplace("local"), **changes: object) -> Report:
    return label_logs(recipe(**changes), reader, Store(store), "v1", workplace=place, quiet=True)


@pytest.fixture(scope="module")
def version(reader: KittiReader, one_ray: OneRay, tmp_path_factory: pytest.TempPathFactory) -> PublishedVersion:
    """Labelled on Ray."""
    store = tmp_path_factory.mktemp("store")
    report = label(reader, store, one_ray)
    assert report.state == "complete"
    return open_version(f"{store}@v1")


@pytest.mark.slow
def test_a_version_holds_the_depth_of_each_camera(version: PublishedVersion, reader: KittiReader) -> None:
    spec = version.info.specs[f"depth/{CAMERA}"]
    assert (spec.stride, spec.dims, version.info.arrays[spec.name].stage) == (4, ("frame", "v", "u"), "priors.depth")
    assert version.info.cameras == {"00": (CAMERA,)}
    [log] = reader.logs()
    for frame, published in zip(log.frames, version.frames(), strict=True):
        image = reader.image(frame.cameras[0])
        depth = published[DEPTH.on(CAMERA)]
        assert depth.shape == tuple(-(-side // 4) for side in image.shape[:2])
        dark = 1 - image[::4, ::4].mean(axis=2) / 255
        expected = 50 * dark * frame.cameras[0].intrinsics[0, 0] / 100
        np.testing.assert_allclose(depth.astype(float), expected, rtol=2e-3, atol=1e-2)


@pytest.mark.slow
def test_a_version_keeps_the_poses_that_were_estimated(version: PublishedVersion, reader: KittiReader) -> None:
    [log] = reader.logs()
    assert all(frame.world_from_ego is None for frame in log.frames)
    for frame, published in zip(log.frames, version.frames(), strict=True):
        way = reader.image(frame.cameras[0]).mean() / 20
        assert published.world_from_grid is not None
        assert published.world_from_grid[0, 3] == pytest.approx(way)
        np.testing.assert_array_equal(published[POSES], np.array(published.row.world_from_ego).reshape(4, 4))
        assert published.holds(SEMANTICS) and published.row.time == pytest.approx(frame.time)


@pytest.mark.slow
def test_labels_do_not_depend_on_who_made_them_and_are_not_made_twice(
    version: PublishedVersion, reader: KittiReader, tmp_path: Path
) -> None:
    report = label(reader, tmp_path / "local")
    assert report.info is not None
    assert report.info.content_digest == version.info.content_digest
    again = label(reader, tmp_path / "local")
    assert again.run is None, "nothing was left to do"
    receipts = sorted((tmp_path / "local/receipts/priors.depth").rglob("*.json"))
    assert [path.stem for path in receipts] == ["000000-000004", "000004-000006"]
    receipts[1].unlink()
    mended = label(reader, tmp_path / "local")
    assert mended.run is not None
    assert {stage.stage: stage.done for stage in mended.run.stages if stage.done} == {"priors.depth": 1}


def test_an_option_of_the_prior_makes_it_anew_and_nothing_else(reader: KittiReader, tmp_path: Path) -> None:
    before = make_plan(recipe(), reader, Store(tmp_path)).logs[0].fingerprints
    after = make_plan(recipe(priors={"depth": BrightIsNear(farthest=60)}), reader, Store(tmp_path)).logs[0].fingerprints
    assert [a == b for a, b in zip(before, after, strict=True)] == [True, False, True, True]


def test_a_log_without_poses_is_told_who_could_write_them(reader: KittiReader, tmp_path: Path) -> None:
    plan = make_plan(recipe(geometry=None), reader, Store(tmp_path))
    assert not plan.logs
    said = plan.refused["00"]
    assert "log 00 has no poses" in said and "add a geometry block" in said and "--skip voting" in said


def test_an_array_that_nobody_writes_is_refused_with_who_could() -> None:
    with pytest.raises(BadRecipe, match=r"stage voting \(smooth\) reads 'semantics', which nothing before it writes; "):
        recipe(completion=None)


def test_what_cannot_work_without_a_slot_falls_with_it() -> None:
    said: list[str] = []
    left = recipe().without(["completion"], said.append)
    assert [step.name for step in left.chain] == ["geometry", "priors.depth"]
    assert said == ["--skip completion leaves out stage voting (smooth) too: nothing else writes 'semantics' for it"]
