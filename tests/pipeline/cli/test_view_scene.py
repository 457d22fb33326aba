"""``occlabel view --3d``: what is said and done around a scene, without rerun."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from reported import published
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.delivery.scene import recording, viewer

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two versions, in a folder of which this process is in; rerun writes how many moments it was given."""
    for name in ("v1", "v2"):
        published(tmp_path / name, name, {("a", "0"): 2, ("a", "1"): 3, ("b", "0"): 2})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(recording, "rerun", lambda: ModuleType("rerun"))
    monkeypatch.setattr(recording, "record", lambda scene, moments, out: out.write_text(str(len(list(moments)))))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def view(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["view", *map(str, arguments), "--3d"])
    said = result.output + (str(result.exception) if result.exception else "")
    assert result.exit_code == code, said
    return said


def test_without_a_display_it_is_written_and_how_to_open_it_is_said(store: Path) -> None:
    said = view("v1@v1")
    assert "no window can be opened here: wrote v1-a.rrd (1 B)" in said
    assert "open it with RERUN_ANALYTICS=false rerun v1-a.rrd --bind 127.0.0.1" in said
    assert "no instances: the version publishes none" in said and "name them with --logs" in said
    assert (store / "v1-a.rrd").read_text() == "2"
    said = view("v1@v1", "--log", "b", "--out", "new/scene.rrd", "--against", "v2@v2")
    assert "wrote new/scene.rrd" in said and "no window" not in said and (store / "new/scene.rrd").read_text() == "1"


def test_a_window_is_opened_for_this_machine_alone(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def run(command: list[str], env: dict[str, str], check: bool) -> subprocess.CompletedProcess[str]:
        asked.append((command, env["RERUN_ANALYTICS"], Path(command[3]).read_text()))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(viewer.subprocess, "run", run)
    monkeypatch.setenv("DISPLAY", ":0")
    view("v1@v1")
    ((command, analytics, content),) = asked
    assert command[:3] == [sys.executable, "-m", "rerun_cli"] and command[4:] == ["--bind", "127.0.0.1"]
    assert (analytics, content) == ("false", "2")
    assert not list(store.glob("*.rrd")) and not Path(command[3]).exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("v1@v1", "--frame", "0"), "--frame is for pictures, and --3d shows the whole log"),
        (("v1@v1", "--objects"), "--objects is for pictures"),
        (("v1@v1", "v2@v2"), "--3d shows one version, and 2 are given; hold it --against one other"),
        (("v1@v1", "--log", "c"), "has no log 'c'; it has a, b"),
        (("v1@v1", "--out", "scene.png"), "a file that ends with .rrd is expected"),
        (("v1@v1", "--out", "-"), "a file that ends with .rrd is expected"),
        (("v1@v1", "--map", "m.yaml"), "--map says which classes those of another version are: add --against"),
        (("v1@v1", "--against", "nowhere@v2"), "there is no store at"),
        (("v1@v1", "--reader", "kitti"), "add --logs, or leave it out"),
    ],
)
def test_what_cannot_be_shown_gets_a_sentence(store: Path, arguments: tuple[str, ...], sentence: str) -> None:
    assert sentence in view(*arguments, code=1)
    assert not list(store.glob("*.rrd"))


def test_pictures_ask_for_a_file_and_for_no_other_version(store: Path) -> None:
    for arguments, sentence in (
        (["v1@v1"], "say where the picture is to be written, with --out FILE.png"),
        (["v1@v1", "--out", "a.png", "--against", "v2@v2"], "--against is for --3d; from above, name both versions"),
    ):
        result = CliRunner().invoke(app, ["view", *arguments])
        assert result.exit_code == 1 and sentence in str(result.exception) + result.output
