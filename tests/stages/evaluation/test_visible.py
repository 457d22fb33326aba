"""Scores of what is seen and what is hidden equal the golden cases, and are what one counts by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from occlabel.stages.evaluation.visible import VisibleCounts, VisibleScores, object_samples, visible_scores


@pytest.mark.parametrize("case", ["scene", "all_visible", "pred_empty", "invisible_all_occupied"])
def test_scene_scores_equal_the_golden_cases(case: str, shared: Path) -> None:
    golden = np.load(shared / f"golden/vipocc_depth/case_occ_{case}.npz")
    found = visible_scores(golden["is_occupied_pred"], golden["is_occupied"], golden["is_visible"])
    true = [float(golden[name]) for name in ("O_acc", "IE_acc", "IE_rec")]
    np.testing.assert_allclose([found.o_acc, found.ie_acc, found.ie_rec], true, rtol=1e-6)


@pytest.mark.parametrize(("name", "score"), [("object_map", ""), ("object_map_no255", "no255_")])
def test_object_scores_equal_the_golden_cases(name: str, score: str, shared: Path) -> None:
    golden = np.load(shared / "golden/vipocc_depth/case_occ_object.npz")
    ids = golden[name]
    ids = np.where(ids == ids.max(), 0, ids)  # the released code leaves out the largest, object or not
    within = object_samples(ids, int(golden["z_expand"]), int(golden["x_expand"]))
    found = visible_scores(golden["is_occupied_pred"], golden["is_occupied"], golden["is_visible"], within)
    np.testing.assert_allclose(
        [found.o_acc, found.ie_acc, found.ie_rec], golden[f"{score}O_acc_IE_acc_IE_rec"], rtol=1e-6
    )


def test_scores_counted_by_hand() -> None:
    occupied = np.array([True, True, False, False, True, False])
    visible = np.array([True, False, False, False, False, True])  # the first is seen, and so it is free
    predicted = np.array([False, True, True, False, False, False])
    found = visible_scores(predicted, occupied, visible)
    assert found == VisibleScores(o_acc=4 / 6, ie_acc=2 / 4, ie_rec=1 / 2)
    part = visible_scores(predicted, occupied, visible, np.array([1, 1, 0, 0, 0, 0], bool))
    assert (part.o_acc, part.ie_acc) == (1, 1) and math.isnan(part.ie_rec)


def test_rectangles_around_objects_are_cut_at_the_edge() -> None:
    ids = np.zeros((6, 8), np.uint8)
    ids[0:2, 1:3], ids[4, 7] = 3, 9
    picked = object_samples(ids, 1, 2)
    expected = np.zeros((6, 8), bool)
    expected[0:2, 0:4] = expected[3:5, 5:8] = True
    np.testing.assert_array_equal(picked, expected)


def test_frames_count_alike_and_what_has_nothing_to_score_does_not_count() -> None:
    one, other = VisibleCounts(("slice",)), VisibleCounts(("slice",))
    one.add("slice", VisibleScores(0.5, 0.25, math.nan))
    other.add("slice", VisibleScores(1.0, 0.75, 0.5))
    one.merge(other.state())
    assert one.scores() == {"slice": VisibleScores(0.75, 0.5, 0.5)}
    assert VisibleCounts(("slice",)).scores()["slice"].facts() == {"o_acc": None, "ie_acc": None, "ie_rec": None}
