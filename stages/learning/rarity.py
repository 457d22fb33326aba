"""Looking for what is rare: of a thousand voxels of a town a thousandth is a cyclist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN

Rarity = NDArray[np.float32]
"""[256] by class id: how much more often than the most frequent occupied class it is looked for; 0 for UNKNOWN."""

LOOKED_AT = 2000
"""Frames of which a census reads the truth, evenly spread: more say nothing new and take minutes."""
_RAREST, _FREE = 16.0, 0.5


def rarity(counts: NDArray[np.floating[Any]], free_id: int) -> Rarity:
    """From the ``counts`` [classes] of voxels: the root of how much rarer each is than the most frequent, at most 16.

    With the root a class a hundred times rarer is looked for ten times as often, and still learned from less.
    """
    most = np.delete(counts, free_id).max(initial=1.0)
    result = np.zeros(256, np.float32)
    result[: len(counts)] = np.clip(np.sqrt(most / np.maximum(counts, 1)), 1, _RAREST)
    result[free_id] = _FREE
    return result


def alike(free_id: int) -> Rarity:
    """No class is looked for more than another."""
    result = np.ones(256, np.float32)
    result[free_id], result[UNKNOWN] = _FREE, 0
    return result


@dataclass(frozen=True, slots=True)
class Sought:
    """What is looked for in the frames of some logs: classes, and of each a frame that holds it.

    Were a class looked for only where a frame that holds it comes up by itself, one that is in a twentieth of the
    frames would be learned from twenty times less than one that is in all. By the root it is four times less, as images
    that hold what few do are repeated for detectors (Gupta et al. 2019, LVIS, section 5.2).
    """

    rarity: Rarity
    """How much more often each is looked for than if it were frequent."""
    holds: NDArray[np.bool_]
    """[frames, 256], by class id: which each holds; nothing of those that were not looked at."""
    never: tuple[int, ...] = ()
    """Classes that are not looked for."""

    @staticmethod
    def of(census: NDArray[np.number[Any]], classes: int, free_id: int) -> Sought:
        """``census`` [frames, 256]: voxels by class id."""
        return Sought(rarity(census.sum(axis=0)[:classes], free_id), census > 0, (free_id, UNKNOWN))

    def drawn(self, draw: Generator) -> tuple[int, int] | None:
        """A frame and the class that is looked for in it; None where no frame holds any."""
        chances = self.rarity * np.sqrt(self.holds.mean(axis=0))
        chances[list(self.never)] = 0
        if not chances.any():
            return None
        class_id = int(draw.choice(len(chances), p=chances / chances.sum()))
        return int(draw.choice(np.flatnonzero(self.holds[:, class_id]))), class_id


def any_voxel(truth: NDArray[np.uint8], class_id: int, draw: Generator) -> NDArray[np.int64] | None:
    """Index [3] of a voxel of a class in ``truth`` [X, Y, Z]; None without any."""
    places = np.flatnonzero(truth.ravel() == class_id)
    return np.array(np.unravel_index(places[draw.integers(len(places))], truth.shape)) if len(places) else None


def drawn_by_worth(worth: NDArray[np.floating[Any]], wanted: int, draw: Generator) -> NDArray[np.int64]:
    """Indices of at most ``wanted`` of ``worth`` [n], drawn by it without replacement; what is worth 0 comes last.

    The smallest of exponential variables whose rates are the weights (Efraimidis and Spirakis 2006).
    """
    turn = draw.exponential(size=len(worth)) / np.maximum(worth, 1e-6)
    return np.argsort(turn, kind="stable")[:wanted]
