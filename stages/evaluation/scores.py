"""What an evaluation says: occupancy and semantics, as fractions of 1."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy


@dataclass(frozen=True)
class Scores:
    """Scores over one range. NaN where the benchmark has no number: nothing to score, or a class that is nowhere."""

    iou: float
    """Of occupied against free."""
    precision: float
    recall: float
    miou: float
    """By the rule of the benchmark."""
    miou_present: float
    """Mean over the classes that the truth holds."""
    per_class: dict[str, float]
    """IoU of every class but free."""

    def facts(self) -> dict[str, Any]:
        """For JSON: None in place of NaN."""
        values = {name: _number(getattr(self, name)) for name in ("iou", "miou", "precision", "recall", "miou_present")}
        return {**values, "per_class": {name: _number(value) for name, value in self.per_class.items()}}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def occupancy(confusion: NDArray[np.int64], free_id: int) -> tuple[int, int, int]:
    """Voxels rightly occupied, wrongly occupied and wrongly free, of counts [prediction, truth]."""
    occupied = np.arange(len(confusion)) != free_id
    return (
        int(confusion[np.ix_(occupied, occupied)].sum()),
        int(confusion[occupied, free_id].sum()),
        int(confusion[free_id, occupied].sum()),
    )


def class_counts(
    confusion: NDArray[np.int64], taxonomy: Taxonomy
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each class but free: right ones, and how many are in the prediction and in the truth."""
    ids = list(taxonomy.occupied_ids)
    return confusion.diagonal()[ids], confusion.sum(axis=1)[ids], confusion.sum(axis=0)[ids]


def present_mean(ious: NDArray[np.float64], present: NDArray[np.bool_]) -> float:
    """Mean IoU of the classes that are ``present``, NaN when none is."""
    return float(ious[present].mean()) if present.any() else math.nan
