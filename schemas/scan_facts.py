"""What a few scans of a log say of its sensor: how high it stands over the ground, how many beams it has, which way the
car drives; and of its poses. They tell whether a recipe fits; labels depend on what is said of poses alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_facts import PoseFacts
from occlabel.schemas.words import counted

_NEAR, _FAR = 3.0, 15.0
"""Distance [m] at which ground is looked at: beyond the car itself, and not yet far downhill."""
_CELLS = 40
"""Cells of a metre, seen from above, that must hold points so near."""
_THICK = 0.15
"""How far [m] from the plane the ground may lie."""
_STEEPEST = 0.2
"""Metres up a metre: sensors are mounted askew, and streets are crowned."""
_SHARE = 0.5
"""Of the cells that must lie on the plane, or there is none."""
_TRIES = 200
_ROW = 1 << 10
"""Cells a row: more than lie in reach."""
_COLUMN = np.deg2rad(1.0)
_APART = np.deg2rad(0.13)
"""Beams differ in elevation by more; points of one beam in a column of a degree by less."""
_FEWEST = 10
"""Points in a column that shows how many beams there are."""
_COLUMNS = 30
_DRIVEN = 2.0
"""Way [m] that shows which way a car drives."""


class ScanFacts(BaseModel):
    """None is what the scans do not show clearly."""

    model_config = ConfigDict(frozen=True)

    ground_in_lidar: float | None = None
    """z of the ground below the sensor [m] in the LiDAR frame."""
    ground_in_ego: float | None = None
    """The same in the ego frame."""
    groundless: int = 0
    """Scans that show much around their sensor and no ground, where none of those that were looked at shows any."""
    beams: int | None = None
    ahead_in_lidar: tuple[float, float] | None = None
    """Which way the car drives, x and y of length 1 in the LiDAR frame."""
    ahead_in_ego: tuple[float, float] | None = None
    """The same in the ego frame."""
    climb: float | None = None
    """Share of the car's way that leads along z of the LiDAR frame, 0..1."""
    poses: PoseFacts = PoseFacts()
    unread: str | None = None
    """Why the first scan that was looked at cannot be read, where none of them can."""
    cut: tuple[str, ...] = ()
    """Frames whose scan is a far smaller file than the others are, as a copy that broke off is."""

    def none_read(self, scans: int) -> str | None:
        """What is to be said of a log of so many ``scans`` where not one that was looked at can be read."""
        if self.unread is None:
            return None
        return (
            f"of its {counted(scans, 'scan')} none of those that were looked at can be read, probably none at all: "
            f"{self.unread}"
        )

    @property
    def no_ground(self) -> str | None:
        """What is to be said of a log whose scans show no ground at all, as where they lie on their side."""
        if not self.groundless:
            return None
        return (
            f"{counted(self.groundless, 'scan')} of it were looked at, and none shows a ground below its sensor: does "
            "z of the scans point up, and is where the LiDAR sits written as its format has it (a quaternion begins "
            "with w)? Labels of scans that lie on their side are worth nothing"
        )

    def broken_off(self, scans: int) -> str | None:
        """What is to be said of a log of so many ``scans`` where copies of some seem to have broken off."""
        if not self.cut:
            return None
        few = ", ".join(self.cut[:3]) + (", ..." if len(self.cut) > 3 else "")
        return (
            f"{len(self.cut)} of its {counted(scans, 'scan')} ({few}) with less than a quarter of the bytes that most "
            "have, as copies that broke off"
        )


