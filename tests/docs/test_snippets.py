"""What the pages print runs as it stands there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.pipeline.planning.kinds import stage_class
from occlabel.pipeline.planning.recipe_file import load_recipe
from occlabel.pipeline.published.manifest import encode
from occlabel.schemas.arrays import CONFIDENCE, SEMANTICS, ArraySpec, Extent
from occlabel.schemas.drive_log import Moment
from occlabel.schemas.grid import Grid
from occlabel.schemas.rig import Rig
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.stage import Clip, Hands, Inputs, NoSensors
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.schemas.version import (
    ArrayPlace,
    Provenance,
    PublishedArray,
    VersionFrame,
    VersionInfo,
    content_digest,
)
from occlabel.workers.artifact import Artifact, frame_digests
from occlabel.workers.store import Store

DOCS = Path(__file__).parents[2] / "docs"
SPACE = LabelSpace(
    Grid(origin=(0, -2, -1), voxel_size=1.0, shape=(4, 4, 2), frame="lidar"), TAXONOMIES["semantickitti"]
)
CAR, FRAMES, CLIP_FRAMES = SPACE.taxonomy.names.index("car"), 3, 2


def snippets(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (DOCS / page).read_text(), re.DOTALL)


def publish_cars(store: Store) -> None:
    """Version v1: log 00 of three frames, of which frame n has n + 1 cars in a corner, surely, and is else unknown."""
    specs: tuple[ArraySpec[np.uint8], ...] = (SEMANTICS, CONFIDENCE)
    extent = Extent(FRAMES, SPACE.grid)
    arrays = {spec.name: spec.empty(extent) for spec in specs}
    for index in range(FRAMES):
        arrays["semantics"][index, : index + 1, 0, 0] = CAR
        arrays["confidence"][index, : index + 1, 0, 0] = 255
    artifact = Artifact(store, "completion", "0123", "00")
    artifact.create(specs, extent, CLIP_FRAMES)
    for start in range(0, FRAMES, CLIP_FRAMES):
        clip = Clip("00", start, min(start + CLIP_FRAMES, FRAMES))
        artifact.write(clip, {n: a[clip.start : clip.stop] for n, a in arrays.items()}, specs, CLIP_FRAMES)
    digests = {name: frame_digests(array) for name, array in arrays.items()}
    pose = np.eye(4)
    pose[0, 3] = 5.0
    rows = [
        VersionFrame(
            log="00", index=index, name=f"{index:06d}", time=index / 10,
            world_from_ego=tuple(pose.ravel().tolist()),
            arrays={n: ArrayPlace(path=f"{artifact.path}/{n}", digest=digests[n][index]) for n in arrays},
        )
        for index in range(FRAMES)
    ]  # fmt: skip
    info = VersionInfo(
        name="v1", created="2026-01-01T00:00:00+00:00", space=SPACE,
        arrays={spec.name: PublishedArray(stage="completion", facts=spec.facts()) for spec in specs},
        logs=("00",), frames=FRAMES, missing={}, gates=(), content_digest=content_digest(rows),
        provenance=Provenance(code="0", recipe=""),
    )  # fmt: skip
    store.check_layout(mark=True)
    store.put("versions/v1.parquet", encode(info, rows))


@pytest.mark.parametrize(("number", "who"), [(0, "occlabel"), (2, "zarr and pyarrow alone")])
def test_a_version_is_read_as_the_page_says(
    number: int, who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    publish_cars(Store(tmp_path / "STORE"))
    monkeypatch.chdir(tmp_path)
    code = snippets("reading.md")[number]
    assert ("occlabel." in code) == (who == "occlabel")  # the other needs no line of ours
    exec(compile(code, "docs/reading.md", "exec"), {})
    first, *frames = capsys.readouterr().out.splitlines()
    assert "00" in first and "3" in first and "car" in first
    assert frames == ["00 000000 0.0 1", "00 000001 0.1 2", "00 000002 0.2 3"]


def test_the_gates_of_the_page_are_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (asked,) = re.findall(r"```yaml\n(.*?)```", (DOCS / "gates.md").read_text(), re.DOTALL)
    recipe = f"grid: semantickitti\ntaxonomy: semantickitti\ncompletion: {{kind: lmscnet}}\n{asked}"
    (tmp_path / "nightly.yaml").write_text(recipe)
    names = [name for name, _ in load_recipe(str(tmp_path / "nightly.yaml")).gates.judged()]
    assert names == ["drift", "low_confidence", "quarantine", "hits_free", "static"]
    publish_cars(Store(tmp_path / "STORE"))
    monkeypatch.chdir(tmp_path)
    (code,) = snippets("gates.md")
    exec(compile(code, "docs/gates.md", "exec"), {})
    said = capsys.readouterr().out
    assert "low_confidence: 0, at most 0.2" in said and "quarantine: 0, at most 0.02" in said and "False" not in said


def test_the_lines_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_cars(Store(tmp_path / "STORE"))
    monkeypatch.chdir(tmp_path)
    (code,) = snippets("../README.md")
    names: dict[str, np.ndarray] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert (names["semantics"] == CAR).sum() == FRAMES


@pytest.mark.parametrize("page", ["own-model.md", "own-stage.md", "own-reader.md", "own-exporter.md"])
def test_the_package_that_a_page_shows_works_when_it_is_installed(page: str, tmp_path: Path) -> None:
    """The files as they are printed, their entry points, and the tests that are printed beside them."""
    files = titled(page)
    assert any(name.startswith("test_") for name in files)
    declared = tomllib.loads(files.pop("pyproject.toml"))["project"]["entry-points"]
    files["my_package/__init__.py"] = ""
    files["my_package-1.0.dist-info/METADATA"] = "Metadata-Version: 2.1\nName: my_package\nVersion: 1.0\n"
    files["my_package-1.0.dist-info/entry_points.txt"] = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in declared.items()
    )
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    groups = {group: list(points) for group, points in declared.items()}
    (tmp_path / "test_entry_points.py").write_text(FOUND.format(groups=groups))
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


FOUND = """
from importlib.metadata import entry_points
from inspect import isfunction, signature

