"""Scores of depth equal the golden cases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from occlabel.stages.evaluation.depth import Scaling, depth_scores

NAMES: dict[Scaling, str] = {"none": "none", "median": "median", "line": "l2"}


@pytest.mark.parametrize("scaling", list(NAMES))
@pytest.mark.parametrize("case", ["metrics", "metrics_extreme_pred", "metrics_same_size"])
def test_depth_scores_equal_the_golden_cases(case: str, scaling: Scaling, shared: Path) -> None:
    golden = np.load(shared / f"golden/vipocc_depth/case_{case}.npz")
    found = depth_scores(golden["depth_pred_resized"], golden["depth_gt"], scaling)
    said = (found.abs_rel, found.sq_rel, found.rmse, found.rmse_log, *found.within)
    names = ("abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3")
    true = [float(golden[f"{NAMES[scaling]}_{name}"]) for name in names]
    np.testing.assert_allclose(said, true, rtol=2e-4)


def test_what_is_exact_is_off_by_nothing() -> None:
    depth = np.random.default_rng(0).uniform(1, 79, (9, 9))
    found = depth_scores(2 * depth, depth, "median")
    assert found.abs_rel < 1e-12 and found.within == (1, 1, 1)
