"""Labels at points: the voxel that holds a point, the mean over frequent classes, the trivial baselines."""

import numpy as np
import pytest

from occlabel.schemas.errors import BadPredictions
from occlabel.schemas.grid import GRIDS
from occlabel.schemas.taxonomy import TAXONOMIES, UNKNOWN
from occlabel.stages.evaluation.confusion import confusion
from occlabel.stages.evaluation.points import height_rule, labels_at, most_frequent, score

TAXONOMY = TAXONOMIES["semantickitti"]


def counts(pairs: dict[tuple[int, int], int]) -> np.ndarray:
    result = np.zeros((20, 20), np.int64)
    for (predicted, true), count in pairs.items():
        result[predicted, true] = count
    return result


def test_a_point_takes_the_label_of_its_voxel() -> None:
    grid = GRIDS["semantickitti"]
    semantics = np.zeros(grid.shape, np.uint8)
    semantics[10, 128, 3] = 9
    points = np.array([[2.1, 0.1, -1.3], [2.19, 0.01, -1.21], [2.21, 0.1, -1.3], [-0.1, 0, 0], [5, 0, 4.5]])
    labels, inside = labels_at(semantics, points, grid)
    assert labels.tolist() == [9, 9, 0]
    assert inside.tolist() == [True, True, True, False, False]


def test_scores_by_hand() -> None:
    # 100 road points: 60 right, 30 free, 10 sidewalk; 100 sidewalk points all right; 49 persons all right.
    scores = score(counts({(9, 9): 60, (0, 9): 30, (11, 9): 10, (11, 11): 100, (6, 6): 49}), TAXONOMY)
    assert scores.per_class["road"] == 0.6
    assert scores.per_class["sidewalk"] == pytest.approx(100 / 110)
    assert scores.per_class["person"] == 1.0
    assert np.isnan(scores.per_class["building"])
    assert scores.miou == pytest.approx((0.6 + 100 / 110) / 2)  # persons are too few
    assert scores.accuracy == pytest.approx(209 / 249)
    assert scores.iou == scores.recall == pytest.approx(219 / 249)
    assert scores.points == 249
    assert scores.facts()["per_class"]["building"] is None


def test_baselines() -> None:
    heights = np.concatenate([np.full(90, -1.7), np.linspace(-1.3, 3, 10)])
    labels = height_rule(heights, TAXONOMY)
    assert (labels[:90] == 9).all()
    assert labels[90] == 1
    assert labels[-1] == 13
    frequent = score(most_frequent(counts({(9, 9): 5, (0, 11): 60, (9, 13): 100})), TAXONOMY)
    assert frequent.accuracy == pytest.approx(100 / 165)
    assert frequent.miou == pytest.approx(100 / 165 / 2)  # of building and sidewalk; there are 5 road points


def test_a_prediction_that_is_no_class_is_refused_where_it_is_scored() -> None:
    truth = np.array([1, 2, UNKNOWN, 3], np.uint8)
    predicted = np.array([1, 2, UNKNOWN, UNKNOWN], np.uint8)
    scored = np.array([True, True, True, False])
    assert confusion(predicted, truth, scored, 20, "p").sum() == 2
    with pytest.raises(BadPredictions, match=r"a\.label predicts an id that is no class .* on 1 scored"):
        confusion(predicted, truth, np.ones(4, bool), 20, "a.label")
