"""What colmap does to a process stays away from it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest.importorskip("pycolmap", reason="the extra colmap is not installed")

_ENDED = """
import os, signal
from occlabel.stages.geometry.colmap.quiet import load
load()
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_process_that_is_ended_says_nothing() -> None:
    ended = subprocess.run([sys.executable, "-c", _ENDED], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (-15, "", "")
