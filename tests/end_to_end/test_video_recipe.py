"""The recipe ``video``: a film becomes labels, or an answer that says what is missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from box_street import STREET, K, drive, photographs
from filmed import film, telling

from occlabel.pipeline.planning.plan import make_plan
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.arrays import POSES, SCALE_DEVIATION, SEMANTICS
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.ingest.recognise import open_logs
from occlabel.workers.store import Store

COARSE = ["grid.voxel_size=0.8", "grid.shape=[64,64,8]", "grid.origin=[0,-25.6,-0.8]"]
FRAMES = 5


def noted(folder: Path, **known: object) -> Path:
    (folder / "calibration.yaml").write_text(yaml.safe_dump({"camera": known}))
    return folder / "drive.mp4"


@pytest.mark.slow
def test_a_film_of_a_street_is_labelled(tmp_path: Path) -> None:
    log = drive(FRAMES, 0.6)
    images = photographs(log, STREET).images
    film(tmp_path / "drive.mp4", (images[str(frame.cameras[0].path)] for frame in log.frames))
    reader, recipe = open_logs(noted(tmp_path, intrinsics=K.tolist(), height=1.6)), load_recipe("video", COARSE)
    store = Store(tmp_path / "store")
    plan = make_plan(recipe, reader, store)
    assert plan.cautions == ("log drive has no poses: they are made from its images",), "calibration is found as well"
    report = label_logs(recipe, reader, store, "v1", workplace=Workplace("local"), quiet=True)
    assert report.state == "complete"
    frames = list(open_version(f"{tmp_path}/store@v1").frames())
    way = np.array([frame[POSES][:3, 3] for frame in frames], np.float64)
    np.testing.assert_allclose(way[-1] - way[0], [0.6 * (FRAMES - 1), 0, 0], atol=0.3)
    assert all(0.05 <= float(frame[SCALE_DEVIATION]) < 0.2 for frame in frames)
    assert all((frame[SEMANTICS] != UNKNOWN).mean() > 0.1 for frame in frames)


def test_what_a_film_lacks_is_asked_for(tmp_path: Path) -> None:
    film(tmp_path / "drive.mp4", map(telling, range(4)))
    recipe = load_recipe("video")

    def said(path: Path) -> str:
        plan = make_plan(recipe, open_logs(path), Store(tmp_path / "store"))
        return plan.refused["drive"]

    assert "K of camera is not known, and without it images tell no angles" in said(tmp_path / "drive.mp4")
    lacking = said(noted(tmp_path, intrinsics=[[80, 0, 47.5], [0, 80, 23.5], [0, 0, 1]]))
    assert "how high camera sits above the road is not known" in lacking
    found = make_plan(
        load_recipe("video", ["geometry.camera_height=1.5"]), open_logs(tmp_path / "drive.mp4"), Store(tmp_path / "s")
    )
    assert not found.refused


def test_a_film_of_nothing_is_an_answer(tmp_path: Path) -> None:
    film(tmp_path / "drive.mp4", [np.full((48, 96, 3), 9, np.uint8)] * 4)
    path = noted(tmp_path, intrinsics=[[80, 0, 47.5], [0, 80, 23.5], [0, 0, 1]], height=1.5)
    store = Store(tmp_path / "store")
    report = label_logs(
        load_recipe("video", COARSE), open_logs(path), store, "v1", workplace=Workplace("local"), quiet=True
    )
    assert report.info is None
    assert any("shares enough with others to tell a motion" in entry.error for entry in report.entries)
