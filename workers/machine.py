"""What this machine has."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def machine_memory() -> int:
    """Bytes of memory that this machine, or the container that this process runs in, has."""
    most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):  # no such limit, or "max"
            most = min(most, int(Path(limit).read_text()))
    return most
