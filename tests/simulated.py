"""Simulated roots that several tests look at: each is made once, for all of them and all their processes."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from occlabel.pipeline.teaching.simulate import Drives, simulate_logs
from occlabel.stages.town.writers.root import Layout

Simulated = Callable[[Layout, Drives], Path]

TWO_SWEPT = Drives(logs=2, frames=1, seed=3, image_scale=None)
"""Logs without cameras."""
TWO_SHORT = Drives(logs=2, frames=2, seed=81, image_scale=0.1)
ONE_WITH_PRIORS = Drives(logs=1, frames=1, seed=3, image_scale=0.1, priors=("degraded", "exact"))
ONE_ORACLE = Drives(logs=1, frames=3, seed=4, image_scale=0.4, priors=("degraded", "exact"))
"""Images large enough for their depth to be held against the LiDAR."""


def resembling(root: Path, place: Path) -> Path:
    """A copy of a simulated KITTI root, whose logs took place at other times."""
    for times in Path(shutil.copytree(root, place)).rglob("times.txt"):
        times.write_text("".join(f"{float(line) + 1000:e}\n" for line in times.read_text().split()))
    return place


def simulated_in(factory: pytest.TempPathFactory) -> Simulated:
    """Of a layout and drives, the root as ``simulate`` writes it. Who would change one copies it."""
    own = factory.getbasetemp()
    base = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def root(layout: Layout, drives: Drives) -> Path:
        place = base / f"simulated-{layout}-{hashlib.sha256(repr(drives).encode()).hexdigest()[:8]}"
        with place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed
            if not place.with_suffix(".whole").exists():
                simulate_logs(layout, place, drives)
                place.with_suffix(".whole").touch()
        return place

    return root
