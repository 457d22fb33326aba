"""The ground that the frames of a window have seen together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from occlabel.stages.ground.brightness import Counts, audible, bins, log_odds, worth
from occlabel.stages.ground.cells import Seen, around
from occlabel.stages.ground.fading import faded

_REACH = 3
"""Cells around a place in which frames say what pavement it is: 1.2 m."""
_USUAL = 40 * 255
"""What is called most in the whole window counts as 40 sure points besides: far away a few points are all there is."""


class Names(NamedTuple):
    """Ids of the classes of ground."""

    grown: tuple[int, ...]
    paved: tuple[int, ...]

    @property
    def all(self) -> tuple[int, ...]:
        return (*self.grown, *self.paved)


class Places:
    """The cells that any sweep of a longer stretch has seen, numbered once for all windows of it."""

    def __init__(self, sweeps: Sequence[Seen]) -> None:
        self.keys = np.unique(np.concatenate([sweep.keys for sweep in sweeps]))
        self._beside = self.find(around(self.keys, 1))

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of each cell, -1 of one that no sweep has seen."""
        if not len(self.keys):
            return np.full(keys.shape, -1, np.int64)
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, -1)

    def median(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """``values`` [places], each the median of those of the square of nine cells around it; NaN stays, and counts
        nowhere."""
        nine = np.sort(np.where(self._beside >= 0, values[self._beside], np.nan), axis=1)  # NaN comes last
        known = np.maximum((~np.isnan(nine)).sum(axis=1), 1)
        rows = np.arange(len(nine))
        middle = (nine[rows, (known - 1) // 2] + nine[rows, known // 2]) / 2
        return np.where(np.isnan(values), np.nan, middle)


@dataclass(frozen=True, slots=True)
class Ground:
    """The ground of one window."""

    names: Names
    places: Places
    says: NDArray[np.float64]
    """[places] what brightness says for grown against paved [log-odds], the median of the cells around, as single cells
    are specks; NaN where no frame of the window has seen it."""
    driven: NDArray[np.int64]
    """Keys of cells that the car has driven on, sorted."""
    called: NDArray[np.float64]
    """[places, classes in ``names.all``] points that lie in what frames call so, each as much as it is confident."""

    @staticmethod
    def of(names: Names, places: Places, sweeps: Sequence[Seen], driven: NDArray[np.int64]) -> Ground:
        """What ``sweeps`` say, where the car has driven on the cells ``driven``."""
        numbers = [places.find(sweep.keys) for sweep in sweeps]
        cell, size = np.concatenate(numbers), len(places.keys)
        points, shade, away = (
            np.concatenate([getattr(sweep, what) for sweep in sweeps]) for what in ("points", "shade", "away")
        )
        shade = shade - points * faded(cell, points, shade, away)
        points, shade, away = (np.bincount(cell, part, size) for part in (points, shade, away))
        many = np.maximum(points, 1)
        away = away / many
        counted, worthy = bins(shade / many), worth(away)
        named = np.concatenate([number[sweep.of] for number, sweep in zip(numbers, sweeps, strict=True)])
        label, confidence, times = (
            np.concatenate([getattr(sweep, what) for sweep in sweeps]) for what in ("label", "confidence", "times")
        )
        on_it = np.isin(places.keys, driven)[named]
        counts = Counts.of(counted[named], np.isin(label, names.grown), confidence, on_it, times * worthy[named])
        called = np.stack(
            [np.bincount(named, (label == one) * (times * confidence.astype(np.int64)), size) for one in names.all],
            axis=1,
        ).astype(np.float64)
        says = np.where(points > 0, log_odds(counts)[counted] * audible(away), np.nan)
        return Ground(names, places, places.median(says), driven, called)

    def usual(self, keys: NDArray[np.int64], classes: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        """Which of ``classes`` the ground around the cells [n] is called most, and by which share; where little is
        called one of them, what is called most in the window."""
        chosen = self.called[:, [self.names.all.index(class_id) for class_id in classes]]
        cells, of = np.unique(keys, return_inverse=True)
        place = self.places.find(around(cells, _REACH))
        near = np.where(place[..., None] >= 0, chosen[place], 0).sum(axis=1)[of]
        everywhere = chosen.sum(axis=0)
        called = near + _USUAL * (everywhere + 1) / (everywhere + 1).sum()
        return np.array(classes, np.uint8)[called.argmax(axis=1)], called.max(axis=1) / called.sum(axis=1)
