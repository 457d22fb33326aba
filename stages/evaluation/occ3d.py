"""Scores of Occ3D-nuScenes, as its ``Metric_mIoU`` has them: voxels in ``mask_camera``, counts over all frames."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from occlabel.schemas.taxonomy import Taxonomy
from occlabel.stages.evaluation.scores import Scores, class_counts, occupancy, present_mean


def score(confusion: NDArray[np.int64], taxonomy: Taxonomy) -> Scores:
    """Scores of counts [prediction, truth]. ``miou`` is over the classes but free that the prediction or the truth
    holds ("others" is one); the benchmark prints it in percent. It has no precision and recall: these are plain."""
    right, predicted, true = class_counts(confusion, taxonomy)
    union = predicted + true - right
    ious = np.where(union > 0, right / np.maximum(union, 1), math.nan)
    hit, false, missed = occupancy(confusion, taxonomy.free_id)
    return Scores(
        iou=_share(hit, hit + false + missed),
        precision=_share(hit, hit + false),
        recall=_share(hit, hit + missed),
        miou=present_mean(ious, union > 0),
        miou_present=present_mean(ious, true > 0),
        per_class=dict(zip((taxonomy.names[i] for i in taxonomy.occupied_ids), ious.tolist(), strict=True)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else math.nan
