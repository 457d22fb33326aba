"""How good a label volume is, against the truth of a scene."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from occlabel.pipeline.quality.bench.scene import FREE, Scene
from occlabel.stages.evaluation.confusion import confusion
from occlabel.stages.evaluation.scores import occupancy, present_mean


@dataclass(frozen=True, slots=True)
class Quality:
    """Fractions of 1; NaN where there is nothing to score."""

    iou: float
    """Of occupied against free."""
    miou: float
    """Mean over the classes that the truth holds, free left out."""


def quality(volume: NDArray[np.uint8], scene: Scene, what: str) -> Quality:
    """Scores ``volume`` [X, Y, Z] where the truth of ``scene`` is a class; ``what`` names it in an error.

    Raises BadPredictions when it holds an id that is no class there.
    """
    counts = confusion(volume, scene.truth, np.ones(scene.shape, bool), scene.classes, what)
    right, ghosts, missed = occupancy(counts, FREE)
    either = right + ghosts + missed
    hits, truth = counts.diagonal(), counts.sum(axis=0)
    union = counts.sum(axis=1) + truth - hits
    present = (truth > 0) & (np.arange(scene.classes) != FREE)
    ious = hits / np.maximum(union, 1)
    return Quality(right / either if either else math.nan, present_mean(ious, present))
