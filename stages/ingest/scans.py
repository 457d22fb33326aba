"""One scan on disk. What is passed on are points of a LiDAR on a car, in metres; anything else is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.errors import DamagedFile
from occlabel.stages.ingest.files import read_file

FURTHEST = 500.0
"""[m] along an axis: no LiDAR of a car sees so far."""
NEAREST = 1.0
"""[m]: a scan has points beyond, whatever stands in the way; those of the car itself are as near."""
_MOST = 4_000_000
"""Points of a sweep; 128 beams that return twice have half a million."""
_RINGS = 1024


@dataclass(frozen=True, slots=True)
class ScanFormat:
    """What a point is, in little-endian float32: x, y, z [m], intensity, and ``rings`` (the beam) if there are any."""

    name: str
    columns: int
    brightest: float
    """Intensities are from 0 to this."""
    rings: bool = False
    kept: str = ""
    """How it is kept where that is not as float32 one after the other."""

    @property
    def words(self) -> str:
        ring = ", ring" if self.rings else ""
        if self.kept:
            return f"{self.name} has {self.kept}: metres, intensity from 0 to {self.brightest:g}"
        return (
            f"{self.name} has {self.columns} little-endian float32 a point: x, y, z in metres, intensity from 0 to "
            f"{self.brightest:g}{ring}"
        )


KITTI = ScanFormat("a scan of KITTI", 4, 1.0)
NUSCENES = ScanFormat("a scan of nuScenes", 5, 255.0, rings=True)


def read_scan(path: Path, format: ScanFormat) -> NDArray[np.float32]:
    """Points [n, 4]: x, y, z [m] and intensity 0..1. Raises DamagedFile when the file is missing, empty, truncated or
    holds anything else than points of ``format``, naming a value and its place."""
    size = 4 * format.columns
    content = read_file(path, _MOST * size)
    if not content:
        raise DamagedFile(f"{path} is empty; copy the scan again")
    if len(content) % size:
        raise DamagedFile(
            f"{path} has {len(content)} bytes, which is no multiple of {size} (a point); it is truncated (copy "
            f"the scan again), or of another format: {format.words}"
        )
    return checked_points(path, np.frombuffer(content, "<f4").reshape(-1, format.columns), format)


def checked_points(path: Path, points: NDArray[np.float32], format: ScanFormat) -> NDArray[np.float32]:
    """``points`` [n, columns] of a file as a reader passes them on, in an array of its own. Raises DamagedFile as
    ``read_scan`` does, also for none."""
    if not len(points):
        raise DamagedFile(f"{path} is empty; copy the scan again")
    points = _zeros_of_lost_beams(points)
    wrong = _wrong(points, format)
    if wrong:
        raise DamagedFile(f"{path}: {wrong}")
    result = points[:, :4].astype(np.float32)
    return result if format.brightest == 1 else result / np.array([1, 1, 1, format.brightest], np.float32)


def _zeros_of_lost_beams(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Of a beam without a return some drivers write NaN for x, y and z; others zeros, which lie on the car itself. Left
    out they would shift the labels of the points after them."""
    lost = np.isnan(points[:, :3]).all(axis=1)
    return np.where(lost[:, None], np.float32(0), points) if lost.any() and not lost.all() else points


def _wrong(points: NDArray[np.float32], format: ScanFormat) -> str | None:
    """What is wrong with ``points``."""
    places, intensities = points[:, :3], points[:, 3]
    if not np.isfinite(points).all():  # as a whole first: row by row it takes ten times as long
        row = _first(~np.isfinite(points).all(axis=1))
        return f"point {row} holds NaN or infinite values; it is overwritten, or of another format: {format.words}"
    with np.errstate(over="ignore"):
        if np.abs(places).max() > FURTHEST:
            row = _first((np.abs(places) > FURTHEST).any(axis=1))
            return (
                f"point {row} lies at ({', '.join(f'{value:.4g}' for value in places[row])}), further than "
                f"{FURTHEST:.0f} m away; it is in other units or of another format: {format.words}"
            )
    if np.abs(places).max() < NEAREST:
        return (
            f"no point is further than {NEAREST:.0f} m away, the furthest {np.abs(places).max():.3g} m; it was not "
            f"written in full, is in other units or of another format: {format.words}"
        )
    if (row := _first((intensities < 0) | (intensities > format.brightest * 1.001))) is not None:
        if format.brightest == 1 and intensities.min() >= 0 and 1 < intensities.max() <= 255:
            return (
                f"its intensities go up to {intensities.max():.4g} (point {int(intensities.argmax())}), those of "
                f"{format.name} from 0 to 1: divide them by 255, or by what they go up to in your sensor, and write "
                "the scans again"
            )
        return f"point {row} has the intensity {intensities[row]:.4g}; it is of another format: {format.words}"
    if format.brightest > 1 and intensities.max() <= 1 and (intensities % 1 != 0).any():
        return (
            f"its intensities go up to {intensities.max():.4g}, those of {format.name} to {format.brightest:g}: "
            f"multiply them by {format.brightest:g}, and write the scans again"
        )
    if format.rings:
        rings = points[:, 4]
        if (row := _first((rings < 0) | (rings >= _RINGS) | (rings % 1 != 0))) is not None:
            return f"point {row} has the ring {rings[row]:.4g}; it is of another format: {format.words}"
    return _unwritten(points)


def _unwritten(points: NDArray[np.float32]) -> str | None:
    """Zeros at the end and nowhere else are what a disk has for what was never written. Sensors that write zeros for
    beams without a return do so everywhere."""
    if points[-1].any():
        return None
    zero = ~points.any(axis=1)
    written = int(np.flatnonzero(~zero)[-1]) + 1
    if zero[:written].any():
        return None
    return (
        f"points {written} to {len(points) - 1}, the last ones, are zeros or NaN; it was not written in full: copy it "
        "again"
    )


def _first(rows: NDArray[np.bool_]) -> int | None:
    """The first row that is true."""
    found = int(rows.argmax())
    return found if rows[found] else None