def ground_height(points: NDArray[np.floating[Any]], sensor: Sequence[float] | NDArray[np.float64]) -> float | None:
    """Height [m] of the ground below ``sensor`` [3] in the frame of ``points`` [n, 3], whose z points up: that of the
    plane that holds most of the lowest points around. None where no plane holds half of them."""
    low = _lowest(points, sensor)
    if len(low) < _CELLS:
        return None
    plan = np.column_stack([low[:, :2], np.ones(len(low))])
    draw = np.random.default_rng(0)  # the same scan has the same ground
    three = draw.integers(len(low), size=(_TRIES, 3))
    three = three[np.abs(np.linalg.det(plan[three])) > 1.0]
    planes = np.linalg.solve(plan[three], low[three, 2][..., None])[..., 0]
    planes = planes[np.hypot(planes[:, 0], planes[:, 1]) < _STEEPEST]
    on = np.abs(planes @ plan.T - low[:, 2]) < _THICK
    if not len(on) or on.mean(axis=1).max() < _SHARE:
        return None
    best = on[on.sum(axis=1).argmax()]
    plane = np.linalg.lstsq(plan[best], low[best, 2], rcond=None)[0]
    return float(plane[2] + sensor[2])


def shows_much(points: NDArray[np.floating[Any]], sensor: Sequence[float] | NDArray[np.float64]) -> bool:
    """Whether there is so much around ``sensor`` that a ground would be among it; arguments as ``ground_height``."""
    return len(_lowest(points, sensor)) >= _CELLS


def _lowest(points: NDArray[np.floating[Any]], sensor: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """The lowest point [m, 3] of each cell around ``sensor``, relative to it."""
    around = np.asarray(points, np.float64)[:, :3] - np.asarray(sensor)
    distance = np.hypot(around[:, 0], around[:, 1])
    around = around[(distance > _NEAR) & (distance < _FAR) & np.isfinite(around[:, 2])]
    cell = np.floor(around[:, :2]).astype(np.int64) @ [_ROW, 1]
    order = np.lexsort((around[:, 2], cell))
    low: NDArray[np.float64] = around[order[np.unique(cell[order], return_index=True)[1]]]
    return low


def beam_count(points: NDArray[np.floating[Any]]) -> int | None:
    """About how many beams a LiDAR has, from ``points`` [n, 3] in its own frame: elevations that can be told apart in a
    column of a degree, in the fullest tenth of the columns. None for too few points; of more than a hundred beams so
    close together that they cannot be told apart, fewer."""
    x, y, z = np.asarray(points, np.float64)[:, :3].T
    distance = np.sqrt(x**2 + y**2 + z**2)
    seen = np.isfinite(distance) & (distance > _NEAR)
    column = np.floor(np.arctan2(y[seen], x[seen]) / _COLUMN).astype(np.int64)
    elevation = np.arcsin(z[seen] / distance[seen])
    order = np.lexsort((elevation, column))
    column, elevation = column[order], elevation[order]
    _, first, size = np.unique(column, return_index=True, return_counts=True)
    if (size >= _FEWEST).sum() < _COLUMNS:
        return None
    new = np.diff(elevation, prepend=-np.inf) > _APART
    new[first] = True
    counts = np.add.reduceat(new.astype(np.int64), first)[size >= _FEWEST]
    return int(np.percentile(counts, 90))


def climb(poses: Sequence[Matrix]) -> float | None:
    """How much of the way of a thing that has ``poses`` (world from its own frame, in time) leads along its own z:
    0..1. None where it does not move."""
    shares = []
    last = poses[0] if poses else None
    for pose in poses:
        assert last is not None
        way = (inverse(last) @ pose)[:3, 3]
        if np.linalg.norm(way) > _DRIVEN:
            shares.append(abs(way[2]) / np.linalg.norm(way))
            last = pose
    return float(np.mean(shares)) if shares else None


def driving_direction(poses: Sequence[Matrix]) -> tuple[float, float] | None:
    """Which way a thing moves that has ``poses`` (world from its own frame, in time): x and y in its own frame, of
    length 1. None where it does not move, or as often one way as another."""
    ways = []
    last = poses[0] if poses else None
    for pose in poses:
        assert last is not None
        way = (inverse(last) @ pose)[:2, 3]
        if np.linalg.norm(way) > _DRIVEN:
            ways.append(way / np.linalg.norm(way))
            last = pose
    mean = np.mean(ways, axis=0) if ways else np.zeros(2)
    length = float(np.linalg.norm(mean))
    return (float(mean[0]) / length, float(mean[1]) / length) if length > _SHARE else None
