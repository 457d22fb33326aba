"""Scores of a city map: the static classes only, as in Table VI of OccFiner."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores, class_counts, occupancy, present_mean


def score(
    confusion: NDArray[np.int64], taxonomy: Taxonomy, benchmark: Callable[[NDArray[np.int64], Taxonomy], Scores]
) -> Scores:
    """Scores of counts [prediction, truth] in which no movable class occurs.

    ``per_class`` has the static classes, ``miou`` is over those that have a number by the rule of ``benchmark``: one
    that is nowhere counts as 0 in SemanticKITTI and is left out in Occ3D.
    """
    true = class_counts(confusion, taxonomy)[2]
    static = np.array([not taxonomy.classes[i].movable for i in taxonomy.occupied_ids])
    found = benchmark(confusion, taxonomy).per_class
    names, ious = list(found), np.array(list(found.values()))
    hit, false, missed = occupancy(confusion, taxonomy.free_id)
    return Scores(
        iou=_share(hit, hit + false + missed),
        precision=_share(hit, hit + false),
        recall=_share(hit, hit + missed),
        miou=present_mean(ious, static & ~np.isnan(ious)),
        miou_present=present_mean(ious, static & (true > 0)),
        per_class={name: float(iou) for name, iou, kept in zip(names, ious, static, strict=True) if kept},
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
