"""What several of these tests work on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def ray_of_the_process() -> Iterator[None]:
    """A Ray that this process is connected to: runs work on it, and start none of their own."""
    from occlabel.workers.ray_cluster import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))  # the workers must find the toy stages
        cluster = Cluster()
        yield
        cluster.close()
