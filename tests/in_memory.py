"""Where the files of tests lie. They make and remove some ten thousand small ones, and a disk takes up to a millisecond
for each."""

from __future__ import annotations

import os
from pathlib import Path

MEMORY = Path("/dev/shm")
ENOUGH = 4 << 30
"""Bytes that must be free, several times what there is at once."""


def stay_in_memory() -> None:
    """What pytest makes for tests lies in memory, where there is room for it and nobody named another place."""
    named = {"PYTEST_DEBUG_TEMPROOT", "TMPDIR"} & set(os.environ)
    if named or not os.access(MEMORY, os.W_OK):
        return
    there = os.statvfs(MEMORY)
    if there.f_bavail * there.f_frsize > ENOUGH and not there.f_flag & os.ST_NOEXEC:  # packages are installed, and run
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(MEMORY)
