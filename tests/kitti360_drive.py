"""A tiny drive in the layout of KITTI-360: a car that drives along x of its world, a metre a frame, towards a wall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

DRIVE = "2013_05_28_drive_0000_sync"
SCANS, IMAGES = Path("data_3d_raw") / DRIVE / "velodyne_points", Path("data_2d_raw") / DRIVE
PERSPECTIVE = """calib_time: 13-Apr-2018
S_rect_00: 64 48
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_00: 40 0 31.5 0 0 41 23.5 0 0 0 1 0
S_rect_01: 64 48
R_rect_01: 1 0 0 0 1 0 0 0 1
P_rect_01: 40 0 31.5 -24 0 41 23.5 0 0 0 1 0
"""
# The unit's axes are ahead, right, down; those of the LiDAR are ahead, left, up.
TO_POSE = "image_00: 0 0 1 1.5 1 0 0 0 0 1 0 0.4\nimage_01: 0 0 1 1.5 1 0 0 0.6 0 1 0 0.4\n"
TO_VELO = "0 0 1 0.8 -1 0 0 0.1 0 -1 0 -0.3\n"
POSED = (0, 1, 3)
"""Frames that have a pose."""


def row(frame: int, matrix: np.ndarray) -> str:
    return " ".join(map(str, [frame, *matrix.ravel()]))


def pose(frame: int) -> np.ndarray:
    """Of the unit, 3x4: it drives along x of a world whose z points up, a metre a frame."""
    return np.array([[1, 0, 0, 100.0 + frame], [0, -1, 0, 50], [0, 0, -1, 2.0]])


def write_drive(root: Path) -> Path:
    """Four frames before a wall, with two cameras; ``POSED`` ones have a pose."""
    (root / SCANS / "data").mkdir(parents=True)
    for frame in range(4):
        y, z = np.meshgrid(np.linspace(-4, 4, 9), np.linspace(-1.5, 1, 4))
        wall = np.column_stack([np.full(y.size, 12.0 - frame), y.ravel(), z.ravel(), np.full(y.size, 0.5)])
        wall.astype("<f4").tofile(root / SCANS / f"data/{frame:010d}.bin")
        for camera in ("image_00", "image_01"):
            folder = root / IMAGES / camera / "data_rect"
            folder.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (64, 48), (frame, 0, 0)).save(folder / f"{frame:010d}.png")
    stamps = [f"2013-05-28 08:46:{2 + frame / 10:012.9f}" for frame in range(4)]
    (root / SCANS / "timestamps.txt").write_text("\n".join(stamps) + "\n")
    files = {"perspective.txt": PERSPECTIVE, "calib_cam_to_pose.txt": TO_POSE, "calib_cam_to_velo.txt": TO_VELO}
    (root / "calibration").mkdir()
    for name, text in files.items():
        (root / "calibration" / name).write_text(text)
    (root / "data_poses" / DRIVE).mkdir(parents=True)
    (root / "data_poses" / DRIVE / "poses.txt").write_text("".join(row(n, pose(n)) + "\n" for n in POSED))
    return root
