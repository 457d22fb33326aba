"""Faults on real Ray workers: deaths of workers, nodes and drivers, time limits, two pools at once."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from chain import FaultyJob, MadeUpReader, Smooth, Voxelise, small_recipe

from occlabel.pipeline.published.version import open_version
from occlabel.pipeline.running.history import run_states
from occlabel.pipeline.running.jobs import run_job
from occlabel.pipeline.running.label import Report, label_logs
from occlabel.pipeline.running.quarantine import ClipEntry
from occlabel.pipeline.running.workplace import Workplace
from occlabel.schemas.errors import OcclabelError
from occlabel.schemas.stage import Resources
from occlabel.workers.store import Store

TESTS = str(Path(__file__).parents[1])
Process = subprocess.Popen[bytes]
LOGS = {"a": 10, "b": 6}
DRIVER = """
import json, sys
from pathlib import Path
from chain import FaultyJob, MadeUpReader, Voxelise, small_recipe
from occlabel.pipeline.running.label import label_logs
from occlabel.pipeline.running.workplace import Workplace
from occlabel.workers.store import Store
root, address, faults = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
recipe = small_recipe(first=Voxelise(notes=root / "notes", faults=faults))
reader = MadeUpReader(root, {"a": 10, "b": 6})
label_logs(recipe, reader, Store(root / "store"), "v1", workplace=Workplace("ray", address), quiet=True)
"""


def label(root: Path, executor: str = "ray", address: str | None = None, **changes: Any) -> Report:
    recipe, store = small_recipe(**{"gates": {"min_labelled": 0.1}, **changes}), Store(root / "store")
    return label_logs(recipe, MadeUpReader(root, LOGS), store, "v1", workplace=Workplace(executor, address), quiet=True)


def driver(root: Path, address: str, faults: dict[str, list[str]] | None = None, **environment: str) -> Process:
    """A run in a process of its own."""
    command = [sys.executable, "-c", DRIVER, str(root), address, json.dumps(faults or {})]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, env={**os.environ, **environment}, stdout=pipe, stderr=pipe)


def wait_for(condition: Callable[[], object], process: Process) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, "the driver ended too early"
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def receipts(root: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((root / "store/receipts").rglob("*.json"))]


@pytest.fixture(scope="module", autouse=True)
def _workers_find_the_test_chain() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", TESTS)
        patch.delenv("RAY_ADDRESS", raising=False)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A cluster of one node that says it has a GPU; tests add others."""
    from ray.cluster_utils import Cluster

    folder = tempfile.mkdtemp(prefix="ray-", dir="/tmp")  # a socket's path is short
    made = Cluster()
    made.add_node(num_cpus=2, num_gpus=1, include_dashboard=False, temp_dir=folder)
    yield made
    made.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return label(tmp_path_factory.mktemp("undisturbed"), "local").info.content_digest


@pytest.mark.slow
def test_workers_that_die_and_clips_that_hang(tmp_path: Path, cluster: Any, undisturbed: str) -> None:
    """Killed from outside: never charged. Died by itself or took too long twice: quarantined, with what needs it. While
    one hand waits for the clip that hangs, the other one meets the rest."""
    faults = {"a/0": ("killed",) * 3, "a/4": ("die",), "b/0": ("die",) * 3, "b/4": ("sleep",) * 2}
    first = Voxelise(notes=tmp_path / "notes", faults=faults)
    report = label(tmp_path, address=cluster.address, first=first, limits={"clip_seconds": 8})
    entries = sorted(cast("list[ClipEntry]", report.entries), key=lambda entry: entry.start)
    assert [(entry.log, entry.start, entry.cause, entry.attempts) for entry in entries] == [
        ("b", 0, "crash", 2),
        ("b", 4, "timeout", 2),
    ]
    assert report.info.frames == 10  # all of log a; every clip of b needs one of the two
    tries = {(r["log"], r["start"]): r["attempt"] for r in receipts(tmp_path) if r["stage"] == "completion"}
    assert tries == {("a", 0): 1, ("a", 4): 2, ("a", 8): 1}
    assert report.run.retried == 6


@pytest.mark.slow
def test_a_gpu_stage_and_a_cpu_stage_work_at_the_same_time(tmp_path: Path, cluster: Any, undisturbed: str) -> None:
    """The last clip of completion and the first of voting wait for each other: neither would end alone."""
    notes = tmp_path / "notes"
    first = Voxelise(notes=notes, faults={"b/4": ("meet:here",)}, gpus=1.0)
    second = Smooth(notes=notes, faults={"a/0": ("meet:here",)})
    report = label(tmp_path, address=cluster.address, first=first, second=second)
    assert (report.state, report.run.workers) == ("complete", 2)
    assert report.info.content_digest == undisturbed
    marks = [json.loads(path.read_text()) for path in notes.glob("*.0")]
    (gpu,) = (mark for mark in marks if (mark["stage"], mark["clip"]) == ("completion", "b/4"))
    (cpu,) = (mark for mark in marks if (mark["stage"], mark["clip"]) == ("voting", "a/0"))
    assert gpu["start"] < cpu["end"]
    assert cpu["start"] < gpu["end"]
    assert not {m["pid"] for m in marks if m["stage"] == "completion"} & {
        m["pid"] for m in marks if m["stage"] == "voting"
    }


