"""Scores of a city map: the static classes only, as in Table VI of OccFiner."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores, class_counts, occupancy, present_mean


def score(confusion: NDArray[np.int64], taxonomy: Taxonomy) -> Scores:
    """Scores of counts [prediction, truth] in which no movable class occurs.

    ``miou`` is over all static classes: one that is nowhere counts as 0, as in SemanticKITTI; ``per_class`` has the
    static classes.
    """
    right, predicted, true = class_counts(confusion, taxonomy)
    ious = right / np.maximum(predicted + true - right, 1)
    static = np.array([not taxonomy.classes[i].movable for i in taxonomy.occupied_ids])
    names = [taxonomy.names[i] for i in taxonomy.occupied_ids]
    hit, false, missed = occupancy(confusion, taxonomy.free_id)
    return Scores(
        iou=_share(hit, hit + false + missed),
        precision=_share(hit, hit + false),
        recall=_share(hit, hit + missed),
        miou=float(ious[static].mean()) if static.any() else math.nan,
        miou_present=present_mean(ious, static & (true > 0)),
        per_class={name: float(iou) for name, iou, kept in zip(names, ious, static, strict=True) if kept},
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
