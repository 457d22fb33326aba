"""Scores of SemanticKITTI scene completion, as ``evaluate_completion.py`` of PRBonn/semantic-kitti-api has them.

The counts are summed over all frames first. The ranges of NVlabs/VoxFormer score by the same formulas on a crop.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores, class_counts, occupancy, present_mean

_TINY = 1e-15  # of the official IoU: a class that is nowhere scores 0
_EPSILON = float(np.finfo(np.float32).eps)  # of the official precision and recall


def score(confusion: NDArray[np.int64], taxonomy: Taxonomy) -> Scores:
    """Scores of counts [prediction, truth]. ``miou`` is over all 19 classes: one that is nowhere counts as 0."""
    right, predicted, true = class_counts(confusion, taxonomy)
    ious = right / (predicted + true - right + _TINY)
    hit, false, missed = occupancy(confusion, taxonomy.free_id)
    return Scores(
        iou=hit / (hit + false + missed) if hit else 0.0,
        precision=hit / (hit + false + _EPSILON),
        recall=hit / (hit + missed + _EPSILON),
        miou=float(ious.mean()),
        miou_present=present_mean(ious, true > 0),
        per_class=dict(zip((taxonomy.names[i] for i in taxonomy.occupied_ids), ious.tolist(), strict=True)),
    )
