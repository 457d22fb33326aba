"""What nearly all cases load: a forked process has what its parent has, and loads it in no time."""

from __future__ import annotations

import importlib

import numpy as np

from occlabel.schemas.grid import GRIDS
from occlabel.stages.sensing.rays import crossings

_BY_READERS = (
    "numba",
    "pandas",
    "occlabel.pipeline.running.run",
    "occlabel.stages.completion.accumulated.stage",
    "occlabel.stages.ingest.kitti",
    "occlabel.workers.local",
    "occlabel.workers.ray_cluster",
    "occlabel.workers.zarr_store",
    "tiny_checkpoints",
)
"""Libraries that readers import late, as a command that does without them must not wait for them."""


def load() -> None:
    """Imports them, and has numba load what it loads with the first code that it compiled before. The one thread that
    comes with them, of the jemalloc in pyarrow, is stopped and started by fork."""
    for name in _BY_READERS:
        importlib.import_module(name)
    crossings(np.ones((1, 3), np.float32), np.zeros(3), GRIDS["occ3d"])
