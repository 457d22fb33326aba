"""A package of a user, installed: its stage, its reader and its exporter are found by their entry points."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

PACKAGE = Path(__file__).parents[1] / "packages/streetwise"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the package is installed."""
    site = tmp_path_factory.mktemp("site")
    flags = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    copy = tmp_path_factory.mktemp("source") / "streetwise"
    copy.mkdir()
    for path in PACKAGE.rglob("*"):  # pip builds where the source lies
        if path.is_file() and "__pycache__" not in path.parts:
            (copy / path.relative_to(PACKAGE)).parent.mkdir(exist_ok=True)
            (copy / path.relative_to(PACKAGE)).write_bytes(path.read_bytes())
    command: list[Any] = [sys.executable, "-m", "pip", "install", *flags, "--target", site, copy]
    subprocess.run(command, check=True, capture_output=True)
    return site


def occlabel(site: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site)}
    command = [sys.executable, "-m", "occlabel", *map(str, arguments)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_recipe_names_its_stage_its_logs_are_recognised_and_its_format_is_written(site: Path, tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "streets.txt").write_text("elm 2\noak 1\n")
    for name in ("elm-0", "elm-1", "oak-0"):
        np.save(logs / f"{name}.npy", np.array([[0.5, 0.5, 0.5, 1], [0.6, 0.6, 0.6, 1], [3.5, 1.5, 0.5, 1]]))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        "grid: {origin: [0, 0, 0], voxel_size: 1, shape: [4, 4, 2], frame: lidar}\n"
        "taxonomy: semantickitti\ncompletion: {kind: flat}\n"
    )
    store = tmp_path / "store"
    ran = occlabel(site, "run", recipe, "--logs", logs, "--store", store, "--version", "v1", "--workers", 1)
    assert ran.returncode == 0, ran.stderr
    wrote = occlabel(site, "export", f"{store}@v1", "--format", "counts", "--out", tmp_path / "out")
    assert (wrote.returncode, wrote.stdout) == (0, "version v1: counted 3 frames\n"), wrote.stderr
    rows = list(csv.DictReader((tmp_path / "out/counts.csv").open()))
    assert [(row["log"], row["frame"], row["road"], row["free"]) for row in rows] == [
        ("elm", "0", "2", "30"), ("elm", "1", "2", "30"), ("oak", "0", "2", "30"),
    ]  # fmt: skip


def test_without_the_package_what_it_brings_is_not_known_and_that_is_said(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("{grid: occ3d, taxonomy: occ3d, completion: {kind: flat}}")
    said = occlabel(tmp_path, "plan", recipe, "--logs", tmp_path, "--store", tmp_path / "store")
    assert said.returncode == 1
    assert "completion has no kind 'flat'; known: lmscnet, " in said.stderr
