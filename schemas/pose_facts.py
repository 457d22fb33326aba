"""Whether the poses of a log can be right: what they say of themselves, and whether the ground that a few scans see
meets itself when they put it together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from occlabel.schemas.geometry import Matrix, inverse
from occlabel.schemas.pose_order import against, gain

_APART, _LEAST = 15.0, 3.0
"""Metres between two frames whose ground is compared; a log that is shorter than the second shows nothing."""
_PAIRS = 8
"""So many are looked at, evenly spread over the way."""
_NEAR = 20.0
"""Ground is compared so far [m] around the middle between two frames."""
_CELL, _FLAT, _FEWEST = 1.0, 0.2, 3
"""A cell of a metre, seen from above, shows the ground where all of its points, three at least, lie within 0.2 m."""
_CELLS = 40
"""Cells that both frames must show."""
_ROW = 1 << 22
"""Cells a row: more than a world has."""
_STEP = 0.15
"""Metres by which good poses do not miss: KITTI's miss by 0.04, those of LiDARs of 32 beams that were registered by
0.03."""
_LEVEL, _LEVEL_WAY, _LEVEL_STEP = 0.01, 20.0, 0.06
"""Poses that do not rise by a centimetre over such a way know no height; then the ground tells sooner."""
_LEAN = 1e-4
"""Sine of the angle by which a car that leans at all leans somewhere."""
_NUDGE, _FORCE = 0.5, 15.0
"""By how much a place may be off the motion before it: metres of noise, and m/s² as no tyre holds."""
_TURN, _TWIST = np.deg2rad(10.0), np.deg2rad(90.0)
"""The same for the heading: noise, and rad/s² at once."""


_TURNS = {
    90: np.array([[0.0, -1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
    -90: np.array([[0.0, 1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]),
}
"""Degrees about z -> the matrix of it."""


class PoseFacts(BaseModel):
    """What a log's poses and a few scans show. None is what cannot be seen."""

    model_config = ConfigDict(frozen=True)

    known: bool = True
    """Whether the log has any poses at all."""
    step: float | None = None
    """How far [m] the ground of one frame lies from that of another, at the worst of the pairs."""
    apart: float | None = None
    """Metres between these two."""
    level: float | None = None
    """z [m] of all poses, where they have no other."""
    upright: bool = False
    """Whether the car never leans, as on no street."""
    leap: float | None = None
    """Metres by which a frame is farthest off the motion before it, where that cannot be; 0 for one that only turns."""
    leaps_at: str | None = None
    """Its name."""
    backwards: bool = False
    """Whether the scans fit the poses from the last to the first."""
    turned: int = 0
    """Degrees by which scans have to be turned about z, counter-clockwise seen from above, to fit the poses."""

    @property
    def usable(self) -> bool:
        """Whether the log says anything of how the car moved."""
        return self.known and not self.backwards and not self.turned

    @property
    def fault(self) -> str | None:
        """What shows that the poses cannot be right, as the second half of a sentence; None where nothing does."""
        if not self.known:
            return None
        if self.backwards:
            return "they run backwards: the scans fit them from the last frame to the first"
        if self.turned:
            side = "left" if self.turned > 0 else "right"
            return (
                f"the scans fit them turned to the {side} by {abs(self.turned)} degrees: x of the scans, or of what "
                "the calibration makes of them, does not point ahead"
            )
        if self.leaps_at is not None:
            how = f"leap by {self.leap:.1f} m" if self.leap else "turn faster than a car can"
            return f"they {how} at frame {self.leaps_at}"
        if self.step is None or self.apart is None:
            return None
        misses = f"the ground that two frames {self.apart:.0f} m apart see does not meet: it is {self.step:.2f} m off"
        if self.level is not None and self.step > _LEVEL_STEP:
            return f"z is {self.level + 0.0:.2f} m in every frame, and {misses}"
        return misses if self.step > _STEP else None


def pose_facts(
    poses: Sequence[Matrix | None],
    times: Sequence[float],
    names: Sequence[str],
    scan: Callable[[int], NDArray[np.floating[Any]] | None],
) -> PoseFacts:
    """``poses`` are world_from_ego, one a frame as ``times`` [s] and ``names``; ``scan(i)`` gives the points [n, 3] of
    a frame in the ego frame, None where it has none that can be read. At most 16 scans are asked for."""
    posed = [index for index, pose in enumerate(poses) if pose is not None]
    if not posed:
        return PoseFacts(known=False)
    known = [np.asarray(poses[index], np.float64) for index in posed]
    places = np.array([pose[:3, 3] for pose in known])
    way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(places[:, :2], axis=0), axis=1))])
    level = float(places[0, 2]) if way[-1] > _LEVEL_WAY and np.ptp(places[:, 2]) < _LEVEL else None
    upright = all(np.abs(pose[2, :2]).max() < _LEAN for pose in known)
    off, at = worst_leap(known, [times[index] for index in posed]) or (None, None)
    worst: tuple[float, float] | tuple[None, None] = (None, None)
    gains: list[float] = []
    gains_turned: dict[int, list[float]] = {degrees: [] for degrees in _TURNS}
    for one, other in _pairs(way):
        seen = [scan(posed[one]), scan(posed[other])]
        if seen[0] is None or seen[1] is None:
            continue
        step = ground_step(seen[0], seen[1], known[one], known[other])
        if step is not None and (worst[0] is None or step > worst[0]):
            worst = step, float(way[other] - way[one])
        scans, given = (seen[0], seen[1]), (known[one], known[other])
        first, last = poses[-1 - posed[one]], poses[-1 - posed[other]]
        if first is not None and last is not None:
            found = gain(scans, given, (np.asarray(first), np.asarray(last)))
            gains += [] if found is None else [found]
        for degrees, turn in _TURNS.items():
            found = gain(scans, given, (given[0] @ turn, given[1] @ turn))
            gains_turned[degrees] += [] if found is None else [found]
    return PoseFacts(
        step=worst[0],
        apart=worst[1],
        level=level,
        upright=upright,
        leap=off,
        leaps_at=None if at is None else names[posed[at]],
        backwards=against(gains),
        turned=next((degrees for degrees, found in gains_turned.items() if against(found)), 0),
    )


