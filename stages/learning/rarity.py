"""Looking for what is rare: of a thousand voxels of a town a thousandth is a cyclist."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import UNKNOWN

Rarity = NDArray[np.float32]
"""[256] by class id: how much more often than the most frequent occupied class it is looked for; 0 for UNKNOWN."""

_RAREST = 16.0


def rarity(counts: NDArray[np.floating[Any]], free_id: int) -> Rarity:
    """From the ``counts`` [classes] of voxels: the root of how much rarer each is than the most frequent, at most 16.

    With the root a class a hundred times rarer is looked for ten times as often, and still learned from less.
    """
    most = np.delete(counts, free_id).max(initial=1.0)
    result = np.zeros(256, np.float32)
    result[: len(counts)] = np.clip(np.sqrt(most / np.maximum(counts, 1)), 1, _RAREST)
    result[free_id] = 0.5
    return result


def rare_voxel(truth: NDArray[np.uint8], rarity: Rarity, free_id: int, draw: Generator) -> NDArray[np.int64] | None:
    """Index [3] of a voxel whose class was drawn by rarity from those in ``truth`` [X, Y, Z]; None if all is free."""
    present = np.bincount(truth.ravel(), minlength=256) > 0
    present[[free_id, UNKNOWN]] = False
    if not present.any():
        return None
    chances = np.where(present, rarity, 0).astype(np.float64)
    class_id = draw.choice(256, p=chances / chances.sum())
    places = np.flatnonzero(truth.ravel() == class_id)
    return np.array(np.unravel_index(places[draw.integers(len(places))], truth.shape))


def drawn_by_worth(worth: NDArray[np.floating[Any]], wanted: int, draw: Generator) -> NDArray[np.int64]:
    """Indices of at most ``wanted`` of ``worth`` [n], drawn by it without replacement; what is worth 0 comes last.

    The smallest of exponential variables whose rates are the weights (Efraimidis and Spirakis 2006).
    """
    turn = draw.exponential(size=len(worth)) / np.maximum(worth, 1e-6)
    return np.argsort(turn, kind="stable")[:wanted]
