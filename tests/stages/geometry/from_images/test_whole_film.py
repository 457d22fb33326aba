"""Of a film over a whole log: what no car drives is found."""

from __future__ import annotations

import numpy as np
import pytest

from occlabel.stages.geometry.from_images.whole_film import jump_in


def test_a_way_that_leaps_is_found_where_it_does() -> None:
    poses = np.tile(np.eye(4), (10, 1, 1))
    poses[:, 0, 3] = np.arange(10) * 1.5
    times = [i / 10 for i in range(10)]
    assert jump_in(poses, times) is None
    poses[4] = np.nan
    assert jump_in(poses, times) is None, "a frame without a pose is none that leaps"
    poses[7:, 1, 3] += 3.0
    poses[8:, 1, 3] += 1.0
    assert jump_in(poses, times) == (7, pytest.approx(3.0))
