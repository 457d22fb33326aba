"""How commands end, whatever ends them, and what they refuse before the work."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import cast

import pytest
import typer
from made_up_versions import MadeUpFrame, MadeUpVersion, publish

from occlabel.pipeline.cli import app, front
from occlabel.pipeline.cli.front import DEBUG, App, carry_out, sentence
from occlabel.pipeline.running.quarantine import ClipEntry, read_entry, write_entry
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.space import LabelSpace
from occlabel.schemas.taxonomy import TAXONOMIES
from occlabel.workers.store import Store

Type = Callable[..., tuple[int, str, str]]
"""Types a command; exit code, standard output and standard error."""


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Type]:
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    monkeypatch.setenv(DEBUG, "0")
    monkeypatch.setenv("COLUMNS", "300")

    def run(*arguments: object, of: typer.Typer = app) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["occlabel", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            carry_out(of)
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def raising(error: BaseException) -> App:
    """Two commands, so that the first has a name."""
    made = App()

    @made.command()
    def fail() -> None:
        raise error

    @made.command()
    def other() -> None: ...

    return made


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OcclabelError("no such thing"), 1, "occlabel: no such thing\n"),
        (KeyboardInterrupt(), 130, "occlabel: interrupted; what was committed to a store stays"),
        (MemoryError(), 1, "too little memory"),
        (ImportError("libusb-1.0.so.0: cannot open"), 1, "the installation is incomplete: libusb-1.0.so.0"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "a.png"), 1, "occlabel: a.png: No space left on device"),
        (KeyError("semantics"), 1, "this is a bug of occlabel, not of what you typed: KeyError: 'semantics'"),
    ],
)
def test_whatever_ends_a_command_is_one_sentence(typed: Type, error: BaseException, code: int, said: str) -> None:
    found, _, told = typed("fail", of=raising(error))
    assert found == code
    assert told.startswith("occlabel: ") and said in told and told.count("\n") == 1


def test_debug_shows_the_traceback(typed: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    failing = raising(KeyError("semantics"))
    assert "Traceback" in typed("fail", "--debug", of=failing)[2]
    monkeypatch.setenv(DEBUG, "0")
    assert "Traceback" not in typed("fail", of=failing)[2]
    monkeypatch.setenv(DEBUG, "1")
    assert "Traceback" in typed("fail", of=failing)[2]
    monkeypatch.setenv(DEBUG, "0")
    assert "Traceback" in typed("--debug", "versions", "list", "/nowhere")[2]


def test_a_bug_says_where_it_is() -> None:
    try:
        TAXONOMIES["occ3d"].from_raw["x"]  # type: ignore[call-overload]
    except IndexError as error:
        assert "outside of occlabel" in sentence(error)
    try:
        Store(None).names(3)  # type: ignore[arg-type]
    except TypeError as error:
        assert "(workers/store.py:" in sentence(error)


@pytest.mark.parametrize(
    "words",
    [
        ("run", "r", "--logs", "a", "--store", "s", "--store", "t", "--version", "v"),
        ("simulate", "--seed", "1", "--seed", "2"),
        ("view", "s@v", "--out", "a.png", "--out", "b.png"),
        ("train", "completion", "r", "--resume", "--no-resume"),
        ("versions", "list", "s", "--json", "--json"),
    ],
)
def test_an_option_that_takes_one_value_is_given_once(typed: Type, words: tuple[str, ...]) -> None:
    code, _, said = typed(*words)
    if "--json" in words:
        assert code == 1 and "no store" in said
    else:
        assert code == 2 and "times and takes one value" in said


def test_wrong_values_are_said_in_our_words(typed: Type) -> None:
    for words, said in (
        (("simulate", "--format", "waymo"), "Invalid value for '--format': 'waymo' is not one of 'nuscenes', 'kitti'"),
        (("demo", "--logs", "0"), "Invalid value for '--logs': must be greater than or equal to 1"),
        (("evalute",), "Did you mean 'evaluate'?"),
        (("run", "--strore", "s"), "--store"),
    ):
        code, _, told = typed(*words)
        assert code == 2 and said in told
    code, _, told = typed("train", "completion", "semantickitti_lidar", "--logs", "/", "--out", "", "--crop", "2")
    assert code == 1 and "--out is empty" in told


def test_a_tilde_is_the_home_of_the_user_also_where_the_shell_leaves_it(
    typed: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"there is no folder {tmp_path}/none" in typed("logs", "show", "/", "--out=~/none/a.png")[2]
    assert f"there is no store at {tmp_path}/labels" in typed("status", "~/labels")[2]


@pytest.fixture
def version(tmp_path: Path) -> str:
    """A version in a store whose name has everything that is awkward in a name."""
    import numpy as np

    space = LabelSpace(GRIDS["semantickitti"], TAXONOMIES["semantickitti"])
    volume = np.zeros(space.grid.shape, np.uint8)
    volume[:, :, 2] = 9
    folder = tmp_path / "me@work" / "it's a @store"
    publish(MadeUpVersion([MadeUpFrame("08", "000005", {"semantics": volume})], space), folder)
    return f"{folder}@v1"


def test_a_store_with_an_awkward_name_works_in_every_command(typed: Type, version: str, tmp_path: Path) -> None:
    store = version.removesuffix("@v1")
    for words in (
        ("versions", "list", store),
        ("versions", "list", version),
        ("versions", "show", version),
        ("versions", "show", f"{store}/"),
        ("versions", "verify", f"{store}/@v1"),
        ("status", store),
        ("status", version),
        ("view", version, "--out", tmp_path / "a.png"),
        ("export", version, "--format", "semantickitti", "--out", tmp_path / "out"),
    ):
        code, _, said = typed(*words)
        assert code == 0, (words, said)
    code, _, said = typed("tracks", version, "--out", tmp_path / "tracks")
    assert code == 1 and "have no ids that hold over time" in said


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--split", "test"), "--split names the set that nuscenes-panoptic is written for; semantickitti has none"),
        (("--reader", "kitti"), "--reader is for the logs that were labelled: add --logs, or leave it out"),
    ],
)
def test_an_export_refuses_what_would_do_nothing(
    typed: Type, version: str, tmp_path: Path, words: tuple[str, str], sentence: str
) -> None:
    code, _, said = typed("export", version, "--format", "semantickitti", "--out", tmp_path / "out", *words)
    assert code == 1 and sentence in said and not (tmp_path / "out").exists()


def test_what_cannot_be_written_is_said_before_the_work(typed: Type, version: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file, folder, lost = tmp_path / "file", tmp_path, tmp_path / "no/a"
    simulate = ("simulate", "--format", "kitti", "--logs", 1, "--frames", 1, "--seed", 0, "--out")
    train = ("train", "completion", "semantickitti_lidar", "--logs", tmp_path, "--out")
    for words, said in (
        ((*simulate, file), "is a file; name a folder"),
        (("demo", "--out", file), "is a file; name a folder"),
        (("tracks", version, "--out", file), "is a file; name a folder"),
        (("view", version, "--out", "a.xyz"), "ends with .png, .jpg"),
        (("view", version, "--out", folder / "a.png/b.png"), None),
        (("view", version, "--out", file / "a.png"), "cannot be written"),
        (("map", version, "--out", folder / "m", "--picture", "a.gif"), "ends with .png"),
        (("map", version, "--out", folder / "m", "--ply", "a.obj"), "ends with .ply"),
        (("map", version, "--out", ""), "--out is empty"),
        (("map", version, "--out", folder / "m", "--world", "08"), "name one with --ply or --picture"),
        (("logs", "show", tmp_path, "--out", f"{lost}.png"), "there is no folder"),
        (("logs", "show", tmp_path, "--out", "a.jpg"), "ends with .png"),
        (("logs", "show", tmp_path, "--frame", 3), "name the picture with --out"),
        (("calibrate", version, "--truth", folder, "--format", "occ3d", "--out", f"{lost}.json"), "no folder"),
        (("calibrate", version, "--truth", folder, "--format", "occ3d", "--out", "c"), "ends with .json"),
        ((*train, f"{lost}.safetensors"), "there is no folder"),
        ((*train, "a.training"), "ends with .safetensors"),
        (("bench", "voting", "--out", folder), "is a folder"),
        (("bench", "propagation", "--json", lost), "there is no folder"),
        (("bench", "propagation", "--json", folder / ("x" * 300)), "File name too long"),
    ):
        code, _, told = typed(*words)
        if said is not None:
            assert code == 1 and said in told, (words, told)
    assert not (tmp_path / "m").exists() and not file.read_bytes()


def test_names_are_checked_before_anything_is_read(typed: Type, tmp_path: Path) -> None:
    for command in ("run", "plan"):
        for words, said in (
            (("--store", "s", "--version", "latest"), "cannot be named 'latest'"),
            (("--store", "s", "--version", "a/b"), "cannot be a name"),
            (("--store", "", "--version", "v"), "--store is empty"),
            (("--logs", "", "--store", "s", "--version", "v"), "--logs is empty"),
            (("--store", tmp_path / "s@v1", "--version", "v"), "v1 as the version"),
        ):
            code, _, told = typed(command, "no recipe", "--logs", "/nowhere", *words)
            assert code == 1 and said in told
    code, _, told = typed(
        "run", "r", "--logs", "l", "--store", "s", "--version", "v", "--executor", "local", "--ray-address", "h:1"
    )
    assert code == 1 and "--ray-address" in told
    assert not list(tmp_path.iterdir())


def test_a_plan_is_refused_for_what_its_options_lack_and_for_a_folder_of_logs(tmp_path: Path, typed: Type) -> None:
    (tmp_path / "logs/sequences").mkdir(parents=True)
    words = ("plan", "semantickitti_lidar", "--logs", tmp_path / "logs", "--store")
    gates = ("--set", f"gates.against={tmp_path}/none@v1", "--set", "gates.drift={}")
    code, _, said = typed(*words, tmp_path / "s", *gates)
    assert code == 1 and f"there is no store at {tmp_path}/none" in said
    code, _, said = typed(*words, tmp_path / "logs")
    assert code == 1 and f"{tmp_path}/logs holds sequences and is no store of occlabel" in said
    code, _, said = typed(*words, tmp_path / "s", "--skip", "voting", "--set", "voting.radius=3")
    assert code == 1 and "--skip voting leaves out the block in which --set voting.radius=3 is" in said
    assert [path.name for path in tmp_path.rglob("*")] == ["logs", "sequences"]


def test_the_replay_command_can_be_pasted(tmp_path: Path, typed: Type) -> None:
    store = Store(tmp_path / "it's my" / "quarantine" / "store@home")
    store.check_layout(mark=True)
    entry = write_entry(
        store,
        ClipEntry(
            run="r",
            stage="voting",
            unit="a-000000-000004",
            cause="data",
            error="no",
            fingerprint="f",
            log="a",
            start=0,
            stop=4,
            log_digest="d",
            logs=str(tmp_path),
            reader=None,
            recipe="{}",
        ),
    )
    script = f"occlabel() {{ printf '%s\\n' \"$@\"; }}; {entry.replay}"
    words = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert words[0] == "replay" and read_entry(words[1])[1].error == "no"
    assert read_entry(words[1])[0].location == store.location
    listed = typed("status", store.location)[1]
    assert f"quarantine of run r: (data) voting a frames 0-3: no\n  replay: {entry.replay}\n" in listed
    store.put(entry.path, b'{"run": "r"')
    assert "is damaged, or of another occlabel" in typed("replay", words[1])[2]
    store.put("runs/r/state.json", b'{"run"')
    code, listed, said = typed("status", store.location)
    assert code == 0 and "what run r did is not known" in said
    assert f"quarantine of run r: {store.location}/{entry.path} is damaged, or of another occlabel" in listed


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_its_code_and_a_sentence(number: int, code: int, tmp_path: Path) -> None:
    words = ["simulate", "--format", "kitti", "--logs", "9", "--frames", "90", "--seed", "0", "--out", str(tmp_path)]
    command = [sys.executable, "-m", "occlabel", *words]
    heard = partial(signal.signal, number, signal.SIG_DFL)  # where tests run in the background, Ctrl-C is ignored
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    try:
        while not (tmp_path / "town.json").exists():
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(number)
        said = process.communicate(timeout=240)[1]
    finally:
        process.kill()
    assert process.returncode == code
    assert "what was committed to a store stays" in said and "Traceback" not in said


def test_the_signal_decides_how_a_command_ended_and_not_what_a_library_made_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def leave() -> None:
        raise SystemExit(1)

    monkeypatch.setattr(front, "_asked", [int(signal.SIGTERM)])
    with pytest.raises(SystemExit) as end:
        front.carry_out(cast("typer.Typer", leave))
    assert end.value.code == 143
