"""ViPOcc is learned on logs on disk without their labels, and what it labels is scored; what cannot work is said."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from box_street import STREET, K, drive, photographs
from PIL import Image
from simulated import TWO_SHORT, Simulated

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.train_vipocc import parted, train
from occlabel.pipeline.teaching.vipocc_rows import ROWS, rows
from occlabel.schemas.errors import BadLog, BadRecipe, BadWeights, OcclabelError
from occlabel.stages.completion.vipocc.options import Options
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.ingest.recognise import open_logs

FEW = Options(steps=1, epoch=1, batch=1, stem=8, rows=64, columns=96, channels=8, rays=128, samples=8, views=2)
GRID = {"origin": [0.0, -12.8, -2.0], "voxel_size": 0.4, "shape": [64, 64, 16], "frame": "lidar"}
SPACE = {"grid": GRID, "taxonomy": "semantickitti"}


def recipe(**more: object) -> Recipe:
    return Recipe.model_validate({**SPACE, "priors": {"depth": {"kind": "lidar"}}, **more})


@pytest.mark.slow
def test_a_row_is_trained_and_scored_without_labels(simulated: Simulated, tmp_path: Path) -> None:
    reader = KittiReader(simulated("kitti", TWO_SHORT))
    completion = {"kind": "vipocc", "weights": "none.safetensors", "segments": False, "unnamed": "building"}
    (row,) = rows(recipe(completion=completion), (reader, reader), tmp_path, FEW, ["baseline"])
    assert row.name == "baseline" and not math.isnan(row.scores["scene slice"].o_acc)
    assert row.abs_rel is not None and row.abs_rel.startswith("0.0"), "half of the points say how far the others are"
    with pytest.raises(OcclabelError, match=r"0.safetensors was made of other logs or with other options"):
        next(
            rows(
                recipe(completion=completion),
                (reader, reader),
                tmp_path,
                FEW.model_copy(update={"seed": 9}),
                ["baseline"],
            )
        )
    with pytest.raises(BadRecipe, match="there is no row all; there are baseline"):
        next(rows(recipe(completion=completion), (reader, reader), tmp_path, FEW, ["all"]))


def test_rows_are_options_and_differ() -> None:
    every = [FEW.model_copy(update=changed) for changed in ROWS.values()]
    assert all(Options.model_validate(one.model_dump()) == one for one in every)
    assert len({one.model_dump_json() for one in every}) == len(ROWS)
    assert every[-1] == FEW, "the last is the whole"


def test_what_cannot_work_is_said_before_anything_is_run(tmp_path: Path) -> None:
    out = tmp_path / "w.safetensors"
    with pytest.raises(BadRecipe, match=r"the rows are of completion\.kind vipocc"):
        next(rows(recipe(), (KittiReader(tmp_path), KittiReader(tmp_path)), tmp_path, FEW, ["full"]))
    blind = tmp_path / "blind/sequences/00"
    (blind / "velodyne").mkdir(parents=True)
    (blind / "velodyne/000000.bin").write_bytes(bytes(160))
    reader = KittiReader(tmp_path / "blind")
    with pytest.raises(BadLog, match="has no log with poses and images of a calibrated camera"):
        train(recipe(), Roots(reader), out, FEW, "local", "")
    bare = Recipe.model_validate({**SPACE, "evidence": {"kind": "rays"}})
    with pytest.raises(BadRecipe, match="no priors that write depth, which ViPOcc aligns"):
        train(bare, Roots(reader), out, FEW, "local", "")
    gone = FEW.model_copy(update={"start": tmp_path / "gone.safetensors"})
    with pytest.raises(BadWeights, match=r"there is no weight file .*gone\.safetensors"):
        train(recipe(), Roots(reader), out, gone, "local", "")
    assert not out.with_suffix(".training").exists()


def test_where_images_of_a_film_were_taken_is_found_in_them(tmp_path: Path) -> None:
    log, film = drive(6, 0.6), tmp_path / "film"
    film.mkdir()
    for path, image in photographs(log, STREET).images.items():
        Image.fromarray(image).save(film / f"{Path(path).name}.png")
    (film / "calibration.yaml").write_text(f"rate: 10\ncamera: {{intrinsics: {K.tolist()}, height: 1.6}}\n")
    blind = recipe(grid={**GRID, "frame": "ego"}, priors={"depth": {"kind": "glance_depth"}})
    with pytest.raises(BadLog, match=r"a stage that finds poses in them, as geometry: {kind: odometry}"):
        parted(blind, Roots(open_logs(film)), tmp_path, "local", 10)
    seeing = Recipe.model_validate(blind.model_dump() | {"geometry": {"kind": "odometry"}})
    (views,) = parted(seeing, Roots(open_logs(film), open_logs(film)), tmp_path, "local", 10).learned
    way = [view["camera"].world_from_camera[:3, 3] for view in views]
    np.testing.assert_allclose(np.linalg.norm(np.diff(way, axis=0), axis=1), 0.6, rtol=0.1)