@pytest.mark.slow
def test_a_node_killed_under_a_clip_costs_nothing_but_time(tmp_path: Path, cluster: Any, undisturbed: str) -> None:
    """Three hands on two nodes hold three clips; the second node goes, the first does it all."""
    node = cluster.add_node(num_cpus=1, include_dashboard=False)
    notes = tmp_path / "notes"
    process = driver(tmp_path, cluster.address, {f"a/{start}": ["hold"] for start in (0, 4, 8)})
    try:
        wait_for(lambda: sum(path.stat().st_size > 0 for path in notes.glob("completion-a-*.0")) == 3, process)
        pids = [json.loads(path.read_text())["pid"] for path in notes.glob("completion-a-*.0")]
        cluster.remove_node(node, allow_graceful=False)
        wait_for(lambda: not all(Path(f"/proc/{pid}").exists() for pid in pids), process)
        (notes / "go").touch()
        assert process.wait(90) == 0
    finally:
        process.kill()
    (state,) = run_states(Store(tmp_path / "store"))
    assert (state.state, state.quarantined, state.retried) == ("complete", 0, 1)
    assert {receipt["attempt"] for receipt in receipts(tmp_path)} == {1}
    assert open_version(f"{tmp_path}/store@v1").info.content_digest == undisturbed


@pytest.mark.slow
def test_a_killed_driver_loses_nothing_and_a_new_run_gives_the_same_labels(tmp_path: Path, undisturbed: str) -> None:
    notes = tmp_path / "notes"
    process = driver(tmp_path, "", {"b/4": ["sleep"]})
    try:
        wait_for(lambda: list(notes.glob("completion-b-000004*")), process)
        process.send_signal(signal.SIGKILL)
        process.wait()
    finally:
        process.kill()
    committed = {f"{r['log']}-{r['start']:06d}" for r in receipts(tmp_path) if r["stage"] == "completion"}
    assert not (tmp_path / "store/versions").exists()
    again = Voxelise(notes=notes, faults={"b/4": ("sleep",)})
    report = label(tmp_path, "local", first=again, gates={})
    assert report.info.content_digest == undisturbed
    assert committed
    assert not [clip for clip in committed if list(notes.glob(f"completion-{clip}-*.1"))]


@pytest.mark.slow
def test_our_own_ray_starts_where_the_temporary_folder_has_a_long_path(tmp_path: Path, undisturbed: str) -> None:
    """And it prints nothing."""
    long = tmp_path / ("long-" * 20)
    long.mkdir()
    process = driver(tmp_path, "", TMPDIR=str(long))
    assert process.communicate(timeout=90) == (b"", b"")
    assert process.returncode == 0
    assert open_version(f"{tmp_path}/store@v1").info.content_digest == undisturbed
    assert not list(long.iterdir())


@pytest.mark.slow
def test_a_job_runs_on_the_same_hands_with_the_same_faults(tmp_path: Path, cluster: Any) -> None:
    """One unit dies by itself each time, one is killed once from outside, one is well."""
    job, store = FaultyJob(notes=tmp_path, faults={"dies": ("exit",) * 2, "killed": ("kill",)}), Store(tmp_path / "s")
    report = run_job(job, ["dies", "killed", "well"], store, Workplace("ray", cluster.address), quiet=True)
    assert report.results == {"killed": b"killed", "well": b"well"}
    assert report.failed == {"dies": "the worker process died: exit code 9"}
    assert report.run.retried == 2


@pytest.mark.slow
def test_what_no_node_can_hold_is_a_sentence_before_anything_runs(tmp_path: Path, cluster: Any) -> None:
    for needs, said in ((Resources(memory=1 << 50), "1048576.0 GiB"), (Resources(cpus=500), "500 CPUs")):
        job = FaultyJob(notes=tmp_path, needs=needs)
        with pytest.raises(OcclabelError, match=f"needs .*{said}.* no node has that .*smaller clip_frames"):
            run_job(job, ["a", "b"], Store(tmp_path / "s"), Workplace("ray", cluster.address), quiet=True)
    assert {state.state for state in run_states(Store(tmp_path / "s"))} == {"aborted"}
