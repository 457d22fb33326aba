"""An object store that is away, refuses or cannot be reached."""

from __future__ import annotations

from pathlib import Path

import pytest
from chain import MadeUpReader, small_recipe
from flaky_s3 import flaky_s3

from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import StoreAway
from occlabel.workers.store import Store

LOGS = {"a": 10, "b": 6}


def label(root: Path, store: str) -> Report:
    place, reader = Workplace("local"), MadeUpReader(root, LOGS)
    return label_logs(small_recipe(), reader, store, "v1", workplace=place, quiet=True)


def test_a_server_that_is_busy_and_resets_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = label(tmp_path, str(tmp_path / "store")).info
    with flaky_s3(monkeypatch, busy=0.05, reset=0.02, seed=7) as server:
        report = label(tmp_path, "s3://labels/busy")
        assert (report.state, report.entries) == ("complete", [])
        assert expected is not None
        assert report.info is not None
        assert report.info.content_digest == expected.content_digest
        assert open_version("s3://labels/busy@v1").verify() == []
        assert server.refused > 10


def test_a_server_that_is_away_in_the_middle_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with flaky_s3(monkeypatch, leaves=60, away=1.5) as server:
        report = label(tmp_path, "s3://labels/away")
        assert (report.state, report.entries) == ("complete", [])
        assert server.refused


def test_what_cannot_be_reached_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    with flaky_s3(monkeypatch):
        for ask in (lambda store: store.names(""), lambda store: store.put("a", b"1"), lambda store: store.tags("a")):
            with pytest.raises(StoreAway, match=r"^s3://nowhere/x does not exist: create the bucket"):
                ask(Store("s3://nowhere/x"))
        monkeypatch.setenv("AWS_ALLOW_HTTP", "false")
        with pytest.raises(StoreAway, match="AWS_ALLOW_HTTP=true"):
            Store("s3://labels/x").get("a")
        monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setattr("occlabel.workers.trouble._FIRST", 0.5)
    with pytest.raises(StoreAway, match=r"does not answer .* AWS_ENDPOINT_URL is http://127.0.0.1:\d+: correct it"):
        Store("s3://labels/x").get("a")  # nobody listens any more
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", "http://169.254.169.254")
    with pytest.raises(StoreAway, match="set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        Store("s3://labels/x").get("a")
