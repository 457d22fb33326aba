"""Roots of drive logs in the layouts that people record in today."""

from __future__ import annotations

from pathlib import Path

import argoverse_log
import kitti360_drive
import mcap_log
import numpy as np
from filmed import film, telling
from fuzzing.logs import read_logs
from fuzzing.reading import Reading

CALIBRATION = """rate: 10
camera:
  intrinsics: [[90, 0, 47.5], [0, 90, 23.5], [0, 0, 1]]
  size: [96, 48]
  height: 1.65
  extrinsics: [[0, 0, 1, 0.3], [-1, 0, 0, 0], [0, -1, 0, 1.65]]
"""


def argoverse_root(root: Path) -> None:
    argoverse_log.write_log(root)


def kitti360_root(root: Path) -> None:
    kitti360_drive.write_drive(root)


def mcap_root(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    mcap_log.write_recording(root / "drive.mcap")


def film_root(root: Path) -> None:
    root.mkdir(parents=True, exist_ok=True)
    film(root / "drive.mp4", [telling(number) for number in range(4)])
    (root / "calibration.yaml").write_text(CALIBRATION)


def read_film(root: Path) -> Reading:
    """All that can be read; a line of what is known of a camera may be left out, and then nothing is known of it."""
    reading = read_logs(root)
    for key in [key for key in reading.values if key.endswith("/image")]:
        camera = key.removesuffix("/image")
        for name, side in (("intrinsics", 3), ("extrinsics", 4)):
            reading.values.setdefault(f"{camera}/{name}", np.zeros((side, side)))
    return reading
