"""The history of runs: which came first."""

from __future__ import annotations

from pathlib import Path

import pytest

from occlabel.pipeline.running.history import new_state, run_states, write_state
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
