"""The Ray that a run works on: its own, on this machine, or a cluster that somebody else started.

Ray is imported where it is used: it takes a second. What it would print is kept from the user: what matters reaches
them as a sentence.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import json
import logging
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from occlabel.schemas.errors import OcclabelError
from occlabel.workers.executor import Device
from occlabel.workers.machine import machine_memory
from occlabel.workers.pools import Room

SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "NUMBA_THREADING_LAYER": "omp",
}
_QUIET: dict[str, Any] = {"logging_level": logging.ERROR, "log_to_driver": False, "configure_logging": False}
_OBJECTS = 256 << 20
"""Bytes of Ray's object store: units and receipts pass through it, never voxels."""
_LISTENS_WITHIN, _ANSWERS_WITHIN = 4.0, 14.0
"""Seconds until an address must be listening, and until Ray must have answered there."""
_LOOK_EVERY = 1.0
_GONE = 20.0
"""Seconds without the head of the cluster after which it is given up; Ray ends the whole process after 60."""
_BY_VARIABLE = "RAY_ADDRESS in the environment"
_LONGEST_SOCKET = 107
_SOCKET = "ray/session_2026-01-01_00-00-00_000000_0000000/sockets/plasma_store"
_MARKER = "occlabel sees: "
_PROBE = f"""
import json, logging, ray, sys
ray.init(address=sys.argv[1], logging_level=logging.ERROR, log_to_driver=False, configure_logging=False)
print("{_MARKER}" + json.dumps([node["Resources"] for node in ray.nodes() if node["Alive"]]), flush=True)
"""


def address_of(given: str | None) -> tuple[str | None, str]:
    """The address of the cluster to join, None to start Ray here; and who said so."""
    found, said = (given, "--ray-address") if given is not None else (os.environ.get("RAY_ADDRESS", ""), _BY_VARIABLE)
    return (None if found in ("", "local") else found), said


def device_of(ray_address: str | None) -> Device:
    """What stages that use a GPU would run on: known before a plan is made, without starting anything.

    Raises OcclabelError when a cluster was named and cannot be reached.
    """
    address, said = address_of(ray_address)
    if address is not None:
        return "cuda" if any(node.get("GPU") for node in probe(address, said)) else "cpu"
    return device_here()


def device_here() -> Device:
    """What this machine has, as far as can be seen without loading anything."""
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    return "cuda" if not hidden and Path("/dev/nvidiactl").exists() else "cpu"


def probe(address: str, said: str) -> list[dict[str, float]]:
    """Resources of the nodes of the cluster at ``address``; ``said`` tells who named it.

    Asked from a process of its own, which can be ended: Ray itself waits without end for what does not answer, and
    ends the process that it has lost patience with. Raises OcclabelError with the way out.
    """
    here = f"the Ray cluster at {address} (from {said})"
    if "://" in address:
        raise OcclabelError(
            f"{here} is named as a client: give HOST:PORT of its head node, on a machine that is part of the cluster"
        )
    if address != "auto":
        _refuse_deaf(address, here)
    command = [sys.executable, "-c", _PROBE, address]
    environment = os.environ | SETTINGS
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=_ANSWERS_WITHIN, check=False
        )
        printed, complaint = done.stdout, done.stderr
    except subprocess.TimeoutExpired as error:
        printed, complaint = "", (error.stderr or b"").decode(errors="replace")
    for line in printed.splitlines():
        if line.startswith(_MARKER):
            nodes: list[dict[str, float]] = json.loads(line.removeprefix(_MARKER))
            return nodes
    raise OcclabelError(_why(here, complaint))


