"""An installation that cannot be written, and a HOME that is no folder."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from occlabel import _caches

ROOT = Path(_caches.__file__).parents[1]
COMPILE = "from occlabel.stages.town.streets.lane_lines import on_line; print('compiled')"


def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, "")  # so that what is set in the test is taken back
        monkeypatch.delenv(name)


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No home, no package that can be written; temporary files lie here."""
    _forget(monkeypatch)
    monkeypatch.setenv("HOME", "/dev/null/nobody")
    monkeypatch.setattr(_caches, "_PACKAGE", tmp_path / "no installation")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_caches_without_a_place_get_one_that_nobody_else_can_write(
    nowhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _caches.settle()
    found = Path(os.environ["NUMBA_CACHE_DIR"])
    assert found.is_dir() and found.parent.parent == nowhere
    assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
    assert Path(os.environ["MPLCONFIGDIR"]).is_dir()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(nowhere))
    _caches.settle()
    assert os.environ["NUMBA_CACHE_DIR"] == str(nowhere), "what the environment names stays"


def test_a_folder_that_others_can_write_is_not_taken(nowhere: Path) -> None:
    (nowhere / f"occlabel-{os.getuid()}").mkdir()
    (nowhere / f"occlabel-{os.getuid()}").chmod(0o777)
    _caches.settle()
    assert Path(os.environ["NUMBA_CACHE_DIR"]).parent.name != f"occlabel-{os.getuid()}"


def test_nothing_is_changed_where_the_usual_places_serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _forget(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    _caches.settle()
    assert "NUMBA_CACHE_DIR" not in os.environ and "MPLCONFIGDIR" not in os.environ


def test_compiled_code_is_imported_from_a_read_only_installation_without_a_home() -> None:
    mount = f"mount --bind '{ROOT}' '{ROOT}' && mount -o remount,ro,bind '{ROOT}'"
    if os.getuid() or subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("mounts nothing here: a read-only installation takes a user that may")
    script = f"{mount} && exec '{sys.executable}' -c \"$0\""
    environment = {"PATH": os.environ["PATH"], "HOME": "/proc/nobody"}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, COMPILE], env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "compiled\n"), done.stderr
