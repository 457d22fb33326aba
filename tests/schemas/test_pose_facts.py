"""A way that no car drives is found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from occlabel.schemas.geometry import yaw_rotation
from occlabel.schemas.pose_facts import pose_facts, worst_leap


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


@pytest.mark.parametrize("turned", [0, 90, -90])
def test_scans_that_are_turned_against_the_poses_are_found(turned: int) -> None:
    draw = np.random.default_rng(3)
    feet = draw.uniform([-20, -15], [60, 15], (60, 2))
    posts = np.concatenate([np.column_stack([np.tile(foot, (12, 1)), np.linspace(0, 2, 12)]) for foot in feet])
    poses = np.tile(np.eye(4), (21, 1, 1))
    poses[:, 0, 3] = 2.0 * np.arange(21)
    lies = yaw_rotation(np.radians(turned))[:3, :3]

    def scan(row: int) -> NDArray[np.float64]:
        return (posts - poses[row, :3, 3]) @ lies

    facts = pose_facts(list(poses), [n / 10 for n in range(21)], [str(n) for n in range(21)], scan)
    assert facts.turned == turned and facts.usable == (turned == 0)
    if facts.turned:
        assert facts.fault is not None and f"turned to the {'left' if turned > 0 else 'right'} by 90" in facts.fault