from occlabel.pipeline.delivery.exporters import exporter
from occlabel.pipeline.planning.kinds import stage_class
from occlabel.schemas.drive_log import LogReader
from occlabel.stages.ingest.kinds import layout_of


def test_occlabel_finds_what_the_package_brings() -> None:
    groups = {groups}
    for name in groups.get("occlabel.stages", ()):
        slot, kind = name.split(".")
        options = stage_class(slot, kind).model_fields
        assert all(option.description for name, option in options.items() if name != "kind")
    for name in groups.get("occlabel.readers", ()):
        assert layout_of(name).reader == name
        (reader,) = entry_points(group="occlabel.readers", name=name)
        for method, asked in vars(LogReader).items():
            if isfunction(asked) and not method.startswith("_"):
                taken = signature(getattr(reader.load(), method))
                assert list(taken.parameters) == list(signature(asked).parameters), method
    assert all(callable(exporter(name)) for name in groups.get("occlabel.exporters", ()))
"""


def test_the_program_of_own_model_is_one_that_the_stage_takes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    exec(compile(titled("own-model.md")["export_model.py"], "export_model.py", "exec"), {})
    space = load_recipe("nuscenes_lidar").space
    kind: Any = stage_class("completion", "torch_export")
    process = kind(path=tmp_path / "mine.pt2").setup(space, Rig(), Hands())
    inputs = Inputs(0, (Moment("0", 0.0, np.eye(4)),), {}, OneScan())
    semantics = process(Clip("log", 0, 1), inputs)["semantics"]
    cars = np.argwhere(semantics[0] == space.taxonomy.names.index("car"))
    assert cars.tolist() == [[102, 100, 2]]
    assert (semantics == space.taxonomy.free_id).sum() == semantics.size - 1


class OneScan(NoSensors):
    def points(self, row: int) -> NDArray[np.float32]:
        return np.array([[1.0, 0.1, 0.1, 0.5]], np.float32)


def test_the_recipes_of_the_pages_are_recipes(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(titled("recipes.md")["mine.yaml"])
    recipe = load_recipe(str(tmp_path / "mine.yaml"), ["voting.radius=10", "completion.beams=[64,16]"])
    assert [step.name for step in recipe.chain] == [
        "evidence", "completion", "propagation", "voting", "ground", "instances", "tracking", "audit",
    ]  # fmt: skip
    own, *_ = re.findall(r"```yaml\n(.*?)```", (DOCS / "recipes.md").read_text(), re.DOTALL)
    (tmp_path / "own.yaml").write_text(own + "completion: {kind: stored, path: predictions}\n")
    space = load_recipe(str(tmp_path / "own.yaml")).space
    assert space.grid.shape == (80, 80, 12) and space.taxonomy.names == ("free", "ground", "car")


def titled(page: str) -> dict[str, str]:
    """The files that a page shows, by their names."""
    blocks = re.findall(r'```\w+ title="(.*?)"\n(.*?)```', (DOCS / page).read_text(), re.DOTALL)
    return dict(blocks)
