"""How an object moves, from the places where it was seen: lines through a second of observations.

At the border of the grid an object is cut, and the centroid of its part creeps along it as the grid moves on. Where
there are enough others, such observations have no say.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

MEMORY = 1.0
"""[s]: a velocity is the slope of the line through the observations so near in time."""

STEP = 0.4
"""[s]: displacements are taken over no less; between scans at 10 Hz the labels' noise would be all there is."""
DIRECTIONS: NDArray[np.float64] = np.stack([np.cos(np.arange(12) * np.pi / 12), np.sin(np.arange(12) * np.pi / 12)], 1)
"""[12, 2]: seen from above, 15 degrees apart."""

LEAST = 3
"""Sightings of what is said to move or to stand: two may be of two objects."""
_MEASURED = 3  # voxels; what has fewer is where the labels say, not where something was measured
_OF_LENGTH = 0.375
_STRAIGHT, _LEAP, _BOTH_ENDS = 0.9, 0.7, 0.6
_TURNS = 2.0
"""[m/s]: slower, the direction of a velocity says nothing of where an object heads."""
_FASTEST_TURN = 0.8
"""[rad/s]: as a car turns at a crossing."""
_BETWEEN = 0.25
"""[s] between two lines by which an object turns."""
_ALIKE = 1e-6
"""[s]: times that are multiples of a period meet so far."""


