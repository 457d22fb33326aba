"""Panoptic truth of nuScenes: ``panoptic/<version>/<LiDAR sample_data token>_panoptic.npz``.

The array ``data`` holds one uint16 a point: general category (its index in ``category.json``) x 1000 + instance, the
instances of a scene numbered from 1, 0 for none (nuscenes-devkit, ``utils/data_io.py``).
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile


def read_codes(path: Path, points: int) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """Categories and instances, uint16 [points] each. Raises DamagedFile."""
    try:
        with np.load(path, allow_pickle=False) as file:
            codes = np.asarray(file["data"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DamagedFile(f"{path} is not a readable npz file with an array 'data': {error}") from error
    if codes.shape != (points,) or codes.dtype.kind not in "ui":
        raise DamagedFile(f"{path} holds {codes.dtype} {list(codes.shape)}, its scan has {points} points")
    category, instance = np.divmod(codes.astype(np.uint16), np.uint16(1000))
    return category, instance
