"""What Dr.Occ is taught of simulated logs; logs that teach nothing are refused by name; and the rows of its table."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny_glance
import torch
from safetensors import safe_open
from simulated import ONE_ORACLE, TWO_SWEPT, Simulated
from tiny_drocc import SIZES, SPACE, drive

from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.teaching.delegating_reader import DelegatingReader
from occlabel.pipeline.teaching.drocc_rows import Result, Trials, ablate, table
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.train_drocc import prepared, train, with_trunk
from occlabel.schemas.drive_log import DriveLog
from occlabel.schemas.errors import BadLog, BadRecipe, OcclabelError
from occlabel.schemas.taxonomy import UNKNOWN
from occlabel.stages.completion.drocc.options import Options
from occlabel.stages.completion.drocc.samples import Lesson
from occlabel.stages.completion.drocc.weight_file import load_network
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.priors.glance import weight_file
from occlabel.workers.store import Store

TINY = Options(
    steps=1, epoch=1, **{name: getattr(SIZES, name) for name in ("encoder", "stem", "rows", "columns", "width", "step")}
)


class Elsewhere(DelegatingReader):
    """The same logs, as if they were others."""

    def logs(self, ids: list[str] | None = None) -> Iterator[DriveLog]:
        return (replace(log, text=f"{log.text}, elsewhere") for log in super().logs(ids))


def recipe(root: Path) -> Recipe:
    path = root / "priors/degraded/depth/{log}/{camera}/{frame}.png"
    return load_recipe("nuscenes_camera", [f"priors.depth={{kind: stored_depth, path: '{path}'}}"])


def test_a_simulated_log_is_what_its_files_say(simulated: Simulated, tmp_path: Path) -> None:
    root = simulated("nuscenes", ONE_ORACLE)
    reader, told = open_logs(root), recipe(root)
    lesson = prepared(told, Roots(reader, Elsewhere(reader)), Store(tmp_path / "priors"), "local")
    assert lesson.facts["priors"] == "stored_depth", "segments are of no use to it"
    (one,), (log,) = lesson.learned, reader.logs()
    assert (one.frames, one.cameras) == (3, 6) and len(lesson.held_out) == 1
    truth, whole = one.truth(0), reader.voxel_truth(log.frames[0])
    assert whole is not None and ((truth != UNKNOWN) == (whole.scored & (whole.semantics != UNKNOWN))).all()
    moment = one.moment(0)
    assert not moment.blind and moment.world_from_ego is not None
    for taken, camera, metres in zip(moment.cameras, log.frames[0].cameras, one.exact(0), strict=True):
        assert taken is not None and metres is not None and camera.intrinsics is not None
        assert (taken.image == reader.image(camera)).all() and (taken.intrinsics == camera.intrinsics).all()
        assert metres.shape == taken.image.shape[:2]
        both = np.isfinite(taken.depth) & np.isfinite(metres[::4, ::4])
        ratio = taken.depth[both].astype(float) / metres[::4, ::4][both]
        assert both.mean() > 0.2 and 0.7 < np.median(ratio) < 1.4 and (np.abs(ratio - 1) > 1e-3).any()


def test_logs_that_teach_nothing_are_refused_by_name(simulated: Simulated, tmp_path: Path) -> None:
    root = simulated("nuscenes", ONE_ORACLE)
    bare = shutil.copytree(root, tmp_path / "bare", ignore=shutil.ignore_patterns("exact"))
    without = recipe(root).model_copy(update={"priors": {}})
    for told, logs, error, said in (
        (recipe(root), bare, BadLog, r"has no priors/exact/depth/.*png.*simulate the logs with --priors exact"),
        (recipe(root), simulated("nuscenes", TWO_SWEPT), BadLog, "has no cameras: simulate it without --no-images"),
        (without, root, BadRecipe, "no priors that write depth"),
    ):
        with pytest.raises(error, match=said):
            train(told, Roots(open_logs(logs)), tmp_path / "x.safetensors", TINY, "local", "typed")


def test_rows_are_trained_once_and_make_a_table(tmp_path: Path) -> None:
    lesson = Lesson([drive(2, far=7.0)], [drive(1, far=6.0)], {"priors": "made up"})
    found = list(ablate(SPACE, lesson, tmp_path, TINY, Trials(["base", "d2"], [0])))
    assert [(one.row, one.seed, one.frames) for one in found] == [("base", 0, 1), ("d2", 0, 1)]
    files = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")}
    assert set(files) == {"base-0.safetensors", "d2-0.safetensors"}
    assert list(ablate(SPACE, lesson, tmp_path, TINY, Trials(["base", "d2"], [0]))) == found
    assert {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("*.safetensors")} == files
    with pytest.raises(OcclabelError, match=r"base-0\.safetensors was made of other logs or with other options"):
        list(ablate(SPACE, lesson, tmp_path, TINY.model_copy(update={"rate": 9e-2}), Trials(["base"], [0])))
    others = Lesson(lesson.learned, lesson.held_out, {"priors": "made up", "logs": "others"})
    with pytest.raises(OcclabelError, match="was made of other logs"):
        list(ablate(SPACE, others, tmp_path, TINY, Trials(["base"], [0])))
    with pytest.raises(OcclabelError, match="there is no row 'r3'; there are base, d2, d2-r, d2-r2, direct"):
        list(ablate(SPACE, lesson, tmp_path, TINY, Trials(["r3"], [0])))
    begun = next(ablate(SPACE, lesson, tmp_path / "begun", TINY, Trials(["d2"], [1], start_steps=1)))
    assert (begun.row, begun.seed) == ("d2", 1)
    start = read_facts(tmp_path / "begun/d2-1.safetensors")["start"]
    assert start.startswith("start-1.safetensors, digest ")
    with pytest.raises(OcclabelError, match=r"d2-1\.safetensors was made of other logs or with other options"):
        list(ablate(SPACE, lesson, tmp_path / "begun", TINY, Trials(["d2"], [1])))


def test_the_table_is_the_papers() -> None:
    results = [
        Result("base", 0, 0.70, 0.36, 9),
        Result("base", 1, 0.71, 0.37, 9),
        Result("d2-r2", 0, 0.7287, 0.4343, 9),
    ]
    lines = table(results).splitlines()
    assert lines[2:] == [
        "|  |  |  |  | 70.50 +- 0.50 | 36.50 +- 0.50 |",
        "| x |  | x |  | 72.87 | 43.43 |",
    ]


def test_the_eyes_of_a_training_are_those_that_are_named(tmp_path: Path) -> None:
    eyes = TINY.model_copy(update={"encoder": "glance"})
    assert with_trunk(eyes).trunk == weight_file.SHIPPED and with_trunk(TINY).trunk is None
    other = tiny_glance.weights(tmp_path / "eyes.safetensors", seed=1)
    lesson = Lesson([drive(2, far=7.0)], [drive(1, far=6.0)], {})
    list(ablate(SPACE, lesson, tmp_path, eyes.model_copy(update={"trunk": other}), Trials(["base"], [0])))
    trained, _ = load_network(tmp_path / "base-0.safetensors", SPACE)
    with safe_open(other, "pt") as file:
        stem = file.get_tensor("stem.0.weight")
    seen = trained.state_dict()["encoder.trunk.stem.0.weight"]
    torch.testing.assert_close(seen, stem, atol=1e-3, rtol=1e-3)
    with pytest.raises(OcclabelError, match=r"base-0\.safetensors was made of other logs .* or trunk"):
        list(ablate(SPACE, lesson, tmp_path, eyes, Trials(["base"], [0])))
    for idle in ({"encoder": "resnet18"}, {"encoder": "glance", "start": tmp_path / "base-0.safetensors"}):
        with pytest.raises(OcclabelError, match="--trunk is what --encoder glance begins with"):
            with_trunk(TINY.model_copy(update={"trunk": other, **idle}))
