"""The times of frames: those that are missing or cannot be are filled in from their neighbours, by frame number."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.formats.rows import Rows, misplaced
from occlabel.schemas.spans import spans

FRAME_PERIOD = 0.1
"""Seconds between frames, for a log without times."""

_SLOWEST = 60.0
"""[s] from one frame to the next, as a rule; what is slower is in other units."""
_FASTEST = 1e-4
_PAUSE = 600.0
"""[s]: two times of one recording that lie further apart than their frame numbers say are not both right."""


def assumed(numbers: Collection[int]) -> NDArray[np.float64]:
    """Times of the frames ``numbers`` that nobody has written down. Numbers that do not count frames, as time stamps,
    are taken one after the other."""
    counting = max(numbers) - min(numbers) < 1000 * len(numbers)
    return np.array([number * FRAME_PERIOD for number in (numbers if counting else range(len(numbers)))])


def read_times(
    rows: Rows, names: Mapping[int, str], others: Collection[int], seconds: Callable[[str], float], warnings: list[str]
) -> NDArray[np.float64]:
    """The time of each of the frames ``names`` from the file ``rows``, a line being ``seconds``, NaN where it is none.
    ``others`` are the counts of rows that another file of the log may have. ``warnings`` take in what is odd."""
    numbers = list(names)
    placed = rows.placed(numbers[-1], others)
    warnings += placed.warnings
    texts = placed.of(numbers)
    times = np.array([np.nan if text is None else seconds(text) for text in texts])
    passed = np.array([b - a for a, b in pairwise(numbers)])
    if placed.misfit is not None:
        at = misplaced(np.diff(times), passed)
        if at is not None:
            # What comes after may be another frame's.
            times[at + 1 :] = np.nan
        if at is not None or (placed.short and rows.texts):
            warnings.append(placed.misfit)
    times, sentences = mended(times, numbers, list(names.values()), rows.name)
    warnings += sentences
    return times


def mended(
    times: NDArray[np.float64], numbers: Sequence[int], names: Sequence[str], source: str
) -> tuple[NDArray[np.float64], list[str]]:
    """``times`` [n] of the frames ``numbers``, which grow, such that they grow too, and sentences on what was changed.

    NaN is a time that is not known. ``source`` is where the times are from. Times that are right stay as they are: of
    those that do not fit together, the fewest are changed, and of two that are equal the later one.
    """
    with np.errstate(invalid="ignore"):
        present = np.abs(times) < 1e12
    index = np.arange(len(times))
    usual = _usual(times, numbers, index[present])
    if usual is not None and not _FASTEST <= usual <= _SLOWEST:
        sentence = (
            f"{source} has {usual:.3g} s from frame to frame, which must be another unit; times are taken as 10 Hz"
        )
        return assumed(numbers), [sentence]
    kept = index[present][_rising(times[present])]
    near = _together(times, numbers, kept)
    if len(near) == len(times):
        return times, []
    if not len(near):
        return assumed(numbers), [f"{source} has no time of any frame; times are taken as 10 Hz"]
    if len(near) == 1 and present.sum() > 1:
        how = "time runs backwards" if (np.diff(times[present]) < 0).all() else "time never runs forwards"
        return assumed(numbers), [f"{source}: {how}; times are taken as 10 Hz"]
    sentences = []
    for without, words in (
        (index[~present], f"{source} has no time"),
        (np.setdiff1d(index[present], kept), f"{source}: time does not run forwards"),
        (np.setdiff1d(kept, near), f"{source} has a time {_PAUSE:.0f} s or more away from all others"),
    ):
        if len(without):
            frames = spans(names[n] for n in without)
            sentences.append(f"{words} at frame {frames}; it is filled in from the frames around it")
    return _filled(times, numbers, near), sentences


def _usual(times: NDArray[np.float64], numbers: Sequence[int], index: NDArray[np.int64]) -> float | None:
    """Seconds from one frame to the next."""
    steps = [(times[b] - times[a]) / (numbers[b] - numbers[a]) for a, b in pairwise(index)]
    rising = [step for step in steps if step > 0]
    return float(np.median(rising)) if rising else None


def _rising(times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the longest part of ``times`` that grows; of several, the one with the earlier of two rivals."""
    if (np.diff(times) > 0).all():
        return np.arange(len(times))
    # From the end, with their signs turned: the last of equals to be looked at stays, which is the earliest.
    tails: list[float] = []
    places: list[int] = []
    before: list[int] = [-1] * len(times)
    for place in range(len(times) - 1, -1, -1):
        value = -float(times[place])
        length = bisect_left(tails, value)
        before[place] = places[length - 1] if length else -1
        tails[length : length + 1] = [value]
        places[length : length + 1] = [place]
    result = []
    place = places[-1] if places else -1
    while place >= 0:
        result.append(place)
        place = before[place]
    return np.array(result, np.int64)


def _together(times: NDArray[np.float64], numbers: Sequence[int], kept: NDArray[np.int64]) -> NDArray[np.int64]:
    """The longest run of ``kept`` without a leap; the earlier of two that are as long."""
    if len(kept) < 2:
        return kept
    usual = _usual(times, numbers, kept) or FRAME_PERIOD
    passed = np.array([numbers[b] - numbers[a] for a, b in pairwise(kept)], np.float64)
    leaps = np.flatnonzero(np.diff(times[kept]) > _PAUSE + 2 * usual * passed) + 1
    return max(np.split(kept, leaps), key=len)


def _filled(times: NDArray[np.float64], numbers: Sequence[int], known: NDArray[np.int64]) -> NDArray[np.float64]:
    """``times`` with those that are not ``known`` on the lines between those that are, and beyond them at their
    pace."""
    result = times.copy()
    # Numbers may be as large as time stamps.
    place = np.array([number - numbers[0] for number in numbers], np.float64)
    unknown = np.setdiff1d(np.arange(len(times)), known)
    usual = _usual(times, numbers, known) or FRAME_PERIOD
    result[unknown] = np.interp(place[unknown], place[known], times[known])
    first, last = known[0], known[-1]
    for n in unknown:
        if n < first:
            result[n] = times[first] - usual * (place[first] - place[n])
        elif n > last:
            result[n] = times[last] + usual * (place[n] - place[last])
    return result
