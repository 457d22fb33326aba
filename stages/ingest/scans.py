"""LiDAR scans on disk: float32 rows, a fixed number of columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile


def read_scan(path: Path, columns: int) -> NDArray[np.float32]:
    """Points [n, columns]. Raises DamagedFile when the file is missing, empty, truncated or holds NaN or infinity."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedFile(f"{path} cannot be read: {error.strerror}") from error
    if not content:
        raise DamagedFile(f"{path} is empty; copy the scan again")
    if len(content) % (4 * columns):
        raise DamagedFile(
            f"{path} has {len(content)} bytes, which is no multiple of {4 * columns} (a point); it is truncated"
        )
    points = np.frombuffer(content, "<f4").reshape(-1, columns)
    if not np.isfinite(points).all():
        raise DamagedFile(f"{path} holds points that are NaN or infinite; it is overwritten or of another format")
    return points.astype(np.float32)
