"""The history of runs: which came first, and which goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from chain import MadeUpReader, small_recipe

from occlabel.pipeline.running.history import SILENT_AFTER, at_work_on, beat, new_state, run_states, write_state
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace, told
from occlabel.workers.store import Store


def test_runs_that_started_in_one_second_are_in_the_order_they_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = Store(tmp_path)
    tokens = iter(("ffff", "0000"))
    monkeypatch.setattr("occlabel.pipeline.running.history.secrets.token_hex", lambda size: next(tokens))
    for moment, what in ((1000.25, "version first"), (1000.75, "version second")):
        monkeypatch.setattr("occlabel.pipeline.running.history.time.time", lambda moment=moment: moment)
        write_state(store, new_state(what, []))
    assert [state.what for state in run_states(store)] == ["version first", "version second"]


def test_a_run_that_is_long_at_one_thing_is_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("occlabel.pipeline.running.history.HEARTBEAT", 0.01)
    store, state = Store(tmp_path), new_state("version v1", [])
    with told(store, state):
        for _ in range(3):
            before, patience = state.heartbeat, 500
            while run_states(store)[-1:] == [] or run_states(store)[-1].heartbeat == before:
                assert (patience := patience - 1), "nothing was heard of it"
                time.sleep(0.01)
        assert run_states(store)[0].state == "running"
        state.state = "complete"
    assert run_states(store)[0].state == "complete"
    last = run_states(store)[0].heartbeat
    time.sleep(0.05)
    assert run_states(store)[0].heartbeat == last, "what has ended is silent"


def test_runs_at_one_version_are_those_that_were_just_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, states = Store(tmp_path), [new_state(what, []) for what in ("version v1", "version v2", "job evaluate")]
    for state in states:
        write_state(store, state)
    assert [state.run for state in at_work_on(store, "v1")] == [states[0].run]
    now = time.time()
    monkeypatch.setattr("occlabel.pipeline.running.history.time.time", lambda: now + SILENT_AFTER + 1)
    assert at_work_on(store, "v1") == []
    monkeypatch.undo()
    states[0].state = "complete"
    write_state(store, states[0])
    assert at_work_on(store, "v1") == []


def test_a_run_says_which_other_is_at_the_same_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store, reader = Store(tmp_path / "store"), MadeUpReader(tmp_path, {"a": 4})
    store.check_layout(mark=True)
    other = new_state("version v1", [])
    write_state(store, other)
    said = []
    for version in ("v2", "v1"):
        recipe = small_recipe(clip_frames=2 if version == "v1" else 4)
        label_logs(recipe, reader, store, version, workplace=Workplace("local"))
        said.append(f"caution: run {other.run} is at version v1" in capsys.readouterr().err)
    assert said == [False, True]


def test_a_store_that_was_away_for_a_moment_is_told_while_it_is(tmp_path: Path) -> None:
    class Away(Store):
        def put(self, path: str, content: bytes) -> None:
            raise OSError("away")

    state = new_state("version v1", [])
    beat(Away(tmp_path), state)
    assert state.message == "the store could not be written for a moment"
    beat(Store(tmp_path), state)
    assert state.message == "" and run_states(Store(tmp_path))[0].message == ""
    state.message = "quarantine: 2 clips"
    beat(Store(tmp_path), state)
    assert state.message == "quarantine: 2 clips"
