"""Which frames vote, and how much of the target they see."""

import numpy as np
import pytest

from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.grid import GRIDS, overlap
from occlabel.stages.voting.window import sources, window

GRID = GRIDS["semantickitti"]


def shifted(x: float, y: float = 0.0) -> np.ndarray:
    result = np.eye(4)
    result[:2, 3] = x, y
    return result


def test_window_steps_from_the_target_and_stays_in_the_log() -> None:
    assert window(10, 100, radius=2, stride=1) == [8, 9, 10, 11, 12]
    assert window(10, 100, radius=2, stride=3) == [4, 7, 10, 13, 16]
    assert window(1, 4, radius=25, stride=2) == [1, 3]


def test_overlap_is_the_share_of_the_box() -> None:
    assert overlap(np.eye(4), GRID) == 1.0
    assert overlap(shifted(25.6), GRID) == 0.5
    assert overlap(shifted(25.6, 25.6), GRID) == 0.25
    assert overlap(shifted(51.2), GRID) == 0.0
    assert overlap(yaw_rotation(np.pi), GRID) == 0.0  # the grid lies ahead only
    assert overlap(yaw_rotation(0.4), GRID) == pytest.approx(overlap(yaw_rotation(-0.4), GRID))


def test_sources_need_a_pose_and_enough_overlap() -> None:
    poses = [shifted(0.0), None, shifted(20.0), shifted(30.0)]
    assert [frame for frame, _ in sources(2, poses, GRID, 25, 1, 0.0)] == [0, 2, 3]
    assert [frame for frame, _ in sources(2, poses, GRID, 25, 1, 0.7)] == [2, 3]
    [(frame, move)] = sources(1, poses, GRID, 25, 1, 0.0)
    assert frame == 1
    assert (move == np.eye(4)).all()
    moves = dict(sources(2, poses, GRID, 25, 1, 0.0))
    np.testing.assert_allclose(moves[3] @ [0, 0, 0, 1], [10, 0, 0, 1])