def _refuse_deaf(address: str, here: str) -> None:
    """Raises OcclabelError when nobody listens at ``address``."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise OcclabelError(f"{here} cannot be joined: an address is HOST:PORT, as `ray start --head` prints it")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_LISTENS_WITHIN).close()
    except OSError as error:
        raise OcclabelError(
            f"{here} cannot be joined: nobody answers there ({error}); start it with `ray start --head`, correct the "
            "address, or label on this machine alone without it"
        ) from error


def _why(here: str, complaint: str) -> str:
    """The sentence for what Ray complained about."""
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    if "Unauthenticated" in complaint or "AuthenticationError" in complaint:
        return (
            f"{here} asks for its token: set RAY_AUTH_MODE=token, and put the token of its head node "
            "(`ray get-auth-token`) into ~/.ray/auth_token here or into RAY_AUTH_TOKEN"
        )
    if "ersion mismatch" in complaint:
        told = " ".join(line for line in lines if line.startswith(("Ray:", "Python:")))
        return f"{here} runs another Ray or Python than this process ({told}): install the same on both sides"
    last = lines[-1] if lines else f"no answer within {_ANSWERS_WITHIN:g} s"
    return f"{here} cannot be joined: {last}"


class Cluster:
    """A connection to Ray, ours to close unless the process had one before."""

    def __init__(self, ray_address: str | None = None, workers: int | None = None) -> None:
        os.environ.update(SETTINGS)
        address, said = address_of(ray_address)
        if address is not None and workers is not None:
            raise OcclabelError(
                f"--workers {workers} is for Ray on this machine; the cluster at {address} ({said}) has its own size"
            )
        self.ray: Any = importlib.import_module("ray")
        self._own = not self.ray.is_initialized()
        self._folder: Path | None = None
        self._gone = False
        if not self._own:
            self._kind = "the Ray that this process is connected to"
        elif address is None:
            self._silence()
            self._start(workers)
            self._kind = "Ray on this machine, started for this run"
        else:
            probe(address, said)
            self._silence()
            with _sentence(f"the Ray cluster at {address} (from {said}) cannot be joined"):
                self.ray.init(address=address, **_QUIET)
            self._kind = f"the Ray cluster at {address} (from {said})"
        _signals_are_ours()
        self._here = self.ray.get_runtime_context().get_node_id()
        self._nodes: list[dict[str, Any]] = self.ray.nodes()
        self._heard = time.monotonic()
        self._closed = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()

    @property
    def where(self) -> str:
        rooms = self.rooms().values()
        cpus, gpus = (sum(getattr(room, name) for room in rooms) for name in ("cpus", "gpus"))
        nodes = f"{len(rooms)} nodes, " if len(rooms) > 1 else ""
        return f"{self._kind}: {nodes}{cpus:g} CPUs, {gpus:g} GPUs"

    @property
    def device(self) -> Device:
        return "cuda" if any(room.gpus for room in self.rooms().values()) else "cpu"

    def rooms(self) -> dict[str, Room]:
        """What each node that is alive has in all, as of about a second ago.

        Raises OcclabelError when the head of the cluster, or the node on this machine, is gone for good.
        """
        if time.monotonic() - self._heard > _GONE:
            raise self._lost("its head does not answer any more")
        rooms = {}
        for node in self._nodes:
            if node["Alive"]:
                has = node["Resources"]
                rooms[node["NodeID"]] = Room(has.get("CPU", 0.0), has.get("GPU", 0.0), has.get("memory", 0.0))
        if self._here not in rooms:
            raise self._lost("the node on this machine is gone")
        return rooms

    def _watch(self) -> None:
        """Asks for the nodes again and again, in a thread: when the head is gone, Ray never answers."""
        while not self._closed.wait(_LOOK_EVERY):
            try:
                nodes = self.ray.nodes()
            except self.ray.exceptions.RayError:  # the same as silence
                continue
            self._nodes, self._heard = nodes, time.monotonic()

    def _lost(self, why: str) -> OcclabelError:
        self._gone = True
        return OcclabelError(f"{self._kind} is lost: {why}; what is committed stays, run again to go on")

    def names(self) -> dict[str, str]:
        """Node -> what people call it."""
        return {node["NodeID"]: node["NodeManagerHostname"] for node in self._nodes}

    @property
    def lost(self) -> bool:
        """Whether Ray is gone, so that whoever asks it for something waits in vain."""
        return self._gone

    def close(self) -> None:
        self._closed.set()
        if not self._gone:
            self._watcher.join()
        if self._gone:  # a shutdown would wait for the head until Ray ends the process
            atexit.unregister(self.ray.shutdown)
        elif self._own:
            self.ray.shutdown()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, workers: int | None) -> None:
        options: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _OBJECTS}
        options["_memory"] = int(0.9 * machine_memory())
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        if workers is not None and workers > cores:
            options["num_cpus"] = workers
        if device_of("") == "cpu":
            options["num_gpus"] = 0
        base = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
        if len(os.fsencode(str(Path(base).absolute() / _SOCKET))) > _LONGEST_SOCKET:  # no socket can have such a name
            self._folder = Path(tempfile.mkdtemp(prefix="occlabel-", dir="/tmp"))
            options["_temp_dir"] = str(self._folder)
        _bring_a_token()
        with _sentence("Ray cannot be started on this machine"):
            self.ray.init(address="local", **options, **_QUIET)

    def _silence(self) -> None:
        """Ray prints what happens to its nodes to standard output, where JSON for scripts goes, and ends a process that
        is asked to end with a code of its own; there is no setting for either. That it asks for a token by default need
        not be said each time."""
        logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
        worker: Any = importlib.import_module("ray._private.worker")
        if hasattr(worker, "print_to_stdstream"):
            worker.print_to_stdstream = lambda *_, **__: None
        utils: Any = importlib.import_module("ray._private.utils")
        if hasattr(utils, "set_sigterm_handler"):
            utils.set_sigterm_handler = lambda _: None


def _bring_a_token() -> None:
    """Ray keeps the token of a cluster of its own in ``~/.ray``; where nothing can be written there it gets one."""
    named = any(os.environ.get(name) for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"))
    with contextlib.suppress(OSError, RuntimeError):  # no home, or none that may be looked into
        folder = Path.home() / ".ray"
        token = folder / "auth_token"
        if named or (token.is_file() and os.access(token, os.R_OK)):
            return
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            return
    if not named:
        os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)


def _signals_are_ours() -> None:
    """Ray has put a handler of its own before those of this process, which prints a trace for SIGTERM."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            handler = signal.getsignal(number)
            if handler is not None:
                signal.signal(number, handler)


@contextlib.contextmanager
def _sentence(what: str) -> Any:
    """Whatever Ray raises when it starts becomes a sentence."""
    try:
        yield
    except Exception as error:  # Ray raises what it likes, plain Exceptions too
        said = str(error).strip().splitlines() or [type(error).__name__]
        raise OcclabelError(f"{what}: {said[0]}; label in this process with --executor local, or repair it") from error
