"""Poses in files, as other programs write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

Poses = Sequence[NDArray[np.float64]] | NDArray[np.float64]


def tum(path: Path, times: Sequence[float], poses: Poses) -> Path:
    """World from what moves, by time."""
    rows = [
        [time, *pose[:3, 3], *Rotation.from_matrix(pose[:3, :3]).as_quat()]
        for time, pose in zip(times, poses, strict=True)
    ]
    return _written(
        path, ["# timestamp tx ty tz qx qy qz qw", *(" ".join(f"{value:.9f}" for value in row) for row in rows)]
    )


def kitti(path: Path, poses: Poses) -> Path:
    """World from what moves, a line each."""
    return _written(path, [" ".join(f"{value:.9e}" for value in pose[:3].ravel()) for pose in poses])


def colmap(
    folder: Path, shots: Mapping[str, NDArray[np.float64]], camera: str = "PINHOLE 640 192 370 370 320.5 96.5"
) -> Path:
    """World from camera by name of the image, all through one lens; every second image has points."""
    folder.mkdir(parents=True, exist_ok=True)
    _written(folder / "cameras.txt", ["# CAMERA_ID, MODEL, WIDTH, HEIGHT, PARAMS[]", f"1 {camera}"])
    rows = ["# IMAGE_ID, QW, QX, QY, QZ, TX, TY, TZ, CAMERA_ID, NAME", "# POINTS2D[] as (X, Y, POINT3D_ID)"]
    for number, (name, pose) in enumerate(shots.items(), 1):
        back = np.linalg.inv(pose)
        x, y, z, w = Rotation.from_matrix(back[:3, :3]).as_quat()
        rows.append(" ".join(map(str, [number, w, x, y, z, *back[:3, 3], 1, name])))
        rows.append("12.5 30.25 -1 100.0 20.0 7 3.0 4.0 8 9.0 1.0 -1" if number % 2 else "")
    _written(folder / "images.txt", rows)
    return folder


def _written(path: Path, lines: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path
