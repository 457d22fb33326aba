"""A model is refused for what is wrong with it, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pycolmap", reason="the extra colmap is not installed")

from occlabel.stages.geometry.colmap.checks import fault_of
from occlabel.stages.geometry.colmap.mapping import Model

FRAMES = list(range(10))
K = np.array([[700.0, 0, 620], [0, 700, 188], [0, 0, 1]])
GOOD = Model(np.tile(np.eye(4), (10, 1, 1)), np.full(10, 300), K, 0.4, 3.0, 0.1, 0.02, 1)


def lost(*numbers: int) -> np.ndarray[Any, np.dtype[np.float64]]:
    poses = GOOD.world_from_camera.copy()
    poses[list(numbers)] = np.nan
    return poses


def test_a_model_that_holds_has_no_fault() -> None:
    assert fault_of(GOOD, FRAMES, (1240, 376), 1.0) is None
    assert fault_of(replace(GOOD, world_from_camera=lost(0, 9)), FRAMES, (1240, 376), 1.0) is None
    assert fault_of(replace(GOOD, world_from_camera=lost(0, 8, 9)), FRAMES[:8], (1240, 376), 1.0) is None


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (
            {"world_from_camera": lost(7, 8, 9), "parts": 2},
            "only 7 of 10 frames fit into one model, and the rest makes",
        ),
        ({"error": 2.4}, "points lie 2.4 pixels off where images see them"),
        ({"angle": 0.3}, "rays to a point lie 0.3 degrees apart, too little to tell where cameras are"),
        ({"intrinsics": np.diag([50.0, 50.0, 1.0])}, "found to be 50 pixels, a lens that sees 171 degrees"),
        ({"intrinsics": np.diag([2e4, 2e4, 1.0])}, "found to be 20000 pixels, a lens that sees 4 degrees"),
        ({"unsure": 0.2}, "does not tell the focal length (700 pixels, to 20%): the way is too short or too straight"),
        ({"unsure": np.inf}, "does not tell the focal length (700 pixels, or any other)"),
    ],
)
def test_a_model_that_does_not_hold_is_told_why(changed: dict[str, Any], said: str) -> None:
    assert said in str(fault_of(replace(GOOD, **changed), FRAMES, (1240, 376), 1.0))


def test_pixels_are_those_that_points_were_looked_for_in() -> None:
    assert fault_of(replace(GOOD, error=2.4), FRAMES, (2480, 752), 0.5) is None


def test_nothing_built_is_said() -> None:
    assert fault_of(None, FRAMES, (1240, 376), 1.0) == "no two images tell a motion from which points could be laid out"
