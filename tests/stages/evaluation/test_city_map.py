"""Scores of a map are over static classes, and free space is no class."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from occlabel.schemas.taxonomy import LabelClass, Taxonomy
from occlabel.stages.evaluation import occ3d, semantickitti
from occlabel.stages.evaluation.city_map import score
from occlabel.stages.evaluation.scores import Scores

NAMES = ("free", "car", "road", "wall", "pole")
TAXONOMY = Taxonomy(
    name="small",
    free_id=0,
    classes=tuple(LabelClass(id=i, name=name, colour=(0, 0, 0), movable=name == "car") for i, name in enumerate(NAMES)),
)


COUNTS = np.zeros((5, 5), np.int64)  # [map, truth]
COUNTS[2, 2], COUNTS[2, 3], COUNTS[0, 3], COUNTS[3, 3], COUNTS[3, 0], COUNTS[0, 0] = 6, 1, 2, 4, 3, 90


def test_scores_by_hand() -> None:
    found = score(COUNTS, TAXONOMY, semantickitti.score)
    assert found.iou == pytest.approx(11 / 16)
    assert (found.precision, found.recall) == (pytest.approx(11 / 14), pytest.approx(11 / 13))
    assert found.per_class == {"road": pytest.approx(6 / 7), "wall": pytest.approx(4 / 10), "pole": 0.0}
    assert found.miou == pytest.approx((6 / 7 + 4 / 10) / 3)
    assert found.miou_present == pytest.approx((6 / 7 + 4 / 10) / 2)


def test_a_class_that_is_nowhere_has_no_number_in_occ3d() -> None:
    found = score(COUNTS, TAXONOMY, occ3d.score)
    assert found.facts()["per_class"] == {"road": pytest.approx(6 / 7), "wall": pytest.approx(4 / 10), "pole": None}
    assert found.miou == found.miou_present == pytest.approx((6 / 7 + 4 / 10) / 2)
    assert found.iou == pytest.approx(11 / 16)


@pytest.mark.parametrize("benchmark", [semantickitti.score, occ3d.score])
def test_nothing_to_score_is_no_number(benchmark: Callable[[np.ndarray, Taxonomy], Scores]) -> None:
    found = score(np.zeros((5, 5), np.int64), TAXONOMY, benchmark)
    assert math.isnan(found.iou) and math.isnan(found.miou_present)
    assert found.miou == 0 if benchmark is semantickitti.score else math.isnan(found.miou)
