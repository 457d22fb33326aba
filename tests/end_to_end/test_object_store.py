"""The same chain in an object store: an S3 server on the loopback interface."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from chain import MadeUpReader, small_recipe
from moto.server import ThreadedMotoServer

from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.workers.store import Store


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    settings = {"ENDPOINT_URL": endpoint, "ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "REGION": "us-east-1"}
    for name, value in {**settings, "ALLOW_HTTP": "true", "DEFAULT_REGION": "us-east-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    boto3.client("s3", endpoint_url=endpoint).create_bucket(Bucket="labels")
    yield "s3://labels/nightly"
    server.stop()


def test_labels_in_an_object_store_equal_those_on_disk(bucket: str, tmp_path: Path) -> None:
    reader = MadeUpReader(tmp_path, {"a": 6})
    reports = [
        label_logs(small_recipe(), reader, Store(place), "v1", workplace=Workplace("local"), quiet=True)
        for place in (bucket, tmp_path / "store", bucket)
    ]
    remote, local, again = (report.info for report in reports)
    assert remote is not None
    assert local is not None
    assert remote.content_digest == local.content_digest
    assert again == remote
    assert reports[2].run is None  # nothing was left to do
    assert open_version(f"{bucket}@v1").verify() == []


def test_of_two_creators_one_wins(bucket: str) -> None:
    store = Store(bucket)
    assert [store.create("only/a", b"1"), store.create("only/a", b"2")] == [True, False]
    assert store.get("only/a") == b"1"
    assert store.names("only") == ([], ["a"])
