"""Which Ray a run works on, without starting one."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from occlabel.schemas.errors import OcclabelError
from occlabel.workers import ray_cluster
from occlabel.workers.ray_cluster import address_of, device_of


@pytest.fixture
def mute() -> Iterator[str]:
    """An address that is listened to by something that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def test_an_address_is_joined_only_where_somebody_named_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert address_of(None)[0] is None
    assert address_of("10.0.0.1:6379") == ("10.0.0.1:6379", "--ray-address")
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.2:6379")
    assert address_of(None) == ("10.0.0.2:6379", "RAY_ADDRESS in the environment")
    assert address_of("10.0.0.1:6379")[0] == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert address_of(None)[0] is None


def test_an_address_where_nobody_listens_is_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(OcclabelError, match=f"{address} .*nobody answers there"):
        device_of(address)


def test_an_address_where_something_else_listens_is_a_sentence(mute: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_cluster, "_ANSWERS_WITHIN", 3.0)
    with pytest.raises(OcclabelError, match="cannot be joined"):
        device_of(mute)


@pytest.mark.parametrize("address", ["ray://10.0.0.1:10001", "head", "10.0.0.1"])
def test_what_is_no_address_of_a_head_node_is_a_sentence(address: str) -> None:
    with pytest.raises(OcclabelError, match="HOST:PORT"):
        device_of(address)


@pytest.mark.parametrize(
    ("complaint", "said"),
    [
        ("W gcs_client.cc:210: Unauthenticated: RPC error: InvalidAuthToken", "RAY_AUTH_MODE=token"),
        ("RuntimeError: Version mismatch: The cluster was started with:\n    Ray: 2.9.0\n    Python: 3.9.1", "2.9.0"),
        ("", "no answer within"),
        ("Traceback\nConnectionError: no such node", "ConnectionError: no such node"),
    ],
)
def test_what_ray_complains_about_becomes_one_sentence(complaint: str, said: str) -> None:
    sentence = ray_cluster._why("the cluster", complaint)
    assert said in sentence
    assert "\n" not in sentence


def test_without_a_gpu_in_sight_stages_run_on_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    for hidden in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
        assert device_of(None) == "cpu"


def test_a_ray_of_our_own_has_a_token_also_without_a_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.setenv(name, "")  # so that what is set in the test is taken back
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    ray_cluster._bring_a_token()
    assert "RAY_AUTH_TOKEN" not in os.environ, "Ray keeps one in ~/.ray"
    monkeypatch.setenv("HOME", "/dev/null/nobody")
    ray_cluster._bring_a_token()
    assert len(os.environ["RAY_AUTH_TOKEN"]) == 64
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    ray_cluster._bring_a_token()
    assert os.environ["RAY_AUTH_TOKEN"] == "mine"