def driving(
    times: NDArray[np.float64], places: NDArray[np.float64], cut: NDArray[np.bool_], memory: float = MEMORY
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Velocities [n, 3] in m/s and rates of turn [n] in rad/s about z at each observation, by the least-squares lines
    around them.

    times: [n] seconds, ascending; places: [n, 3] metres; cut: [n]. A line goes through all that was seen whole at most
    ``memory`` seconds before or after, and through the observations next to it whenever they were; a cut observation
    takes the line of the nearest whole one. An object that was not seen whole twice has lines through all there is; a
    single observation has the velocity NaN.

    The velocity of a line is that of the middle of its time, which at the ends of a life is not when the object was
    seen: turned on to there it was no nearer to the truth, by what labels tremble. The turn is by the middles.
    """
    whole = np.flatnonzero(~cut)
    if len(whole) < 2:
        whole = np.arange(len(times))
    if len(whole) < 2:
        return np.full(places.shape, np.nan), np.zeros(len(times))
    ways, middles = _lines(times[whole] - times[0], places[whole] - places[whole[0]], memory)
    turns = _turns(ways, middles)

    t, everywhen = times[whole] - times[0], times - times[0]
    later = np.clip(np.searchsorted(t, everywhen), 1, len(t) - 1)
    nearest = later - (everywhen - t[later - 1] <= t[later] - everywhen)
    return ways[nearest], turns[nearest]


def _lines(
    t: NDArray[np.float64], p: NDArray[np.float64], memory: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Velocity [n, 3] and mean time [n] of the line around each of the places ``p`` [n, 3] at times ``t`` [n]."""
    here = np.arange(len(t))
    reach = memory + _ALIKE
    low = np.maximum(np.minimum(np.searchsorted(t, t - reach), here - 1), 0)
    high = np.minimum(np.maximum(np.searchsorted(t, t + reach, side="right"), here + 2), len(t))

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return (total[high] - total[low]) / (high - low)[:, None]

    column = t[:, None]
    mean_t, mean_p = means(column), means(p)
    return (means(column * p) - mean_t * mean_p) / (means(column**2) - mean_t**2), mean_t[:, 0]


def _turns(ways: NDArray[np.float64], middles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rate of turn [n] in rad/s: how the direction of the lines ``ways`` [n, 3] before and after differs, over the time
    between their ``middles`` [n], a quarter of a second or more. 0 of what is too slow to have a direction."""
    result = np.zeros(len(ways))
    fast = np.linalg.norm(ways[:, :2], axis=1) >= _TURNS
    last = len(ways) - 1
    for at in range(len(ways)):
        before, after = max(at - 1, 0), min(at + 1, last)
        while middles[after] - middles[before] < _BETWEEN and (before > 0 or after < last):
            before, after = max(before - 1, 0), min(after + 1, last)
        passed = middles[after] - middles[before]
        if passed >= _BETWEEN / 2 and fast[before] and fast[after]:
            (ax, ay), (bx, by) = ways[before, :2], ways[after, :2]
            result[at] = np.arctan2(ax * by - ay * bx, ax * bx + ay * by) / passed
    return np.clip(result, -_FASTEST_TURN, _FASTEST_TURN)


def heading(
    times: list[float], places: list[NDArray[np.float64]], cut: list[bool], least: float
) -> NDArray[np.float64]:
    """The velocity [3] with which an object goes on, from the last ``MEMORY`` seconds in which it was seen whole, and
    at least two observations; as in ``driving``, from all of them if it was not seen whole twice.

    Zero if it has been seen once, or if the line through them is shorter than ``least`` metres: what has moved by
    less than a voxel stands, and standing it stays where it is when it is not seen for a while.
    """
    recent: list[int] = []
    for n in range(len(times) - 1, -1, -1):
        if len(recent) >= 2 and times[n] < times[recent[0]] - MEMORY:
            break
        if not cut[n]:
            recent.append(n)
    if len(recent) < 2:
        recent = [n for n in range(len(times)) if n >= len(times) - 2 or times[n] >= times[-1] - MEMORY]
    if len(recent) < 2:
        return np.zeros(3)
    t, p = np.array([times[n] for n in recent]), np.array([places[n] for n in recent])
    t -= t.mean()
    velocity: NDArray[np.float64] = t @ (p - p.mean(axis=0)) / (t @ t)
    return velocity if np.linalg.norm(velocity) * np.ptp(t) >= least else np.zeros(3)


@dataclass(frozen=True, slots=True)
class Seen:
    """n sightings of one object, in time. World frame, metres."""

    times: NDArray[np.float64]
    """[n] seconds, ascending."""
    places: NDArray[np.float64]
    """[n, 3]: centroids; NaN without a pose."""
    cut: NDArray[np.bool_]
    """[n]: which reach the border of the grid."""
    low: NDArray[np.float64]
    """[n, 12]: how far the object begins along each of ``DIRECTIONS``."""
    high: NDArray[np.float64]
    """[n, 12]: and ends."""
    measured: NDArray[np.int64]
    """[n]: its voxels in which the frame's own sweep measured a point; -1 where nobody counted them."""

    def __getitem__(self, which: NDArray[Any] | slice) -> Seen:
        return Seen(*(getattr(self, field.name)[which] for field in fields(self)))

    def __len__(self) -> int:
        return len(self.times)


def has_moved(seen: Seen, least: float) -> bool:
    """Whether an object has been elsewhere, rather than been seen elsewhere.

    What is seen of a parked object shifts as the car goes by, labels of what was hardly measured drift, and two that
    stand side by side can be taken for one. So an object has moved if in some stretch of its life, in steps of
    ``STEP`` seconds, it went steadily: at least ``least`` metres more than 3/8 of its length, hardly further than as
    the crow flies, in more than one leap, and with both its ends. Only sightings count in which the sweep measured
    something of it; with three that are whole, only whole ones; with fewer than three it has not moved.
    """
    if np.count_nonzero(~seen.cut) >= LEAST:
        seen = seen[~seen.cut]
    seen = seen[(seen.measured < 0) | (seen.measured >= _MEASURED)]
    seen = seen[_steps(seen.times)]
    if len(seen) < LEAST:
        return False
    places = seen.places[:, :2]
    reach = _OF_LENGTH * float(np.median((seen.high - seen.low).max(axis=1)))
    steps = np.linalg.norm(np.diff(places, axis=0), axis=1)
    path = np.concatenate([[0.0], np.cumsum(steps)])
    for n in range(len(seen) - LEAST + 1):
        ways = places[n + LEAST - 1 :] - places[n]
        far = np.linalg.norm(ways, axis=1)
        leap = np.maximum.accumulate(steps[n:])[LEAST - 2 :]
        steady = (far >= reach + least) & (far >= _STRAIGHT * (path[n + LEAST - 1 :] - path[n])) & (leap <= _LEAP * far)
        for end in np.flatnonzero(steady):
            along = DIRECTIONS @ ways[end]
            d = int(np.abs(along).argmax())
            ends = np.array([(side[n + LEAST - 1 + end] - side[n])[d] for side in (seen.low, seen.high)])
            if (ends * np.sign(along[d])).min() >= _BOTH_ENDS * far[end]:
                return True
    return False


def _steps(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first sighting, and each that is STEP seconds or more after the last one that was taken."""
    taken: list[int] = []
    for n, time in enumerate(times.tolist()):
        if not taken or time - times[taken[-1]] >= STEP - 1e-6:
            taken.append(n)
    return np.array(taken, np.int64)
