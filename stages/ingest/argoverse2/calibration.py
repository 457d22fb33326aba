"""How the sensors of an Argoverse 2 car sit, and K of its cameras.

The table of intrinsics also has radial distortion of the lenses, k1 to k3: images are given without it (Argoverse 2
user guide, sensor suite), so nothing is to be taken out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from occlabel.schemas.errors import BadLog, DamagedFile
from occlabel.schemas.geometry import Matrix
from occlabel.stages.ingest.argoverse2.tables import NUMBER, POSE, TEXT, WHOLE, Columns, poses_in, read_columns
from occlabel.stages.ingest.calibration import camera_of, mounted
from occlabel.stages.ingest.digest import LogDigest

LIDAR = "up_lidar"
EXTRINSICS, INTRINSICS = "egovehicle_SE3_sensor.feather", "intrinsics.feather"
_MOST_PIXELS = 100_000


@dataclass(frozen=True)
class Calibration:
    """By name of the sensor; what is not known is not in it."""

    ego_from_sensor: dict[str, Matrix]
    intrinsics: dict[str, Matrix]
    sizes: dict[str, tuple[int, int]]


def read_calibration(folder: Path, digest: LogDigest, warnings: list[str]) -> Calibration:
    """What the two tables in ``folder`` say."""
    mounts: dict[str, Matrix] = {}
    columns = _table(folder / EXTRINSICS, {"sensor_name": TEXT, **POSE}, "without extrinsics", digest, warnings)
    if columns is not None:
        for name, matrix in zip(columns["sensor_name"].tolist(), poses_in(columns), strict=True):
            try:
                mounts[name] = mounted(matrix, f"{EXTRINSICS}: the row of {name}")
            except BadLog as error:
                warnings.append(f"{error}; {name} goes on without extrinsics")
    wanted = {"sensor_name": TEXT, **dict.fromkeys(("fx_px", "fy_px", "cx_px", "cy_px"), NUMBER)}
    wanted |= {"width_px": WHOLE, "height_px": WHOLE}
    columns = _table(folder / INTRINSICS, wanted, "without intrinsics", digest, warnings)
    pinholes, sizes = ({}, {}) if columns is None else _pinholes(columns, warnings)
    return Calibration(mounts, pinholes, sizes)


def _pinholes(columns: Columns, warnings: list[str]) -> tuple[dict[str, Matrix], dict[str, tuple[int, int]]]:
    pinholes: dict[str, Matrix] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for row, name in enumerate(columns["sensor_name"].tolist()):
        fx, fy, cx, cy = (float(columns[key][row]) for key in ("fx_px", "fy_px", "cx_px", "cy_px"))
        projection = np.array([[fx, 0, cx, 0], [0, fy, cy, 0], [0, 0, 1, 0]])
        try:
            pinholes[name] = camera_of(projection, None, f"{INTRINSICS}: the row of {name}")[0]
        except BadLog as error:
            warnings.append(f"{error}; {name} goes on without intrinsics")
        size = int(columns["width_px"][row]), int(columns["height_px"][row])
        if min(size) > 0 and max(size) <= _MOST_PIXELS:
            sizes[name] = size
    return pinholes, sizes


def _table(path: Path, wanted: dict[str, str], without: str, digest: LogDigest, warnings: list[str]) -> Columns | None:
    try:
        columns, content = read_columns(path, wanted)
    except DamagedFile as error:
        warnings.append(f"{error}; the sensors go on {without}")
        return None
    digest.add_text(path.name, content)
    return columns
