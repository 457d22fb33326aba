"""How an object moves, from the places where it was seen: lines through a second of observations.

At the border of the grid an object is cut, and the centroid of its part creeps along it as the grid moves on. Where
there are enough others, such observations have no say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEMORY = 1.0
"""[s]: a velocity is the slope of the line through the observations so near in time."""

_LEAST = 3  # two observations may be of two objects
_SIGMAS = 3.0


def smooth(
    times: NDArray[np.float64], places: NDArray[np.float64], cut: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places [n, 3] and velocities [n, 3] on the least-squares line around each observation.

    times: [n] seconds, ascending; places: [n, 3] metres; cut: [n]. A line goes through all that was seen whole at most
    ``MEMORY`` seconds before or after, and through the observations next to it whenever they were; a cut observation
    takes the line of the nearest whole one. An object that was not seen whole twice has lines through all there is; a
    single observation has the velocity NaN.
    """
    whole = np.flatnonzero(~cut)
    if len(whole) < 2:
        whole = np.arange(len(times))
    if len(whole) < 2:
        return places.copy(), np.full(places.shape, np.nan)
    t, p = times[whole] - times[0], places[whole] - places[whole[0]]
    here = np.arange(len(t))
    low = np.maximum(np.minimum(np.searchsorted(t, t - MEMORY), here - 1), 0)
    high = np.minimum(np.maximum(np.searchsorted(t, t + MEMORY, side="right"), here + 2), len(t))

    def means(values: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
        return (total[high] - total[low]) / (high - low)[:, None]

    column = t[:, None]
    mean_t, mean_p = means(column), means(p)
    velocity = (means(column * p) - mean_t * mean_p) / (means(column**2) - mean_t**2)

    everywhen = times - times[0]
    later = np.clip(np.searchsorted(t, everywhen), 1, len(t) - 1)
    nearest = later - (everywhen - t[later - 1] <= t[later] - everywhen)
    smoothed = mean_p[nearest] + velocity[nearest] * (everywhen[:, None] - mean_t[nearest])
    return places[whole[0]] + smoothed, velocity[nearest]


def heading(
    times: list[float], places: list[NDArray[np.float64]], cut: list[bool], least: float
) -> NDArray[np.float64]:
    """The velocity [3] with which an object goes on, from the last ``MEMORY`` seconds in which it was seen whole, and
    at least two observations; as in ``smooth``, from all of them if it was not seen whole twice.

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


def has_moved(times: NDArray[np.float64], places: NDArray[np.float64], cut: NDArray[np.bool_], reach: float) -> bool:
    """Whether an object has been elsewhere, rather than been seen elsewhere.

    The centroid of what is seen of a parked object wanders over the object as the car goes by, by half its length at
    most, and shakes with the labels. So it has moved if, seen from above, its smoothed place was ever further from the
    first than ``reach`` (from its centroid to its far end, metres) plus three times the root mean square of what the
    smoothing took away. With fewer than three observations it has not; if it was seen whole three times, only those
    count.
    """
    if np.count_nonzero(~cut) >= _LEAST:
        times, places, cut = times[~cut], places[~cut], cut[~cut]
    if len(times) < _LEAST:
        return False
    smoothed, _ = smooth(times, places, cut)
    noise = np.sqrt(((places - smoothed)[:, :2] ** 2).sum(axis=1).mean())
    way = np.linalg.norm((smoothed - smoothed[0])[:, :2], axis=1).max()
    return bool(way > reach + _SIGMAS * noise)
