"""``occlabel status``: the newest runs, how many more there are, and what is in quarantine and why."""

from __future__ import annotations

import re
from pathlib import Path

from chain import MadeUpReader, label
from typer.testing import CliRunner

from occlabel.pipeline.cli import app
from occlabel.pipeline.running.history import StageProgress, State, new_state, write_state
from occlabel.workers.store import Store


def asked(*words: str) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0
    return done.stdout


def ran(store: Store, what: str, state: State = "complete", *, done: int = 1) -> None:
    made = new_state(what, [StageProgress(stage="voting", total=done, done=done)] if done else [])
    made.state = state
    write_state(store, made)


def test_jobs_do_not_push_out_the_runs_that_labelled(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.check_layout(mark=True)
    for index in range(12):
        ran(store, f"version v{index}")
        ran(store, "job evaluate")
        ran(store, "job compare", "aborted" if index == 3 else "complete")
    ran(store, "job gates", "running")
    lines = asked("status", str(tmp_path)).splitlines()
    assert lines[0] == "2 runs before these; --json has all"
    assert [re.findall(r"UTC, (.*)\)", line)[0] for line in lines[1:12]] == [
        *(f"version v{index}" for index in range(2, 12)),
        "job gates",
    ]
    assert lines[12] == "jobs that ended: compare 12, evaluate 12; 1 of them not complete, see --json"


def test_a_run_that_had_nothing_to_label_is_a_sentence(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.check_layout(mark=True)
    ran(store, "version v1", done=0)
    ran(store, "version v2", "aborted", done=0)
    text = asked("status", str(tmp_path))
    assert "version v1): complete; all was labelled before; 0 s\n" in text
    assert "version v2): aborted; 0 s\n" in text


def test_what_is_in_quarantine_is_named_with_its_run_and_its_reason(tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 4}, damaged=("a/000001",))
    report = label(tmp_path, reader=reader)
    assert report.run is not None
    lines = asked("status", f"{tmp_path}/store").splitlines()
    assert lines[-2:] == [
        f"quarantine of version v1, run {report.run.run}: (damaged) completion a frames 0-3: a/000001 is truncated",
        f"  replay: occlabel replay {tmp_path}/store/{report.entries[0].path}",
    ]
