"""A tiny log in the layout of Argoverse 2: a car that drives along x of the city at 10 m/s past a wall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from PIL import Image
from pyarrow import feather

LOG = "00a6ffc1-6ce9-3bc3-a060-6006e9893a1a"
START = 315_966_070_559_696_000
"""[ns] of the first sweep."""
TURN = 100_000_000
LATER = 20_000_000
"""[ns] from a sweep to the image that is next to it."""
LIDAR_HEIGHT = 1.6
SPEED = 10.0
FRAMES = 4
CAMERA = "ring_front_center"
FACING = (0.5, -0.5, 0.5, -0.5)
"""Quaternion of a camera that looks along x."""


def stamps(frames: int = FRAMES) -> list[int]:
    return [START + n * TURN for n in range(frames)]


def write_table(path: Path, **columns: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    feather.write_feather(pa.table(columns), path, compression="lz4")


def pose_columns(places: Any, quaternions: Any) -> dict[str, Any]:
    where, turned = np.asarray(places, np.float64), np.asarray(quaternions, np.float64)
    names = ("qw", "qx", "qy", "qz", "tx_m", "ty_m", "tz_m")
    return dict(zip(names, np.column_stack([turned, where]).T, strict=True))


def write_log(root: Path, log: str = LOG, frames: int = FRAMES) -> Path:
    """Writes the log; poses stand at the times of the sweeps and halfway between them."""
    folder = root / log
    times = np.array([START + n * TURN // 2 for n in range(2 * frames)])
    way = np.zeros((len(times), 3))
    way[:, 0] = SPEED * (times - START) * 1e-9
    level = np.tile([1.0, 0, 0, 0], (len(times), 1))
    write_table(folder / "city_SE3_egovehicle.feather", timestamp_ns=times, **pose_columns(way, level))
    mounts = pose_columns([[1.3, 0, LIDAR_HEIGHT], [1.6, 0, 1.4]], [[1, 0, 0, 0], FACING])
    write_table(folder / "calibration/egovehicle_SE3_sensor.feather", sensor_name=["up_lidar", CAMERA], **mounts)
    write_table(
        folder / "calibration/intrinsics.feather",
        sensor_name=[CAMERA], fx_px=[40.0], fy_px=[41.0], cx_px=[31.5], cy_px=[23.5],
        k1=[-0.2], k2=[0.0], k3=[0.0], height_px=[48], width_px=[64],
    )  # fmt: skip
    boxes = [(stamp, n) for n, stamp in enumerate(stamps(frames))]
    write_table(
        folder / "annotations.feather",
        timestamp_ns=[stamp for stamp, _ in boxes], track_uuid=["a car"] * frames,
        category=["REGULAR_VEHICLE"] * frames, num_interior_pts=[7] * frames,
        length_m=[4.0] * frames, width_m=[2.0] * frames, height_m=[1.5] * frames,
        **pose_columns([[12.0 - n, 3, 0.8] for _, n in boxes], np.tile([1.0, 0, 0, 0], (frames, 1))),
    )  # fmt: skip
    for number, stamp in enumerate(stamps(frames)):
        write_sweep(folder / f"sensors/lidar/{stamp}.feather", wall(number))
        image = folder / f"sensors/cameras/{CAMERA}/{stamp + LATER}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 48), (number, 0, 0)).save(image)
    return folder


def wall(number: int) -> np.ndarray:
    """Points [n, 3] in the ego frame of frame ``number``, on the plane x = 15 m of the city."""
    y, z = np.meshgrid(np.linspace(-4, 4, 9), np.linspace(0, 3, 4))
    return np.column_stack([np.full(y.size, 15.0 - SPEED * number / 10), y.ravel(), z.ravel()])


def write_sweep(path: Path, points: np.ndarray, intensity: int = 51) -> None:
    x, y, z = (pa.array(column.astype(np.float16)) for column in points.T)
    brightness = np.full(len(points), intensity, np.uint8)
    write_table(path, x=x, y=y, z=z, intensity=brightness, laser_number=brightness, offset_ns=brightness.astype("i4"))
