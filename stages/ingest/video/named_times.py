"""Times that names of images end with."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_CLOCKS = {13: 1e3, 16: 1e6, 19: 1e9}
"""Digits of a time since 1970 -> how many of its units a second has: milli, micro, nano."""
_NUMBER = re.compile(r"(?<!\d)(\d+)\D*$", re.ASCII)
_SECONDS = re.compile(r"(?<!\d)(\d{9,10}\.\d+)$", re.ASCII)
"""Since 1970, as TUM and ROS name images."""
_DATE = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[-_.]?(\d\d)[-_.]?(\d\d)[T _-](\d\d)[-_:.]?(\d\d)[-_:.]?(\d\d)([.,]\d{1,9})?Z?$", re.ASCII
)


def times_in(stems: Sequence[str]) -> NDArray[np.float64] | None:
    """Seconds since 1970 [n] that all of these names end with, in one way of writing it: as a whole number of milli-,
    micro- or nanoseconds, as seconds with a fraction, or as date and time of day (taken as UTC). None where not all do,
    or two are of one time."""
    for read in (_of_date, _of_seconds):
        found = [read(stem) for stem in stems]
        if None not in found:
            return _apart(np.array(found, np.float64))
    numbers = [match[1] for stem in stems if (match := _NUMBER.search(stem)) is not None]
    digits = {len(str(int(number))) for number in numbers}
    if len(numbers) < len(stems) or len(digits) != 1 or (clock := _CLOCKS.get(digits.pop())) is None:
        return None
    return _apart(np.array([int(number) / clock for number in numbers]))


def _apart(times: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return times if len(np.unique(times)) == len(times) else None


def _of_seconds(stem: str) -> float | None:
    found = _SECONDS.search(stem)
    return None if found is None else float(found[1])


def _of_date(stem: str) -> float | None:
    found = _DATE.search(stem)
    if found is None:
        return None
    year, month, day, hour, minute, second, fraction = found.groups()
    try:
        whole = np.datetime64(f"{year}-{month}-{day}T{hour}:{minute}:{second}", "s").astype(np.int64)
    except ValueError:
        return None
    return float(whole) + float((fraction or "0").replace(",", "."))
