"""Opens a recording in rerun's own viewer, for this machine alone."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

HOST = ("--bind", "127.0.0.1")
"""The viewer listens for recordings, on every address of the machine unless it is told otherwise."""


def has_display() -> bool:
    """Whether a window can be opened here."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def open_viewer(recording: Path) -> int:
    """Opens a window and waits until it is closed; its exit code."""
    environment = {**os.environ, "RERUN_ANALYTICS": "false"}
    return subprocess.run(
        [sys.executable, "-m", "rerun_cli", str(recording), *HOST], env=environment, check=False
    ).returncode


def command(recording: Path) -> str:
    """What opens the recording in a window. In a browser rerun draws it too; that page asks its makers' servers, and
    counts its users, whatever it is told, so it is not offered."""
    return f"RERUN_ANALYTICS=false rerun {shlex.quote(str(recording))} {' '.join(HOST)}"