def ground_step(
    one: NDArray[np.floating[Any]], other: NDArray[np.floating[Any]], world_from_one: Matrix, world_from_other: Matrix
) -> float | None:
    """How far apart [m] the ground lies that two frames see, the median over cells that both see; points [n, 3]. None
    where these are too few."""
    middle = (world_from_one[:2, 3] + world_from_other[:2, 3]) / 2
    (keys, low), (others, high) = (_ground(one, world_from_one, middle), _ground(other, world_from_other, middle))
    _, here, there = np.intersect1d(keys, others, assume_unique=True, return_indices=True)
    return None if len(here) < _CELLS else float(np.median(np.abs(low[here] - high[there])))


def _ground(
    points: NDArray[np.floating[Any]], world_from_ego: Matrix, middle: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Which cells around ``middle`` [2] show ground, and its height [m] in the world."""
    rotation = world_from_ego[:3, :3]
    placed = np.asarray(points, np.float64)[:, :3] @ rotation.T + world_from_ego[:3, 3] - [*middle, 0.0]
    placed = placed[(np.hypot(placed[:, 0], placed[:, 1]) < _NEAR) & np.isfinite(placed[:, 2])]
    cell = np.floor(placed[:, :2] / _CELL + middle % _CELL).astype(np.int64) @ [_ROW, 1]
    order = np.argsort(cell, kind="stable")
    keys, first, count = np.unique(cell[order], return_index=True, return_counts=True)
    if not len(keys):
        return keys, np.zeros(0)
    z = placed[order, 2]
    thick = np.maximum.reduceat(z, first) - np.minimum.reduceat(z, first)
    ground = (count >= _FEWEST) & (thick < _FLAT)
    return keys[ground], (np.add.reduceat(z, first) / count)[ground]


def _pairs(way: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Frames about ``_APART`` metres of the way from each other."""
    if way[-1] < _LEAST:
        return []
    if way[-1] <= _APART:
        return [(0, len(way) - 1)]
    starts = np.searchsorted(way, np.linspace(0.0, way[-1] - _APART, _PAIRS))
    pairs = {(int(i), min(int(np.searchsorted(way, way[i] + _APART)), len(way) - 1)) for i in starts}
    return sorted(pair for pair in pairs if pair[0] < pair[1])


def worst_leap(poses: Sequence[Matrix], times: Sequence[float]) -> tuple[float, int] | None:
    """How far off [m] the motion before it the worst frame is that cannot be where it is, 0 for one that only turned,
    and which that is; None where all frames can."""
    worst: tuple[float, int] | None = None
    torn = False
    for index in range(2, len(poses)):
        before, last = times[index - 1] - times[index - 2], times[index] - times[index - 1]
        if torn or before <= 0 or last <= 0:  # what a frame after a leap is off is the leap again
            torn = False
            continue
        off, turned = leap(poses[index - 2], poses[index - 1], poses[index], before, last)
        torn = off > 0 or turned
        if torn and (worst is None or off > worst[0]):
            worst = off, index
    return worst


def leap(first: Matrix, second: Matrix, third: Matrix, before: float, last: float) -> tuple[float, bool]:
    """How far [m] the ``third`` pose is off the motion from the ``first`` to the ``second``, ``before`` and ``last``
    seconds apart, 0 where a car may have driven so; and whether it turned as no car turns."""
    pace = (second[:3, 3] - first[:3, 3]) / before
    off = float(np.linalg.norm(third[:3, 3] - second[:3, 3] - pace * last))
    angles = [_angle(inverse(one) @ other) for one, other in ((first, second), (second, third))]
    turned = abs(angles[1] - angles[0] * last / before) > _TURN + _TWIST * last * (before + last) / 2
    return (off if off > _NUDGE + _FORCE * last * (before + last) / 2 else 0.0), turned


def _angle(rotation: Matrix) -> float:
    return float(np.arccos(np.clip((np.trace(rotation[:3, :3]) - 1) / 2, -1.0, 1.0)))
