"""Panoptic truth of nuScenes: ``panoptic/<version>/<LiDAR sample_data token>_panoptic.npz``.

The array ``data`` holds one uint16 a point: general category (its index in ``category.json``) x 1000 + instance, the
instances of a scene numbered from 1, 0 for none (nuscenes-devkit, ``utils/data_io.py``).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.formats.npz import read_integers


def read_codes(path: Path, points: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Categories and instances, uint16 [points] each. Raises DamagedFile."""
    codes = read_integers(path, "data", (points,), np.iinfo(np.uint16).max)
    category, instance = np.divmod(codes.astype(np.uint16), np.uint16(1000))
    return category, instance
