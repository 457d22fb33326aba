"""A way that no car drives is found."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.schemas.pose_facts import worst_leap


def test_a_way_that_leaps_is_found_where_it_does() -> None:
    poses = np.tile(np.eye(4), (10, 1, 1))
    poses[:, 0, 3] = np.arange(10) * 1.5
    times = [i / 10 for i in range(10)]
    assert worst_leap(list(poses), times) is None
    kept = [number for number in range(10) if number != 4]
    assert worst_leap(list(poses[kept]), [times[number] for number in kept]) is None, "twice as long, twice as far"
    poses[7:, 1, 3] += 3.0
    poses[8:, 1, 3] += 1.0
    assert worst_leap(list(poses), times) == (pytest.approx(3.0), 7)
