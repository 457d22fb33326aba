"""Labels meet the logs that they were made of, and no others, whatever these are called."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from simulated import TWO_SHORT, Simulated
from typer.testing import CliRunner

from occlabel import LabelDataset
from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.export_points import export_points
from occlabel.pipeline.delivery.exporters import ExportOptions
from occlabel.pipeline.published.version import open_version
from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.recognise import open_logs

RECIPE = "{grid: semantickitti, taxonomy: semantickitti, completion: {kind: lmscnet}, instances: {kind: components}}"


def occlabel(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, arguments), "--executor", "local"])
    return result.exit_code, result.output + str(result.exception or "")


@pytest.fixture(scope="module")
def spec(simulated: Simulated, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A version of the two drives."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "recipe.yaml").write_text(RECIPE)
    store = folder / "store"
    logs = simulated("kitti", TWO_SHORT)
    code, said = occlabel("run", folder / "recipe.yaml", "--logs", logs, "--store", store, "--version", "v1")
    assert code == 0, said
    return f"{store}@v1"


@pytest.fixture
def other(simulated: Simulated, tmp_path: Path) -> Path:
    """Another drive as log 00: what it measured is not what log 00 did."""
    root = Path(shutil.copytree(simulated("kitti", TWO_SHORT), tmp_path / "logs"))
    for scan in (root / "sequences/00/velodyne").iterdir():
        with scan.open("ab") as file:
            file.write(np.array([9, 9, 0, 0], "<f4").tobytes())
    return root


@pytest.mark.slow
def test_a_version_says_how_large_its_scans_were(spec: str, simulated: Simulated) -> None:
    root = simulated("kitti", TWO_SHORT)
    for frame in open_version(spec).frames():
        size = (root / f"sequences/{frame.log}/velodyne/{frame.name}.bin").stat().st_size
        assert frame.row.scan_bytes == size


@pytest.mark.slow
def test_another_drive_is_refused_by_all_who_join_logs_with_labels(spec: str, other: Path, tmp_path: Path) -> None:
    said = "log 00 under .* is another drive than the one that was labelled: its 2 scans all have other sizes"
    code, text = occlabel("evaluate", spec, "--truth", other, "--format", "semantickitti")
    assert code == 3 and "is another drive than the one that was labelled" in " ".join(text.split())
    with pytest.raises(BadLog, match=said):
        export_points(open_version(spec), "semantickitti-panoptic", tmp_path / "out", ExportOptions(open_logs(other)))
    drawn = CliRunner().invoke(
        app, ["view", spec, "--logs", str(other), "--camera", "all", "--out", str(tmp_path / "c.png")]
    )
    assert drawn.exit_code == 1 and not (tmp_path / "c.png").exists()
    items = LabelDataset(spec, arrays=["semantics"], logs=other)
    with pytest.raises(BadLog, match=said):
        items[0]
    assert items[2]["points"].shape[1] == 4, "log 01 is the one that was labelled"


@pytest.mark.slow
def test_one_scan_that_was_copied_again_is_no_other_drive(spec: str, simulated: Simulated, tmp_path: Path) -> None:
    root = Path(shutil.copytree(simulated("kitti", TWO_SHORT), tmp_path / "logs"))
    scan = min((root / "sequences/00/velodyne").iterdir())
    scan.write_bytes(scan.read_bytes()[:-16])
    assert occlabel("evaluate", spec, "--truth", root, "--format", "semantickitti")[0] == 0
