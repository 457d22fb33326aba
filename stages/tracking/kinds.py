"""Which classes may be one object under two names, and how fast an object of a class can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy

_GROUPS = (
    (30.0, ("car", "truck", "bus", "trailer", "other-vehicle", "construction_vehicle")),
    (15.0, ("bicycle", "motorcycle", "bicyclist", "motorcyclist")),
    (5.0, ("person", "pedestrian")),
)
"""Fastest speed [m/s] and names of the classes that labels mix up: a van is a car now and a truck then."""


@dataclass(frozen=True, slots=True)
class Kinds:
    """What tracking asks of a class, by class id."""

    group: NDArray[np.int64]
    """[256]: classes of one group may be the same object."""
    fastest: NDArray[np.float64]
    """[256]: m/s."""


def kinds_of(taxonomy: Taxonomy) -> Kinds:
    """The kinds of a taxonomy. A class without a group is a group of its own: as fast as a vehicle if it is movable."""
    group, fastest = np.arange(256), np.zeros(256)
    for entry in taxonomy.classes:
        fastest[entry.id] = _GROUPS[0][0] if entry.movable else 0.0
        for n, (speed, names) in enumerate(_GROUPS):
            if entry.name in names:
                group[entry.id], fastest[entry.id] = 256 + n, speed
    return Kinds(group, fastest)
