"""Intensity that does not know its sensor: how a point stands out from the rest of its sweep."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LOW, _HIGH = 5, 95
"""Percentiles of a sweep that become 0 and 1: what few mirrors and retro-reflectors send back does not count."""
_LEAST = 1e-3
"""Less between them is no intensity: a sensor without one writes the same everywhere."""
_RANGE = (-0.5, 2.0)


def contrast(intensity: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """``intensity`` [n] of the points of one sweep, in whatever unit, as float32 [n] that is 0 at its 5th and 1 at its
    95th percentile, within -0.5..2; NaN where the sweep has none.

    Gain and offset of the sensor fall out. On real sweeps it tells terrain from road and sidewalk across logs as well
    as the raw value does within one log.
    """
    value = np.asarray(intensity, np.float32)
    finite = value[np.isfinite(value)]
    low, high = np.percentile(finite, [_LOW, _HIGH]) if finite.size else (0.0, 0.0)
    if high - low < _LEAST:
        return np.full(value.shape, np.nan, np.float32)
    return np.clip((value - np.float32(low)) / np.float32(high - low), *_RANGE).astype(np.float32)
