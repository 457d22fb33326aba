"""Scores of a map are over static classes, and free space is no class."""

import math

import numpy as np
import pytest

from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.evaluation.city_map import score

NAMES = ("free", "car", "road", "wall", "pole")
TAXONOMY = Taxonomy(
    name="small",
    free_id=0,
    classes=tuple(LabelClass(id=i, name=name, colour=(0, 0, 0), movable=name == "car") for i, name in enumerate(NAMES)),
)


def test_scores_by_hand() -> None:
    counts = np.zeros((5, 5), np.int64)  # [map, truth]
    counts[2, 2], counts[2, 3], counts[0, 3], counts[3, 3], counts[3, 0], counts[0, 0] = 6, 1, 2, 4, 3, 90
    found = score(counts, TAXONOMY)
    assert found.iou == pytest.approx(11 / 16)
    assert (found.precision, found.recall) == (pytest.approx(11 / 14), pytest.approx(11 / 13))
    assert found.per_class == {"road": pytest.approx(6 / 7), "wall": pytest.approx(4 / 10), "pole": 0.0}
    assert found.miou == pytest.approx((6 / 7 + 4 / 10) / 3)
    assert found.miou_present == pytest.approx((6 / 7 + 4 / 10) / 2)


def test_nothing_to_score_is_no_number() -> None:
    found = score(np.zeros((5, 5), np.int64), TAXONOMY)
    assert math.isnan(found.iou) and math.isnan(found.miou_present)
