"""The residual of depth is learned on what an alignment leaves over of logs on disk; what cannot work is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from box_street import AHEAD, SIZE, STREET, K, drive, images, photographs, sweeps
from PIL import Image
from typer.testing import CliRunner

from occlabel.pipeline.cli.train import app
from occlabel.pipeline.planning.recipe import Recipe
from occlabel.pipeline.teaching.half_sweeps import HalfSweeps
from occlabel.pipeline.teaching.held_out import Roots
from occlabel.pipeline.teaching.train_depth_alignment import train
from occlabel.schemas.arrays import DEPTH
from occlabel.schemas.errors import BadLog, BadRecipe
from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.stages.ingest.kitti import KittiReader
from occlabel.stages.learning.weight_header import read_facts
from occlabel.stages.priors.alignment.residual.options import Options

FRAMES = 3
FEW = ("--steps", "1", "--epoch", "1", "--batch", "1", "--height", "64", "--width", "128", "--executor", "local")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two drives down a street of boxes as KITTI has them, and depth of which the far is too near."""
    root = tmp_path_factory.mktemp("streets")
    for name in ("00", "01"):
        _write(root, name)
    return root


def _write(root: Path, name: str) -> None:
    log, folder = drive(FRAMES), root / "sequences" / name
    depth = np.asarray(images(log, STREET, TAXONOMIES["semantickitti"])[DEPTH.on("front").name], np.float32)
    for part in ("image_2", "velodyne", "depth"):
        (folder / part).mkdir(parents=True)
    taken, scans = photographs(log, STREET).images, sweeps(log, STREET).scans
    for frame, seen in zip(log.frames, depth, strict=True):
        Image.fromarray(taken[f"front/{frame.name}"]).save(folder / f"image_2/{frame.name}.png")
        scans[frame.name].tofile(folder / f"velodyne/{frame.name}.bin")
        whole = seen.repeat(DEPTH.stride, axis=0).repeat(DEPTH.stride, axis=1)
        np.save(folder / f"depth/{frame.name}.npy", 10 * (whole / 10) ** 0.85)
    sweep, first = log.frames[0].sweep, log.frames[0].world_from_ego
    assert sweep is not None and first is not None
    camera_from_lidar = inverse(AHEAD) @ sweep.ego_from_lidar
    rows = [f"P{n}: {_row(np.column_stack([K, np.zeros(3)]))}" for n in range(4)] + [f"Tr: {_row(camera_from_lidar)}"]
    (folder / "calib.txt").write_text("\n".join(rows) + "\n")
    poses = [inverse(first @ AHEAD) @ frame.world_from_ego @ AHEAD for frame in log.frames]  # type: ignore[operator]
    (folder / "poses.txt").write_text("".join(f"{_row(pose)}\n" for pose in poses))
    (folder / "times.txt").write_text("".join(f"{frame.time:e}\n" for frame in log.frames))


def _row(matrix: Matrix) -> str:
    return " ".join(f"{number:.9e}" for number in matrix[:3].ravel())


@pytest.fixture(scope="module")
def recipe(root: Path) -> Path:
    path = root / "recipe.yaml"
    depth = "{kind: stored_depth, path: 'sequences/{log}/depth/{frame}.npy'}"
    path.write_text(
        f"grid: semantickitti\ntaxonomy: semantickitti\npriors:\n  depth: {depth}\n"
        "  metric: {kind: lidar_alignment}\ncompletion: {kind: lmscnet}\n"
    )
    return path


@pytest.mark.slow
def test_what_an_alignment_leaves_over_is_learned_by_the_other_half_of_each_sweep(
    root: Path, recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "w.safetensors"
    command = ["depth_alignment", str(recipe), "--logs", str(root), "--out", str(out), *FEW]
    told = CliRunner().invoke(app, command, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert "network residual-1, alignment stored_depth, lidar_alignment, abs_rel 0." in told.output
    facts = read_facts(out)
    assert facts["logs"] == "1", "the other is held out"
    before = float(facts["abs_rel"].split()[0])
    assert 0 < before < 0.1, "depth is aligned, and points of the other half fall where the image shows them"


def test_halves_of_a_sweep_are_disjoint_and_all_of_it(root: Path) -> None:
    reader = KittiReader(root)
    log = next(iter(reader.logs()))
    sweep = log.frames[0].sweep
    assert sweep is not None and log.frames[0].cameras[0].size == SIZE
    whole, *parts = (one.points(sweep) for one in (reader, HalfSweeps(reader, False), HalfSweeps(reader, True)))
    assert all(0.45 < len(part) / len(whole) < 0.55 for part in parts)
    rows = [{tuple(point) for point in part.tolist()} for part in (whole, *parts)]
    assert rows[1] | rows[2] == rows[0] and not rows[1] & rows[2]


def test_what_cannot_work_is_said_before_anything_is_aligned(root: Path, tmp_path: Path) -> None:
    out, space = tmp_path / "w.safetensors", {"grid": "semantickitti", "taxonomy": "semantickitti"}
    bare = Recipe.model_validate({**space, "priors": {"depth": {"kind": "lidar"}}})
    with pytest.raises(BadRecipe, match="the recipe has no alignment of depth"):
        train(bare, Roots(KittiReader(root)), out, Options(), "local", "")
    priors = {"depth": {"kind": "lidar"}, "metric": {"kind": "lidar_alignment"}}
    aligned = Recipe.model_validate({**space, "priors": priors})
    blind = tmp_path / "blind/sequences/00"
    (blind / "velodyne").mkdir(parents=True)
    (blind / "velodyne/000000.bin").write_bytes(bytes(160))
    with pytest.raises(BadLog, match="has no log with images of a calibrated camera"):
        train(aligned, Roots(KittiReader(tmp_path / "blind")), out, Options(), "local", "")
    assert not out.with_suffix(".training").exists()
