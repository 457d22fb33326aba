"""The built wheel, installed where only the light libraries are: the command line must not import the heavy ones."""

import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIGHT = ("typer", "rich", "pydantic", "pyyaml", "numpy")
COMMANDS = [
    "logs",
    "simulate",
    "plan",
    "run",
    "status",
    "versions",
    "evaluate",
    "export",
    "train",
    "view",
    "replay",
    "demo",
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    shutil.rmtree(ROOT / "build", ignore_errors=True)  # what an earlier build left there would go into the wheel
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--outdir", out, ROOT], check=True, capture_output=True)
    return next(out.glob("*.whl"))


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


def test_help_runs_from_the_wheel_without_the_heavy_libraries(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "clean"], check=True)
    python = tmp_path / "clean/bin/python"
    pins = [f"{name}=={metadata.version(name)}" for name in LIGHT]
    installs = ([*pins], ["--no-deps", str(wheel)])
    for packages in installs:
        command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=True, capture_output=True)
    for arguments in ([], *([command] for command in COMMANDS)):
        result = subprocess.run(
            [tmp_path / "clean/bin/occlabel", *arguments, "--help"],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        assert "Usage: occlabel" in result.stdout
