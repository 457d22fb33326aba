"""Simulated roots: whole logs or none, the same bytes from the same seed, extended and taken up again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from occlabel.pipeline.cli.simulate import simulate
from occlabel.pipeline.teaching.simulate import Drives, simulate_logs
from occlabel.schemas.errors import OcclabelError
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.root import TownRoot


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["kitti", "nuscenes"])
def test_a_killed_simulation_taken_up_again_gives_the_same_root(
    layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Drives(logs=2, frames=2, seed=40, image_scale=0.1)
    simulate_logs(layout, tmp_path / "whole", asked)
    ticks = iter(range(100))

    def killed() -> None:
        if next(ticks) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_logs(layout, tmp_path / "killed", asked, frame_done=killed)
    reader = open_logs(tmp_path / "killed")
    (log,) = reader.logs()
    assert len(log.frames) == 2
    assert log.warnings == ()
    written = simulate_logs(layout, tmp_path / "killed", asked)
    assert len(written) == 1
    assert content(tmp_path / "killed") == content(tmp_path / "whole")
    assert simulate_logs(layout, tmp_path / "killed", asked) == {}
    assert len(reader.log_ids()) == 2


@pytest.mark.slow
def test_several_processes_write_the_same_bytes_as_one(tmp_path: Path) -> None:
    asked = Drives(logs=2, frames=1, seed=7, image_scale=None)
    frames: list[int] = []
    simulate_logs("kitti", tmp_path / "one", asked)
    simulate_logs("kitti", tmp_path / "two", asked, jobs=2, frame_done=lambda: frames.append(1))
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert len(frames) == 2
    record = json.loads((tmp_path / "one/town.json").read_text())["logs"]
    assert [(name, log["seed"], log["split"]) for name, log in record.items()] == [("00", 7, "test"), ("01", 8, "test")]


def test_a_root_is_extended_and_the_splits_differ(tmp_path: Path) -> None:
    asked = Drives(logs=1, frames=1, seed=3, image_scale=None)
    simulate_logs("kitti", tmp_path, asked)
    simulate_logs("kitti", tmp_path, replace(asked, split="train"))
    assert TownRoot(tmp_path, "kitti").log_ids() == {"00", "01"}
    scans = [(tmp_path / f"sequences/{name}/velodyne/000000.bin").read_bytes() for name in ("00", "01")]
    assert scans[0] != scans[1]


def test_folders_that_hold_something_else_are_refused(tmp_path: Path) -> None:
    asked = Drives(logs=1, frames=1, seed=3, image_scale=None)
    (tmp_path / "real").mkdir()
    (tmp_path / "real/precious").write_text("data")
    with pytest.raises(OcclabelError, match="is not empty and was not made by simulate"):
        simulate_logs("kitti", tmp_path / "real", asked)
    simulate_logs("kitti", tmp_path / "town", asked)
    with pytest.raises(OcclabelError, match="holds kitti logs"):
        simulate_logs("nuscenes", tmp_path / "town", asked)
    with pytest.raises(OcclabelError, match="already holds town test 3 as log 00, with other frames"):
        simulate_logs("kitti", tmp_path / "town", replace(asked, frames=2))


def test_priors_lie_beside_the_log_and_a_log_without_them_is_another_wish(tmp_path: Path) -> None:
    asked = Drives(logs=1, frames=1, seed=3, image_scale=0.1, priors=("degraded", "exact"))
    simulate_logs("kitti", tmp_path, asked)
    found = {path for path in content(tmp_path) if path.startswith("priors")}
    assert found == {
        f"priors/{prior}/{what}" for prior in ("exact", "degraded")
        for what in ("depth/00/image_2/000000.png", "segments/00/image_2/000000.npz")
    }  # fmt: skip
    assert json.loads((tmp_path / "town.json").read_text())["logs"]["00"]["priors"] == ["degraded", "exact"]
    with pytest.raises(OcclabelError, match="rate, images, priors or conditions"):
        simulate_logs("kitti", tmp_path, replace(asked, priors=()))
    with pytest.raises(OcclabelError, match="these logs have no cameras"):
        simulate_logs("kitti", tmp_path / "other", replace(asked, image_scale=None))


def test_a_root_without_priors_is_recorded_as_it_always_was(tmp_path: Path) -> None:
    simulate_logs("kitti", tmp_path, Drives(logs=1, frames=1, seed=3, image_scale=None))
    record = json.loads((tmp_path / "town.json").read_text())["logs"]["00"]
    assert record == {"seed": 3, "split": "test", "frames": 1, "rate": 10.0, "image_scale": None}


def command(*arguments: str):
    app = typer.Typer()
    app.command()(simulate)
    return CliRunner().invoke(app, list(arguments))


def test_the_command_says_what_is_wrong_with_its_options(tmp_path: Path) -> None:
    start = ["--format", "kitti", "--logs", "1", "--frames", "1", "--seed", "1", "--out", str(tmp_path / "a")]
    for more, reason in (
        (["--image-scale", "0.5", "--no-images"], "exclude each other"),
        (["--image-scale", "0"], "not between 0 and 1"),
        (["--priors", "exact", "--no-images"], "priors are of images"),
        (["--rate", "-1"], "not between 0 and 100"),
    ):
        result = command(*start, *more)
        assert isinstance(result.exception, OcclabelError)
        assert reason in str(result.exception)
    assert command(*start[:-2]).exit_code == 2
    assert command(*start[:3], "0", *start[4:]).exit_code == 2
    assert not (tmp_path / "a").exists()


def test_the_command_writes_a_log(tmp_path: Path) -> None:
    numbers = ["--logs", "1", "--frames", "1", "--seed", "9", "--rate", "5"]
    result = command("--format", "nuscenes", *numbers, "--no-images", "--split", "val", "--out", str(tmp_path / "a"))
    assert result.exit_code == 0
    assert "1 logs written" in result.output
    (log,) = open_logs(tmp_path / "a").logs()
    assert log.frames[0].truth.voxels is not None
    assert not log.frames[0].cameras
