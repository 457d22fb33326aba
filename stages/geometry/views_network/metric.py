"""Metres by a network that was trained to say lengths in some unit of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

METRIC_DEVIATION = 0.25
"""Of lengths: OccAny+ with 1.1B parameters is off by 24.4% in depth on nuScenes, in the mean, as its authors
publish."""
_LOW, _HIGH = 0.3, 10.0
"""Metres between which a camera sits above the road."""


@dataclass(frozen=True, slots=True)
class Said:
    """``scale``: metres in a length of a chain; ``spread``: deviation of what windows say of it, as a share."""

    scale: float
    spread: float


def metres_by(scales: list[float], unit: float) -> Said:
    """By windows, of which ``scales`` are how many lengths of the chain one of theirs is: ``unit`` metres."""
    logs = -np.log(np.array(scales))
    middle = float(np.median(logs))
    return Said(unit * float(np.exp(middle)), 1.4826 * float(np.median(np.abs(logs - middle))))


def height_by(scale: float, heights: float) -> float | None:
    """Metres of the camera above a road: ``scale`` metres are in a length of the course, and ``heights`` as many
    heights of the camera. None of a height that no camera on a car has."""
    above = scale / heights
    return above if _LOW < above < _HIGH else None
