"""Simulated roots: whole logs or none, the same bytes from the same seed, extended and taken up again."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import made_up_town as town
import pytest
import typer
from simulated import ONE_WITH_PRIORS, TWO_SHORT, TWO_SWEPT, Simulated
from typer.testing import CliRunner

from occlabel.pipeline.cli.simulate import simulate
from occlabel.pipeline.teaching.simulate import Drives, simulate_logs
from occlabel.schemas.errors import OcclabelError
from occlabel.stages.ingest.recognise import open_logs
from occlabel.stages.town.writers.root import Layout, TownRoot


def content(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(("layout", "asked"), [("kitti", TWO_SHORT), ("nuscenes", TWO_SWEPT)])
def test_a_killed_simulation_taken_up_again_gives_the_same_root(
    layout: Layout, asked: Drives, simulated: Simulated, tmp_path: Path
) -> None:
    whole = simulated(layout, asked)
    ticks = iter(range(100))

    def killed() -> None:
        if next(ticks) == asked.frames:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_logs(layout, tmp_path / "killed", asked, frame_done=killed)
    reader = open_logs(tmp_path / "killed")
    (log,) = reader.logs()
    assert len(log.frames) == asked.frames
    assert log.warnings == ()
    written = simulate_logs(layout, tmp_path / "killed", asked)
    assert len(written) == 1
    assert content(tmp_path / "killed") == content(whole)
    assert simulate_logs(layout, tmp_path / "killed", asked) == {}
    assert len(reader.log_ids()) == 2


@pytest.mark.slow
def test_several_processes_write_the_same_bytes_as_one(simulated: Simulated, tmp_path: Path) -> None:
    frames: list[int] = []
    one = simulated("kitti", TWO_SWEPT)
    simulate_logs("kitti", tmp_path, TWO_SWEPT, jobs=2, frame_done=lambda: frames.append(1))
    assert content(one) == content(tmp_path)
    assert len(frames) == 2
    record = json.loads((tmp_path / "town.json").read_text())["logs"]
    assert [(name, log["seed"], log["split"]) for name, log in record.items()] == [("00", 3, "test"), ("01", 4, "test")]


def test_a_root_is_extended_and_the_splits_differ(simulated: Simulated, tmp_path: Path) -> None:
    root = shutil.copytree(simulated("kitti", TWO_SWEPT), tmp_path / "town")
    simulate_logs("kitti", root, replace(TWO_SWEPT, logs=1, split="train"))
    assert TownRoot(root, "kitti").log_ids() == {"00", "01", "02"}
    scans = [(root / f"sequences/{name}/velodyne/000000.bin").read_bytes() for name in ("00", "01", "02")]
    assert len(set(scans)) == 3


@pytest.mark.parametrize(("layout", "camera"), [("kitti", "image_2"), ("nuscenes", "CAM_FRONT")])
def test_nothing_is_left_of_a_log_for_which_there_is_no_room(
    layout: Layout, camera: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second frame of the second log finds none."""
    rig, left = town.rig(layout, (camera,)), iter((True,) * 3 + (False,))
    monkeypatch.setattr("occlabel.stages.town.writers.root.drive", lambda *_, **__: town.frames(rig, 2))
    monkeypatch.setattr("occlabel.stages.town.writers.root.rig_of_log", lambda *_, **__: rig)
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.parent.name not in ("velodyne", "LIDAR_TOP") or next(left):
            return write(path, content)
        write(path, content[:7])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_bytes", full)
    asked = Drives(logs=2, frames=2, seed=3, image_scale=0.1, priors=("exact",))
    with pytest.raises(
        OcclabelError, match=r"log (01|scene-0002) cannot be written to .*: No space left on device; logs"
    ):
        simulate_logs(layout, tmp_path, asked)
    assert not list(tmp_path.rglob("*.partial")) and len(TownRoot(tmp_path, layout).log_ids()) == 1
    assert {path.name for path in (tmp_path / "priors/exact/depth").iterdir()} == TownRoot(tmp_path, layout).log_ids()
    monkeypatch.setattr(Path, "write_bytes", write)
    assert len(simulate_logs(layout, tmp_path, asked)) == 1


def test_folders_that_hold_something_else_are_refused(simulated: Simulated, tmp_path: Path) -> None:
    asked = replace(TWO_SWEPT, logs=1)
    (tmp_path / "real").mkdir()
    (tmp_path / "real/precious").write_text("data")
    with pytest.raises(OcclabelError, match="is not empty and was not made by simulate"):
        simulate_logs("kitti", tmp_path / "real", asked)
    town = shutil.copytree(simulated("kitti", TWO_SWEPT), tmp_path / "town")
    with pytest.raises(OcclabelError, match="holds kitti logs"):
        simulate_logs("nuscenes", town, asked)
    with pytest.raises(OcclabelError, match="already holds town test 3 as log 00, with other frames"):
        simulate_logs("kitti", town, replace(asked, frames=2))


def test_priors_lie_beside_the_log_and_a_log_without_them_is_another_wish(simulated: Simulated, tmp_path: Path) -> None:
    asked = ONE_WITH_PRIORS
    root = shutil.copytree(simulated("kitti", asked), tmp_path / "town")
    found = {path for path in content(root) if path.startswith("priors")}
    assert found == {
        f"priors/{prior}/{what}" for prior in ("exact", "degraded")
        for what in ("depth/00/image_2/000000.png", "segments/00/image_2/000000.npz")
    }  # fmt: skip
    assert json.loads((root / "town.json").read_text())["logs"]["00"]["priors"] == ["degraded", "exact"]
    with pytest.raises(OcclabelError, match="rate, images, priors or conditions"):
        simulate_logs("kitti", root, replace(asked, priors=()))
    with pytest.raises(OcclabelError, match="these logs have no cameras"):
        simulate_logs("kitti", tmp_path / "other", replace(asked, image_scale=None))


def test_a_root_without_priors_is_recorded_as_it_always_was(simulated: Simulated) -> None:
    record = json.loads((simulated("kitti", TWO_SWEPT) / "town.json").read_text())["logs"]["00"]
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
    assert "1 log written" in result.output
    (log,) = open_logs(tmp_path / "a").logs()
    assert log.frames[0].truth.voxels is not None
    assert not log.frames[0].cameras
