"""The built wheel, installed where only the light libraries are: the command line must not import the heavy ones."""

import fcntl
import os
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_up_versions import MadeUpFrame, MadeUpVersion, publish
from packaging.requirements import Requirement

from occlabel.schemas.grid import Grid
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES

ROOT = Path(__file__).parents[2]
LIGHT = ("typer", "rich", "pydantic", "pyyaml", "numpy")
HELP = """
import contextlib, io
import typer
from occlabel.pipeline.cli import app
for command in typer.main.get_command(app).commands:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        app([command, "--help"], prog_name="occlabel", standalone_mode=False)
    assert f"Usage: occlabel {command}" in said.getvalue(), said.getvalue()
    print(command)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    build(out, dict(os.environ))
    return next(out.glob("*.whl"))


def build(out: Path, environment: dict[str, str], *flags: str) -> str:
    """What is said. All processes of the tests build in the project's own folder: one after the other."""
    command: list[Any] = [sys.executable, "-m", "build", "--wheel", *flags, "--outdir", out, ROOT]
    with (ROOT / "pyproject.toml").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
        shutil.rmtree(ROOT / "build", ignore_errors=True)  # what an earlier build left there would go into the wheel
        said = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    return said.stdout + said.stderr


@pytest.mark.slow
def test_the_wheel_holds_the_packages_the_recipes_and_the_weights_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    folders = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert folders == {"occlabel"}
    assert {n for n in names if n.endswith(".yaml")} >= {
        "occlabel/pipeline/planning/recipes/semantickitti_lidar.yaml",
        "occlabel/pipeline/planning/recipes/nuscenes_lidar.yaml",
    }
    rooms = ("schemas", "stages", "workers", "pipeline")
    sources = {f"occlabel/{path.relative_to(ROOT)}" for room in rooms for path in (ROOT / room).rglob("*.py")}
    assert sources <= set(names)
    weights = {f"occlabel/{path.relative_to(ROOT)}" for path in (ROOT / "stages").rglob("*.safetensors")}
    assert weights <= set(names)


@pytest.mark.slow
def test_help_runs_from_the_wheel_without_the_heavy_libraries(wheel: Path, tmp_path: Path) -> None:
    clean = tmp_path / "clean"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", clean], check=True)
    python, (site,) = clean / "bin/python", clean.glob("lib/python*/site-packages")
    for path in _light():
        (site / path.name).symlink_to(path)
    flags: list[Any] = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, *flags, wheel], check=True, capture_output=True)
    asked: list[tuple[list[Any], str]] = [
        ([clean / "bin/occlabel", "--help"], "Usage: occlabel"),
        ([python, "-c", HELP], "versions"),
    ]
    for words, said in asked:
        result = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert result.returncode == 0, result.stderr
        assert said in result.stdout


def _light() -> set[Path]:
    """The folders and files of the light libraries and of all that they need, where they are installed."""
    todo, seen, found = list(LIGHT), set(), set()
    while todo:
        one = metadata.distribution(todo.pop())
        if one.name.lower() in seen:
            continue
        seen.add(one.name.lower())
        needs = [Requirement(text) for text in one.requires or ()]
        todo += [need.name for need in needs if need.marker is None or need.marker.evaluate({"extra": ""})]
        tops = {file.parts[0] for file in one.files or ()} - {"..", "__pycache__"}
        found |= {Path(str(one.locate_file(top))) for top in tops}
    return found


SCRIPT = """
import sys
import occlabel
assert not any(name in sys.modules for name in ("torch", "ray", "zarr", "numpy", "pydantic"))
assert occlabel.__file__.startswith(sys.argv[2]), occlabel.__file__
import schemas, pipeline, stages, workers
assert schemas.MINE == pipeline.MINE == stages.MINE == workers.MINE == "the user's own"
version = occlabel.open_version(sys.argv[1])
frame = next(version.frames())
print(len(version.space.taxonomy.names), frame.load("semantics").max(), *sorted(occlabel.__all__))
"""


@pytest.mark.slow
def test_beside_packages_of_a_user_that_have_our_folders_names(wheel: Path, tmp_path: Path) -> None:
    site, mine = tmp_path / "site", tmp_path / "mine"
    flags: list[Any] = ["--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", "--target", site]
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, wheel], check=True, capture_output=True)
    for name in ("schemas", "pipeline", "stages", "workers"):
        (mine / name).mkdir(parents=True)
        (mine / name / "__init__.py").write_text('MINE = "the user\'s own"\n')
    (mine / "script.py").write_text(SCRIPT)
    space = LabelSpace(Grid(origin=(0, 0, 0), voxel_size=1, shape=(4, 4, 2), frame="ego"), TAXONOMIES["occ3d"])
    frames = [MadeUpFrame("a", "0", {"semantics": np.full((4, 4, 2), 11, np.uint8)})]
    publish(MadeUpVersion(frames, space), tmp_path / "store")
    result = subprocess.run(
        [sys.executable, "script.py", f"{tmp_path}/store@v1", site],
        cwd=mine, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    classes, highest, *public = result.stdout.split()
    assert (classes, highest) == ("18", "11")
    assert {"open_version", "open_logs", "load_recipe", "label_logs", "evaluate", "Stage", "LogReader"} <= set(public)


@pytest.mark.slow
def test_a_build_warns_of_nothing(tmp_path: Path) -> None:
    # Where Python may not write byte code, setuptools says so; that is no fault of the project.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    assert "warning" not in build(tmp_path, environment, "--no-isolation").lower()
