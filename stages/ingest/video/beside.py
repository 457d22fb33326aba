"""What lies beside images and films and is no note about them: the scans of a LiDAR."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from occlabel.schemas.errors import BadLog
from occlabel.stages.ingest.files import reason

SCANS = (".bin", ".feather", ".las", ".laz", ".pcd")
_ARRAY = ".npy"
_COLMAP = ("cameras.bin", "frames.bin", "images.bin", "points3D.bin", "rigs.bin", ".geometric.bin", ".photometric.bin")
"""How files end that COLMAP makes of images."""
_COLUMNS = range(3, 17)
"""Numbers of a point."""
_DEEP = 3
"""Folders in folders that are looked into: a log, ``velodyne_points`` and its ``data``."""


def scan_below(folder: Path, deep: int = _DEEP) -> Path | None:
    """The first scan in ``folder``, or in a folder of it; None where there is none. Raises BadLog for a folder that
    cannot be listed. Hidden things are not looked at."""
    try:
        with os.scandir(folder) as entries:
            there = sorted((entry.name, entry.is_dir()) for entry in entries if not entry.name.startswith("."))
    except OSError as error:
        raise BadLog(f"{folder} cannot be listed: {reason(error)}") from error
    arrays = []
    for name, is_folder in there:
        if not is_folder and name.lower().endswith(SCANS) and not name.endswith(_COLMAP):
            return folder / name
        if not is_folder and name.lower().endswith(_ARRAY):
            arrays.append(folder / name)
    if arrays and _has_points(arrays[0]):
        return arrays[0]
    inner = (scan_below(folder / name, deep - 1) for name, is_folder in there if is_folder and deep)
    return next((found for found in inner if found is not None), None)


def _has_points(array: Path) -> bool:
    """Whether a file of numpy holds rows of a few numbers, as scans do, and not what a network said of an image."""
    try:
        shape = np.load(array, mmap_mode="r", allow_pickle=False).shape
    except (OSError, ValueError, EOFError):
        return False
    return len(shape) == 2 and shape[1] in _COLUMNS
