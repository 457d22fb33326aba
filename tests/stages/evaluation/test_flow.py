"""End-point errors of velocities that are known."""

import math

import numpy as np
import pytest

from occlabel.stages.evaluation.flow import FlowCounts


def test_moving_and_standing_voxels_are_scored_apart() -> None:
    true = np.array([[8.0, 0, 0], [0, 6.0, 0], [0.1, 0, 0], [0, 0, 0], [np.nan] * 3])
    found = np.array([[8.0, 0.3, 0], [np.nan] * 3, [0, 0, 0], [0, 0.7, 0], [9, 9, 9]], np.float16)
    counts = FlowCounts()
    counts.add(found, true)
    scores = counts.scores()
    assert (scores.moving, scores.standing) == (2, 2), "what truth does not know is not asked for"
    assert scores.error == pytest.approx((0.3 + 6) / 2, abs=1e-3), "unknown is as good as standing"
    assert scores.standing_still == pytest.approx(7.0)
    assert scores.within == 0.5 and scores.stirred == 0.5


def test_counts_of_logs_merge_and_nothing_has_no_score() -> None:
    first, second = FlowCounts(), FlowCounts()
    assert math.isnan(first.scores().error) and first.scores().facts()["end_point_error"] is None
    second.add(np.zeros((3, 3)), np.full((3, 3), 2.0))
    first.merge(second.state())
    assert first.scores().moving == 3 and first.scores().error == pytest.approx(math.sqrt(12))
