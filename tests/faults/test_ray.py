"""Faults on real Ray workers: death, time limits, a driver that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from chain import MadeUpReader, Voxelise, small_recipe

from occlabel.pipeline.running.label import label_logs
from occlabel.workers.store import Store

DRIVER = """
import sys
from pathlib import Path
from chain import MadeUpReader, Voxelise, small_recipe
from occlabel.pipeline.running.label import label_logs
from occlabel.workers.store import Store
root = Path(sys.argv[1])
recipe = small_recipe(first=Voxelise(notes=root / "notes", faults={"b/4": ("sleep",)}))
label_logs(recipe, MadeUpReader(root, {"a": 10, "b": 6}), Store(root / "store"), "v1", quiet=True)
"""


def label(root: Path, store: str, executor: str = "ray", **changes: object):
    reader = MadeUpReader(root, {"a": 10, "b": 6})
    return label_logs(small_recipe(**changes), reader, Store(root / store), "v1", executor=executor, quiet=True)


@pytest.fixture(autouse=True)
def _workers_find_the_test_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    return label(tmp_path_factory.mktemp("undisturbed"), "store", "local").info.content_digest


def test_a_worker_that_dies_is_replaced_and_a_deadly_clip_is_quarantined(tmp_path: Path, undisturbed: str) -> None:
    faults = {"a/4": ("die",), "b/0": ("die", "die", "die")}
    report = label(
        tmp_path, "store", first=Voxelise(notes=tmp_path / "notes", faults=faults), gates={"min_labelled": 0.1}
    )
    (entry,) = report.entries
    assert (entry.log, entry.start, entry.cause, entry.attempts) == ("b", 0, "crash", 2)
    assert report.info.frames == 10  # all of log a; every clip of b needs the one that kills


def test_a_clip_that_hangs_is_killed(tmp_path: Path) -> None:
    first = Voxelise(notes=tmp_path / "notes", faults={"a/0": ("sleep", "sleep")})
    report = label(tmp_path, "store", first=first, limits={"clip_seconds": 4}, gates={"min_labelled": 0.1})
    assert [(entry.log, entry.start, entry.cause) for entry in report.entries] == [("a", 0, "timeout")]


def test_a_killed_driver_loses_nothing_and_a_new_run_gives_the_same_labels(tmp_path: Path, undisturbed: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], env=environment)
    try:
        deadline = time.monotonic() + 90
        while not list((tmp_path / "notes").glob("completion-b-000004*")):
            assert driver.poll() is None, "the driver ended before it was killed"
            assert time.monotonic() < deadline, "the driver never came to the clip that hangs"
            time.sleep(0.2)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    finally:
        driver.kill()
    committed = {path.name for path in (tmp_path / "store/receipts").rglob("*.json")}
    assert committed
    assert not (tmp_path / "store/versions").exists()
    before = len(list((tmp_path / "notes").glob("*")))
    recipe_again = Voxelise(notes=tmp_path / "notes", faults={"b/4": ("sleep",)})
    report = label(tmp_path, "store", "local", first=recipe_again)
    assert report.info.content_digest == undisturbed
    again = len(list((tmp_path / "notes").glob("*"))) - before
    assert again <= 2  # only clips that were being worked on when the driver died
